# SPDX-License-Identifier: GPL-2.0-only
"""crash-stop test: the parts, what they cost, and their sum.

A part is a function that returns what passed and what failed by name. The
default is the slice that CI runs; --all adds every scenario on every kernel.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Callable

import apply
import archs
import build
import packages
import rules
import sources
from archs import ROOT
from errors import EXIT_FAILED, EXIT_HELD, BuildFailed, Unusable

sys.path.insert(0, str(ROOT / "tests/boot"))

Results = list[tuple[str, str]]  # name, and why it failed or ""

SIZE_MAX = 12 * 1024
# What the stock kernel and ours do in turn, for the comparison; medians of so many.
COMPARE_RUNS = 5
# How often a case that failed is run again; it fails if any of these fails too.
RETRIES = 2
# The kernels of the boot slice that are built otherwise, and what they run.
VARIANT_CASES = {
    "lockdep": ("plain", "wedged", "three", "dumper-fault", "oops"),
    "rt": ("plain", "wedged", "three", "dumper-fault", "in-oops-dump"),
}


def _call(command: list[str], cwd: pathlib.Path = ROOT) -> tuple[int, str]:
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def unit(args: argparse.Namespace) -> Results:
    """The core's own files against a fake machine that misbehaves."""
    out = sources.CACHE / "unit"
    run = subprocess.run(["make", "-s", "-C", "tests/unit", f"O={out}", "check"], cwd=ROOT, capture_output=True, text=True)
    results = [(m[2], "" if m[1] == "ok" else "failed")
               for m in re.finditer(r"^(ok|not ok) \d+ - (\S+)", run.stdout, re.M)]
    if run.returncode or not results:
        sys.stdout.write(run.stdout[-4000:] + run.stderr[-2000:])
        results.append(("the unit tests ran through", f"exit code {run.returncode}"))
    return results


def mutants(args: argparse.Namespace) -> Results:
    """Broken variants of the core, each of which the unit tests must notice."""
    code, text = _call(["sh", "tests/unit/mutate.sh", str(sources.CACHE / "mutants")])
    results = [(f"mutant {m[2]}", "" if m[1] == "ok" else "survived")
               for m in re.finditer(r"^(ok|not ok) \d+ - (.+)", text, re.M)]
    if code or not results:
        sys.stdout.write(text[-3000:])
        results.append(("every mutant was noticed", f"exit code {code}"))
    return results


def verdicts(args: argparse.Namespace) -> Results:
    """The verdict code on recorded consoles, and the other Python modules."""
    code, text = _call([sys.executable, "-m", "unittest", "-v", "-b", "test_verdict", "test_apply", "test_build", "test_cli"],
                       ROOT / "tests/python")
    results = [(m[1], "" if m[2] == "ok" else m[2])
               for m in re.finditer(r"^(test_\w+) .*?\.\.\. (ok|FAIL|ERROR)", text, re.M | re.S)]
    if code or not results:
        sys.stdout.write(text[-4000:])
        results.append(("the Python tests ran through", f"exit code {code}"))
    return results


def _kernels(args: argparse.Namespace) -> list[str]:
    return list(apply.KERNELS)


def applies(args: argparse.Namespace) -> Results:
    """The rules match each kernel exactly once, and twice is once."""
    results = []
    for kernel in _kernels(args):
        why = ""
        try:
            _, tree = sources.tree(kernel, True)
            if apply.apply_layer(tree):
                why = "the second run changed the tree"
        except (Unusable, rules.RuleError) as error:
            why = str(error)
        results.append((f"the layer applies to Linux {kernel}, twice as once", why))
    return results


def _objects(tree: pathlib.Path, kernel: str) -> list[str]:
    """The objects of existing files that the rules change."""
    files = [rule.file_in(kernel) for pattern in apply.LAYER_RULES for path in ROOT.glob(pattern)
             for rule in rules.load(path, path.name)]
    return sorted({f[:-2] + ".o" for f in files if f and f.endswith(".c") and not f.startswith("tools/")})


