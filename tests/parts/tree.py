# SPDX-License-Identifier: GPL-2.0-only
"""The parts about kernel trees: the rules, identical objects, warnings, size."""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import pathlib
import re

import apply
import bench
import build
import objects
import packages
import rules
import sources
from archs import ROOT, Arch
from errors import BuildFailed, Unusable
from parts.common import Results, call, chosen, native

SIZE_MAX = 13 * 1024 + 512
# What has an option of its own is shown, and not counted.
OPTIONS = {"kernel/crash_stop_rungs.o": "CONFIG_CRASH_STOP_RUNGS"}
# Warnings in what we add; the compiler's and objtool's.
OURS = re.compile(r"(crash_(stop|step|standby|notify|clock)\w*|panic_mutex)\.[ch]:\d+:\d+: (warning|error).*|"
                  r"(crash_(stop|step|standby|notify|clock)\w*|panic_mutex)\.o: warning: objtool.*")


def applies(args: argparse.Namespace) -> Results:
    """The rules match each kernel exactly once, and twice is once."""
    def twice(kernel: str) -> str:
        try:
            _, tree = sources.tree(kernel, True)
            return "the second run changed the tree" if apply.apply_layer(tree) else ""
        except (Unusable, rules.RuleError) as error:
            return str(error)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [(f"the layer applies to Linux {kernel}, twice as once", why)
                for kernel, why in zip(apply.KERNELS, pool.map(twice, apply.KERNELS))]


def _kernels(arch: Arch, args: argparse.Namespace, turn: int) -> list[str]:
    """Which kernels the slice compiles: one in turn for each architecture."""
    if args.all or args.arch:
        return list(apply.KERNELS)
    names = [a.name for a in chosen(args)]
    return [apply.KERNELS[(names.index(arch.name) + turn) % len(apply.KERNELS)]]


def _without(arch: Arch, kernel: str, tree: pathlib.Path) -> dict[str, str]:
    """The code of the touched objects with CONFIG_CRASH_STOP=n."""
    # One folder for both trees, so that no path differs.
    out = sources.CACHE / "build" / f"identical-{kernel}-{arch.name}"
    with build.folder(out) as log:
        one = build.Kernel(kernel, kernel, False, build.PLAIN, arch, tree, out)
        (out / "wanted").write_text(build.fragment(arch).replace("CONFIG_CRASH_STOP=y", "# CONFIG_CRASH_STOP is not set"))
        build.make(one, "allnoconfig", log=log, extra=(f"KCONFIG_ALLCONFIG={out / 'wanted'}",))
        touched = objects.touched(arch, kernel)
        build.make(one, *touched, log=log)
        return {o: objects.code(out / o) for o in touched}


def identical(args: argparse.Namespace) -> Results:
    """CONFIG_CRASH_STOP=n gives the object code of the unpatched tree."""
    packages.need(*packages.BASE, *packages.BUILD, *packages.TEST)
    results = []
    for arch in chosen(args):
        build.need_compiler(arch)
        for kernel in _kernels(arch, args, 0):
            try:
                with sources.using(kernel, False) as (_, stock), sources.using(kernel, True) as (_, patched):
                    before, after = _without(arch, kernel, stock), _without(arch, kernel, objects.lined(stock, patched))
            except BuildFailed as error:
                results.append((f"CONFIG_CRASH_STOP=n, Linux {kernel} {arch.name} builds", str(error)))
                continue
            results += [(f"CONFIG_CRASH_STOP=n, Linux {kernel} {arch.name}: {name} is as it was",
                         "" if before[name] == after[name] else "differs") for name in before]
    return results


def _compiles(arch: Arch, kernel: str, variant: str) -> str:
    """What the compiler has against what we add, or nothing."""
    with sources.using(kernel, True) as (version, tree):
        out = sources.CACHE / "build" / f"new-{kernel}-{arch.name}-{variant}"
        with build.folder(out) as log:
            one = build.Kernel(kernel, version, True, variant, arch, tree, out)
            build.configure(one, log)
            new = objects.added(arch)
            for name in new:
                (out / name).unlink(missing_ok=True)
            try:
                more = arch.variants()[variant].objects
                build.make(one, *new, *objects.touched(arch, kernel), *more, log=log, extra=("W=1",))
            except BuildFailed as error:
                return str(error)
            return "; ".join([m[0] for m in map(OURS.search, log.read_text(errors="replace").splitlines()) if m][:2])


def compiles(args: argparse.Namespace) -> Results:
    """What we add and what it touches compiles with W=1, no warning in ours; the architectures' own variants too."""
    packages.need(*packages.BASE, *packages.BUILD, *packages.TEST)
    results = []
    for arch in chosen(args):
        build.need_compiler(arch)
        variants = [v for v in arch.names("variant") if arch.variants()[v].objects]
        results += [(f"Linux {kernel} {arch.name} {variant}: what we add compiles with W=1, no warning",
                     _compiles(arch, kernel, variant))
                    for kernel in _kernels(arch, args, 1) for variant in (build.PLAIN, *variants)]
    return results


def size(args: argparse.Namespace) -> Results:
    """text + data + bss of our objects with NR_CPUS=64; --all and --arch: and what the linked kernel grows by."""
    results = []
    for arch in native(args):
        kernel = build.build("7.3", arch, True)
        names = objects.added(arch)
        text = call(["size", *[str(kernel.out / n) for n in names]])[1].splitlines()[1:]
        each = {name: sum(map(int, line.split()[:3])) for name, line in zip(names, text)}
        apart = {OPTIONS[name]: each.pop(name) for name in OPTIONS}
        held = sum(each.values())
        print(f"size: {arch.name}: our objects {held} bytes, {', '.join(f'{o} {n}' for o, n in apart.items())}")
        results.append((f"{arch.name}: the layer adds at most {SIZE_MAX} bytes", "" if held <= SIZE_MAX else f"{held} bytes"))
        if args.all or args.arch:
            # The linker rounds whole sections up.
            stock, ours = bench.sizes(build.build("7.3", arch, False)), bench.sizes(kernel)
            more = {section: ours[section] - before for section, before in stock.items()}
            print(f"size: {arch.name}: vmlinux {', '.join(f'{section} {n:+}' for section, n in more.items())}")
            results.append((f"{arch.name}: the linked kernel grows by no more than rounding makes of it",
                            "" if sum(more.values()) <= 3 * SIZE_MAX else f"{sum(more.values())} bytes"))
    return results
