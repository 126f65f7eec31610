# SPDX-License-Identifier: GPL-2.0-only
"""The parts about kernel trees: the rules, identical objects, warnings, size."""

from __future__ import annotations

import argparse
import functools
import pathlib
import re
import subprocess

import apply
import build
import packages
import rules
import sources
from archs import ROOT, Arch
from errors import BuildFailed, Unusable
from parts.common import Results, call, chosen, native, sources_of

SIZE_MAX = 13 * 1024
# Warnings in what we add; the compiler's and objtool's.
OURS = re.compile(r"(crash_(stop|step|standby|notify|clock)\w*|panic_mutex)\.[ch]:\d+:\d+: (warning|error).*|"
                  r"(crash_(stop|step|standby|notify|clock)\w*|panic_mutex)\.o: warning: objtool.*")


def applies(args: argparse.Namespace) -> Results:
    """The rules match each kernel exactly once, and twice is once."""
    results = []
    for kernel in apply.KERNELS:
        why = ""
        try:
            _, tree = sources.tree(kernel, True)
            if apply.apply_layer(tree):
                why = "the second run changed the tree"
        except (Unusable, rules.RuleError) as error:
            why = str(error)
        results.append((f"the layer applies to Linux {kernel}, twice as once", why))
    return results


def _objects(arch: Arch, kernel: str) -> list[str]:
    """The objects of existing files that the rules change on this architecture."""
    files = [rule.file_in(kernel) for folder in (ROOT / "kernel", arch.folder) for path in folder.glob("*.cocci")
             for rule in rules.load(path, path.name)]
    return sorted({f[:-2] + ".o" for f in files if f and f.endswith(".c") and not f.startswith("tools/")})


def _code(path: pathlib.Path) -> str:
    """What an object consists of, without what does not reach the kernel."""
    dump = subprocess.run(["objdump", "-s", "-r", str(path)], capture_output=True, text=True, check=True).stdout
    parts = re.split(r"^(?=Contents of section |RELOCATION RECORDS FOR )", dump, flags=re.M)[1:]
    apart = re.compile(r"(?:Contents of section |RELOCATION RECORDS FOR \[)(\.comment|\.note|\.discard|\.debug)")
    return "".join(p for p in parts if not apart.match(p))


def _kernels(arch: Arch, args: argparse.Namespace, turn: int) -> list[str]:
    """Which kernels the slice compiles: one in turn for each architecture."""
    if args.all or args.arch:
        return list(apply.KERNELS)
    names = [a.name for a in chosen(args)]
    return [apply.KERNELS[(names.index(arch.name) + turn) % len(apply.KERNELS)]]


def _folder(name: str) -> pathlib.Path:
    out = sources.CACHE / "build" / name
    out.mkdir(parents=True, exist_ok=True)
    (out / "crash-stop.log").write_text("")
    return out


@functools.cache
def _lined(kernel: str) -> pathlib.Path:
    """The patched tree, in which what is unchanged has the line numbers of the stock one: warnings carry theirs as data."""
    (_, stock), (_, patched) = sources.tree(kernel, False), sources.tree(kernel, True)
    lined = patched.with_name(f"{kernel}-lined")
    packages.run(["rsync", "-a", "--delete", f"--link-dest={patched}", f"{patched}/", f"{lined}/"])
    for name in apply.touched(patched):
        if name.endswith((".c", ".h")) and (stock / name).exists():
            _, text = call(["diff", "--unchanged-group-format=#line %df\n%=", "--old-group-format=", "--new-group-format=%>",
                            "--changed-group-format=%>", str(stock / name), str(patched / name)])
            (lined / name).unlink()
            (lined / name).write_text(text)
    return lined