def _code(path: pathlib.Path) -> str:
    """What an object consists of, without what holds line numbers or does not reach the kernel."""
    dump = subprocess.run(["objdump", "-s", "-r", str(path)], capture_output=True, text=True, check=True).stdout
    parts = re.split(r"^(?=Contents of section |RELOCATION RECORDS FOR )", dump, flags=re.M)[1:]
    apart = re.compile(r"(?:Contents of section |RELOCATION RECORDS FOR \[)(__bug_table|\.comment|\.note|\.discard|\.debug)")
    return "".join(p for p in parts if not apart.match(p))


def identical(args: argparse.Namespace) -> Results:
    """CONFIG_CRASH_STOP=n gives the object code of the unpatched tree; =y compiles without warnings."""
    arch = archs.load()["x86_64"]
    packages.need(*packages.BASE, *packages.BUILD, *packages.TEST)
    results = []
    for kernel in _kernels(args):
        code = {}
        for patched in (False, True):
            _, tree = sources.tree(kernel, patched)
            out = sources.CACHE / "build" / f"identical-{kernel}"
            objects = _objects(tree, kernel)
            one = build.Kernel(kernel, kernel, patched, "plain", arch, tree, out)
            out.mkdir(parents=True, exist_ok=True)
            log = out / "crash-stop.log"
            log.write_text("")
            config = (ROOT / "cross-build/config/common.config").read_text() + arch.config
            (out / "wanted").write_text(config.replace("CONFIG_CRASH_STOP=y", "# CONFIG_CRASH_STOP is not set"))
            build._make(one, "allnoconfig", log=log, extra=(f"KCONFIG_ALLCONFIG={out / 'wanted'}",))
            build._make(one, *objects, log=log)
            code[patched] = {o: _code(out / o) for o in objects}
        for name in objects:
            same = code[False][name] == code[True][name]
            results.append((f"CONFIG_CRASH_STOP=n, Linux {kernel}: {name} is as it was", "" if same else "differs"))
    results += _compiles(arch)
    return results


# What wraps the stop on hypervisors; compiled, since there is none here to run on.
HOOKS = ("arch/x86/kernel/kvm.o", "arch/x86/xen/smp_pv.o", "arch/x86/xen/enlighten_hvm.o", "arch/x86/kernel/cpu/mshyperv.o")


def _compiles(arch: archs.Arch) -> Results:
    """What we add and what it touches, with W=1, plain and with all hypervisors."""
    results = []
    new = [str(p.relative_to(ROOT))[:-2] + ".o" for pattern in ("kernel/*.c", "arch/x86/kernel/*.c")
           for p in sorted(ROOT.glob(pattern))]
    ours = re.compile(r"(crash_(stop|step|clock)\w*|panic_mutex)\.[ch]:\d+:\d+: warning.*|"
                      r"(crash_(stop|step|clock)\w*|panic_mutex)\.o: warning: objtool.*")
    for kernel, variant in ((k, v) for k in apply.KERNELS for v in ("plain", "hypervisors")):
        version, tree = sources.tree(kernel, True)
        out = sources.CACHE / "build" / f"new-{kernel}-{variant}"
        out.mkdir(parents=True, exist_ok=True)
        one = build.Kernel(kernel, version, True, variant, arch, tree, out)
        log = out / "crash-stop.log"
        log.write_text("")
        build._configure(one, log)
        for name in new:
            (out / name).unlink(missing_ok=True)
        build._make(one, *new, *_objects(tree, kernel), *(HOOKS if variant == "hypervisors" else ()), log=log, extra=("W=1",))
        warnings = [m[0] for m in map(ours.search, log.read_text(errors="replace").splitlines()) if m]
        results.append((f"Linux {kernel} {variant}: what we add compiles with W=1, no warning", "; ".join(warnings[:2])))
    return results


