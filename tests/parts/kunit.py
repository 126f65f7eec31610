# SPDX-License-Identifier: GPL-2.0-only
"""The KUnit suite in kernels of the boot tests, and in those of the kernel's own tools/testing/kunit; its KTAP."""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys

import apply
import build
import compilers
import packages
import sources
from archs import ROOT, Arch, here
from errors import BuildFailed
from parts.common import Results, chosen, from_tap

SUITE = ROOT / "kernel/crash_stop_test.c"
CONFIG = ROOT / "tests/kunit/kunitconfig"
KERNELS = apply.KERNELS[1:]  # the first has no kunit.py that knows s390 and powerpc with SMP
GUEST_S = 600


def cases(source: str) -> list[str]:
    """The names of the cases, in order."""
    return re.findall(r"^\tKUNIT_CASE\((\w+)\),$", source, re.M)


def read(ktap: str, names: list[str]) -> tuple[Results, list[str]]:
    """What became of each case and of the suite, and which were skipped, with the cause. What says nothing has failed."""
    said = dict(from_tap(ktap, 0, "KUnit said something"))
    # The cause stands before the case: "# name: EXPECTATION FAILED at file:line", and what was expected below.
    why = {m[1]: f"{m[2]}: {' '.join(m[3].split())}" for m in re.finditer(
        r"^ {4}# (\w+): (?:EXPECTATION|ASSERTION) FAILED at (\S+)\n[ \t]*(.*)$", ktap, re.M)}
    results = [(name, (bad := said.get(name, "did not run")) and why.get(name, bad)) for name in (*names, "crash_stop")]
    return results, [f"{m[1]}: {m[2]}" for m in re.finditer(r"^ *ok \d+ (\w+) # SKIP ?(.*)$", ktap, re.M)]


def _boot(kernel: build.Kernel, log: pathlib.Path) -> tuple[int, str]:
    """The console of a boot, on the machine of the boot tests: kunit.py would take a KVM that is there but does not work."""
    arch = kernel.arch
    line = [arch.get("qemu", "binary"), *shlex.split(arch.get("qemu", "args")), "-no-reboot", "-kernel", str(kernel.image),
            "-append", f"{arch.get('qemu', 'append')} kunit.enable=1 kunit.autorun=1 kunit_shutdown=reboot"]
    try:
        run = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=GUEST_S)
        code, said = run.returncode, run.stdout + run.stderr
    except subprocess.TimeoutExpired as error:
        code, said = -1, (error.stdout or b"").decode(errors="replace")
    with log.open("a") as out:
        out.write(f"$ {shlex.join(line)}\n{said}")
    return code, said.replace("\r", "")


def _tool(word: str, tree: pathlib.Path, out: pathlib.Path, arch: Arch, log: pathlib.Path) -> str:
    """kunit.py makes its own configuration for our suite, or builds it; what is wrong, or nothing."""
    line = [sys.executable, "tools/testing/kunit/kunit.py", word, f"--build_dir={out}", f"--kunitconfig={CONFIG}",
            f"--arch={arch.get('tests', 'kunit')}", *([f"--jobs={os.cpu_count() or 2}"] if word == "build" else []),
            *(f"--make_options={words}" for words in compilers.words(compilers.GCC, arch))]
    # It takes an existing configuration for the one that was asked for.
    (out / ".kunitconfig").unlink(missing_ok=True)
    run = subprocess.run(line, cwd=tree, capture_output=True, text=True, errors="replace", env=dict(os.environ, **build.ENVIRONMENT))
    with log.open("a") as to:
        to.write(f"$ cd {tree} && {shlex.join(line)}\n{run.stdout}{run.stderr}")
    if not run.returncode:
        return ""
    errors = [l for l in (run.stdout + run.stderr).splitlines() if re.search(r"rror[: ]|not found|missing", l)]
    return f"kunit.py {word}: {(errors or ['failed'])[0].strip()} (log: {log})"


def _kernel(label: str, arch: Arch, own: bool) -> tuple[build.Kernel, pathlib.Path, str]:
    """A kernel with the suite: as kunit.py builds it, or the boot tests' one with a few objects more; its log, what is wrong."""
    with sources.using(label, True) as (version, tree):
        out = sources.CACHE / "build" / f"kunit-{label}-{arch.name}"
        with build.folder(out) as log:
            why = _tool("build" if own else "config", tree, out, arch, log)
    return build.Kernel(label, version, True, "kunit", arch, tree, out) if own else build.build(label, arch, True, "kunit"), log, why


def _run(label: str, arch: Arch, own: bool) -> Results:
    """One kernel on one architecture."""
    packages.need(*packages.BUILD, *arch.get("arch", "packages").split(), "python3")
    build.need_compiler(arch)
    kernel, log, why = _kernel(label, arch, own)
    if own and why:
        raise BuildFailed(f"Linux {label} {arch.name}: {why}")
    code, said = _boot(kernel, log)
    # The console puts time stamps before each line.
    results, skipped = read(re.sub(r"^\[ *[\d.]+\] ?", "", said, flags=re.M), cases(SUITE.read_text()))
    results.append(("the guest came to its end", f"exit code {code} (log: {log})" if code else ""))
    if not own:
        results.append(("kunit.py makes a configuration for it", why))
    for case in skipped:
        print(f"   Linux {label} {arch.name}: skipped {case}")
    return [(f"Linux {label} {arch.name}{' by kunit.py' if own else ''}: {name}", why) for name, why in results]


def kunit(args: argparse.Namespace) -> Results:
    """The KUnit suite on real kernels; --all: on those that kunit.py configures and builds, too."""
    arches = [a for a in chosen(args) if a.get("tests", "kunit")]
    if not args.all and not args.arch:
        arches = [a for a in arches if a.name == here()] or arches[:1]
    kernels = KERNELS if args.all or args.arch else KERNELS[-1:]
    return [result for own in ((False, True) if args.all else (False,)) for arch in arches for kernel in kernels
            for result in _run(kernel, arch, own)]