def _without(arch: Arch, kernel: str, tree: pathlib.Path) -> dict[str, str]:
    """The code of the touched objects with CONFIG_CRASH_STOP=n."""
    # One folder for both trees, so that no path differs.
    out = _folder(f"identical-{kernel}-{arch.name}")
    one = build.Kernel(kernel, kernel, False, build.PLAIN, arch, tree, out)
    log = out / "crash-stop.log"
    (out / "wanted").write_text(build.fragment(arch).replace("CONFIG_CRASH_STOP=y", "# CONFIG_CRASH_STOP is not set"))
    build.make(one, "allnoconfig", log=log, extra=(f"KCONFIG_ALLCONFIG={out / 'wanted'}",))
    objects = _objects(arch, kernel)
    build.make(one, *objects, log=log)
    return {o: _code(out / o) for o in objects}


def identical(args: argparse.Namespace) -> Results:
    """CONFIG_CRASH_STOP=n gives the object code of the unpatched tree."""
    packages.need(*packages.BASE, *packages.BUILD, *packages.TEST)
    results = []
    for arch in chosen(args):
        build.need_compiler(arch)
        for kernel in _kernels(arch, args, 0):
            try:
                stock, patched = _without(arch, kernel, sources.tree(kernel, False)[1]), _without(arch, kernel, _lined(kernel))
            except BuildFailed as error:
                results.append((f"CONFIG_CRASH_STOP=n, Linux {kernel} {arch.name} builds", str(error)))
                continue
            results += [(f"CONFIG_CRASH_STOP=n, Linux {kernel} {arch.name}: {name} is as it was",
                         "" if stock[name] == patched[name] else "differs") for name in stock]
    return results


def compiles(args: argparse.Namespace) -> Results:
    """What we add and what it touches compiles with W=1, no warning in ours; the architectures' own variants too."""
    packages.need(*packages.BASE, *packages.BUILD, *packages.TEST)
    results = []
    for arch in chosen(args):
        build.need_compiler(arch)
        for kernel, variant in ((k, v) for k in _kernels(arch, args, 1) for v in (build.PLAIN, *arch.names("variant"))):
            version, tree = sources.tree(kernel, True)
            out = _folder(f"new-{kernel}-{arch.name}-{variant}")
            one = build.Kernel(kernel, version, True, variant, arch, tree, out)
            log = out / "crash-stop.log"
            build.configure(one, log)
            new = sources_of(arch)
            for name in new:
                (out / name).unlink(missing_ok=True)
            more = arch.get(f"variant {variant}", "objects").split()
            try:
                build.make(one, *new, *_objects(arch, kernel), *more, log=log, extra=("W=1",))
            except BuildFailed as error:
                results.append((f"Linux {kernel} {arch.name} {variant}: what we add compiles with W=1", str(error)))
                continue
            warnings = [m[0] for m in map(OURS.search, log.read_text(errors="replace").splitlines()) if m]
            results.append((f"Linux {kernel} {arch.name} {variant}: what we add compiles with W=1, no warning",
                            "; ".join(warnings[:2])))
    return results


def size(args: argparse.Namespace) -> Results:
    """text + data + bss that the layer adds to a kernel with NR_CPUS=64."""
    results = []
    for arch in native(args):
        linked = {}
        for patched in (False, True):
            kernel = build.build("7.3", arch, patched)
            linked[patched] = [int(n) for n in call(["size", str(kernel.out / "vmlinux")])[1].splitlines()[1].split()[:3]]
        # The linker rounds whole sections up, so add what the objects hold.
        text = call(["size", *[str(kernel.out / n) for n in sources_of(arch)]])[1].splitlines()[1:]
        objects = sum(int(n) for line in text for n in line.split()[:3])
        more = [there - before for before, there in zip(linked[False], linked[True])]
        print(f"size: {arch.name}: our objects {objects} bytes; vmlinux text {more[0]:+} data {more[1]:+} bss {more[2]:+}")
        results.append((f"{arch.name}: the layer adds at most {SIZE_MAX} bytes",
                        "" if objects <= SIZE_MAX and sum(more) <= 3 * SIZE_MAX
                        else f"{objects} bytes in objects, {sum(more)} linked"))
    return results