def style(args: argparse.Namespace) -> Results:
    """checkpatch --strict, kernel-doc, MAINTAINERS, SPDX, file sizes."""
    packages.need("perl", "git")
    tree = sources.pristine("7.3")
    results: Results = []
    files = [str(p.relative_to(ROOT)) for pattern in ("kernel/*.[ch]", "include/linux/*.h", "arch/*/kernel/*.[ch]")
             for p in sorted(ROOT.glob(pattern))]
    code, text = _call(["perl", str(tree / "scripts/checkpatch.pl"), "--no-tree", "--strict", "--terse", "--no-summary",
                        "--max-line-length=100", "--ignore", "FILE_PATH_CHANGES,LINUX_VERSION_CODE,CONSTANT_COMPARISON", "-f", *files])
    results.append(("checkpatch --strict is silent", text.strip().splitlines()[0] if text.strip() else ""))
    code, text = _call([str(tree / "scripts/kernel-doc"), "-none", "-Wall", *[str(ROOT / f) for f in files]])
    noise = [l for l in text.splitlines() if "warning" in l or "rror" in l]
    results.append(("kernel-doc is silent", noise[0] if noise else ""))
    tracked = _call(["git", "ls-files"])[1].split()
    unclaimed = []
    for name in tracked:
        if not _call(["perl", str(tree / "scripts/get_maintainer.pl"), "--no-tree", "--no-git", "--no-git-fallback",
                      "--mpath", str(ROOT / "MAINTAINERS"), "--sections", "-f", name])[1].strip():
            unclaimed.append(name)
    results.append(("every file has a maintainer", ", ".join(unclaimed[:3])))
    bare = [n for n in tracked if (ROOT / n).suffix in (".c", ".h", ".py", ".cocci", ".conf", ".config", ".sh")
            and "SPDX-License-Identifier: GPL-2.0-only" not in (ROOT / n).read_text()[:200]]
    results.append(("every source file has its SPDX line", ", ".join(bare[:3])))
    core = "\n".join((ROOT / f).read_text() for f in files if f.startswith(("kernel/", "include/")))
    named = re.findall(r"CONFIG_(?:X86|ARM|PPC|S390)\w*|__x86_64__|__aarch64__", core)
    results.append(("the core knows no architecture", ", ".join(named[:2])))
    weak = [f for f in files if "__weak" in (ROOT / f).read_text()]
    results.append(("nothing new is weak", ", ".join(weak)))
    long = [f"{f}: {n}" for f in files if (n := len((ROOT / f).read_text().splitlines())) > (280 if "/x86/" not in f else 220)
            and not f.startswith("include/")]
    results.append(("files stay small", ", ".join(long)))
    return results


def size(args: argparse.Namespace) -> Results:
    """text + data + bss that the layer adds to a kernel with NR_CPUS=64."""
    arch = archs.load()["x86_64"]
    sums = {}
    for patched in (False, True):
        kernel = build.build("7.3", arch, patched)
        text = _call(["size", str(kernel.out / "vmlinux")])[1].splitlines()[1].split()
        sums[patched] = [int(n) for n in text[:3]]
    # The linker rounds whole sections up, so add what the objects hold.
    out = sources.CACHE / "build" / "7.3-patched-x86_64-plain"
    names = [str(p.relative_to(ROOT))[:-2] + ".o" for pattern in ("kernel/*.c", "arch/x86/kernel/crash_stop.c")
             for p in sorted(ROOT.glob(pattern))]
    objects = [int(n) for line in _call(["size", *[str(out / n) for n in names]])[1].splitlines()[1:] for n in line.split()[:3]]
    linked = sum(sums[True]) - sum(sums[False])
    print(f"size: our objects {sum(objects)} bytes; vmlinux text {sums[True][0] - sums[False][0]:+} "
          f"data {sums[True][1] - sums[False][1]:+} bss {sums[True][2] - sums[False][2]:+}")
    return [(f"the layer adds at most {SIZE_MAX} bytes", "" if sum(objects) <= SIZE_MAX and linked <= 3 * SIZE_MAX
             else f"{sum(objects)} bytes in objects, {linked} linked")]


def _boot_cases(cases: list, kernels: Callable) -> Results:
    import boot
    import report

    results, runs = [], []
    started = time.monotonic()
    for number, case in enumerate(cases, 1):
        name = f"{case.get('kernel')} {case.name}"
        if case.impossible:
            print(f"[{number:3}/{len(cases)}] {name}: skipped, {case.impossible}", flush=True)
            continue
        run = boot.run(kernels(case), case)
        runs.append(run)
        e = run.evidence
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        word = "ok" if run.verdict.passed else "FAILED"
        print(f"[{number:3}/{len(cases)}] {word:6} {name:50} {e.stopped}/{e.others} in {e.stop_us} us "
              f"{minutes:02}:{seconds:02}", flush=True)
        for reason in run.verdict.reasons:
            print(f"          {reason}   log: {run.log}", flush=True)
        why = "; ".join(run.verdict.reasons)
        if why:
            # An emulated machine on a busy host is not always itself. Once is
            # said, again is a failure.
            again = [boot.run(kernels(case), case, f"-again{n}") for n in range(1, RETRIES + 1)]
            runs += again
            bad = [r for r in again if not r.verdict.passed]
            print(f"          UNSTABLE: {1 + len(bad)} of {1 + RETRIES} runs failed", flush=True)
            why = why if bad else ""
        results.append((f"boot {name}", why))
    report.write_json(sources.CACHE / "boot.json", runs)
    return results


def boots(args: argparse.Namespace) -> Results:
    """Real panics: each scenario with and without kdump, options pairwise; --all: every one on every kernel."""
    import scenarios

    arch = archs.load()["x86_64"]
    packages.need(*arch.get("arch", "packages").split())
    cases = scenarios.pairwise()
    if args.all:
        cases += scenarios.full("7.3") + scenarios.full("6.12")
        cases += [scenarios.case(s, kernel="7.3", kdump=k, post=p, poo=o) for s in scenarios.SCENARIOS if s.nested
                  for k in ("no", "yes") for p in ("no", "yes") for o in ("0", "1")]
    return _boot_cases(cases, lambda case: _built(case.get("kernel"), arch, case.variant))


_kernels_built: dict[tuple[str, str], build.Kernel] = {}


def _built(kernel: str, arch: archs.Arch, variant: str) -> build.Kernel:
    if (kernel, variant) not in _kernels_built:
        _kernels_built[kernel, variant] = build.build(kernel, arch, True, variant)
    return _kernels_built[kernel, variant]


def variants(args: argparse.Namespace) -> Results:
    """Kernels that are built otherwise: PROVE_LOCKING, PREEMPT_RT; --all: the defconfig."""
    import scenarios

    arch = archs.load()["x86_64"]
    packages.need(*arch.get("arch", "packages").split())
    wanted = dict(VARIANT_CASES)
    if args.all:
        wanted["defconfig"] = VARIANT_CASES["rt"]
    cases = [scenarios.case(scenarios.BY_NAME[s], variant, kernel="7.3", kdump=k)
             for variant, names in wanted.items() for s in names for k in ("no", "yes")]
    return _boot_cases(cases, lambda case: _built(case.get("kernel"), arch, case.variant))


def compare(args: argparse.Namespace) -> Results:
    """Stock beside patched, in turn: panic() to kmsg_dump in guest time. Times are shown, not judged."""
    import boot
    import scenarios

    arch = archs.load()["x86_64"]
    packages.need(*arch.get("arch", "packages").split())
    kernels = {patched: build.build("7.3", arch, patched) for patched in (False, True)}
    print(f"{'panic() to kmsg_dump, median':30}{'stock':>12}{'here':>12}{'ratio':>8}   ms of guest time, {COMPARE_RUNS} runs each in turn")
    results = []
    for name in ("plain", "wedged", "three"):
        case = scenarios.case(scenarios.BY_NAME[name], kernel="7.3")
        us: dict[bool, list[int]] = {False: [], True: []}
        for _ in range(COMPARE_RUNS):
            for patched in (False, True):
                dumps = boot.run(kernels[patched], case).evidence.dumps
                us[patched] += [dumps[0][1]] if dumps else []
        if not us[True] or not us[False]:
            results.append((f"compare {name}", "kmsg_dump was not reached"))
            continue
        stock, here = (statistics.median(us[p]) / 1000 for p in (False, True))
        print(f"{name:30}{stock:12.1f}{here:12.1f}{here / stock:8.2f}   "
              f"[{min(us[False]) / 1000:.1f} .. {max(us[False]) / 1000:.1f}] [{min(us[True]) / 1000:.1f} .. {max(us[True]) / 1000:.1f}]",
              flush=True)
        results.append((f"compare {name}", ""))
    return results


def repeat(args: argparse.Namespace) -> Results:
    """Every scenario on 7.3, with and without kdump, --times N; a table for Documentation/."""
    import concurrent.futures

    import boot
    import guest
    import scenarios

    arch = archs.load()["x86_64"]
    packages.need(*arch.get("arch", "packages").split())
    kernel = build.build("7.3", arch, True)
    guest.initrd(kernel)
    cases = scenarios.full("7.3")
    runs: dict[str, list] = {case.name: [] for case in cases}
    todo = [(number, case) for number in range(1, args.times + 1) for case in cases]

    def one(job: tuple) -> None:
        number, case = job
        run = boot.run(kernel, case, f"-run{number}")
        runs[case.name].append(run)
        if run.verdict.passed:
            run.log.unlink()
        else:
            print(f"FAILED {case.name} run {number}: {'; '.join(run.verdict.reasons)}   log: {run.log}", flush=True)
        run.transcript.lines.clear()

    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for done, _ in enumerate(pool.map(one, todo), 1):
            if done % len(cases) == 0:
                (sources.CACHE / "repeat.txt").write_text(_table(runs))
                print(f"[{done:4}/{len(todo)}] {time.monotonic() - started:.0f} s", flush=True)
    print(_table(runs) + f"written to {sources.CACHE / 'repeat.txt'}", flush=True)
    return [(f"{name}, {len(found)} times", "" if all(r.verdict.passed for r in found) else "not every time")
            for name, found in runs.items()]


def _table(runs: dict[str, list]) -> str:
    """What came of each case so far."""
    lines = [f"{'scenario':28} {'passed':>9} {'stopped in, median us':>22} {'slowest':>9} {'panic() to kmsg_dump, median us':>33}"]
    for name, found in runs.items():
        good = sum(r.verdict.passed for r in found)
        stop = [r.evidence.stop_us for r in found if r.evidence.stop_us is not None]
        dump = [r.evidence.dumps[0][1] for r in found if r.evidence.dumps]
        lines.append(f"{name:28} {good:4} of {len(found):2} {statistics.median(stop or [0]):22.0f} {max(stop or [0]):9} "
                     f"{statistics.median(dump or [0]):33.0f}")
    return "\n".join(lines) + "\n"


QUICK = (unit, mutants, verdicts, style)
PARTS = QUICK + (applies, identical, size, boots, variants, compare)
ON_REQUEST = (repeat,)


def run(args: argparse.Namespace) -> int:
    """All parts that were asked for; the last line is the sum."""
    names = [p.__name__ for p in PARTS + ON_REQUEST]
    for name in args.only or []:
        archs.choose("part", name, names)
    chosen = QUICK if args.quick else PARTS + ON_REQUEST if args.all else PARTS
    if args.only:
        chosen = [p for p in PARTS + ON_REQUEST if p.__name__ in args.only]
    packages.need(*packages.BASE, *packages.TEST)
    everything: Results = []
    for part in chosen:
        print(f"== {part.__name__}: {(part.__doc__ or '').splitlines()[0]}", flush=True)
        started = time.monotonic()
        try:
            results = part(args)
        except (Unusable, BuildFailed, rules.RuleError, subprocess.CalledProcessError) as error:
            results = [(f"{part.__name__} could run", str(error))]
        for name, why in results:
            if why:
                print(f"FAILED {name}: {why}", flush=True)
        good = sum(not why for _, why in results)
        print(f"   {good} of {len(results)} in {time.monotonic() - started:.0f} s", flush=True)
        everything += [(f"{part.__name__}: {n}", w) for n, w in results]
    if args.json or args.junit:
        _write(args, everything)
    failed = [n for n, why in everything if why]
    print(f"{len(everything) - len(failed)} passed, {len(failed)} failed")
    return EXIT_FAILED if failed or not everything else EXIT_HELD


def _write(args: argparse.Namespace, results: Results) -> None:
    import json
    import xml.etree.ElementTree as xml

    if args.json:
        pathlib.Path(args.json).write_text(json.dumps([{"name": n, "failed": w} for n, w in results], indent=1) + "\n")
    if args.junit:
        suite = xml.Element("testsuite", name="crash-stop", tests=str(len(results)),
                            failures=str(sum(bool(w) for _, w in results)))
        for name, why in results:
            one = xml.SubElement(suite, "testcase", name=name)
            if why:
                xml.SubElement(one, "failure", message=why)
        xml.ElementTree(suite).write(args.junit, encoding="unicode", xml_declaration=True)
