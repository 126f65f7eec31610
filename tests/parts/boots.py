# SPDX-License-Identifier: GPL-2.0-only
"""The parts that boot kernels and make them panic."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import pathlib
import statistics
import threading
import time

import bench
import boot
import build
import chart
import gate
import guest
import packages
import report
import scenarios
import sources
from archs import Arch, choose
from errors import Unusable
from parts.common import Results, chosen, native
from scenarios import Case

# Stock and ours in turn, for the comparison; medians of so many.
COMPARE_RUNS = 3
COMPARED = (*((name, "no") for name in bench.COMPARED), ("plain", "yes"), ("wedged", "yes"))  # with a crash kernel or not
# How often a case that failed is run again; it fails if any of these fails too. When
# more cases fail, none is: what is broken would cost a timeout each time.
RETRIES = 2
RETRIED_CASES = 5
# Kernels that are built otherwise, and what they run.
VARIANT_CASES = {
    "lockdep": ("plain", "wedged", "three", "dumper-fault", "oops"),
    "rt": ("plain", "wedged", "three", "dumper-fault", "in-oops-dump"),
    build.DEFCONFIG: ("plain", "wedged", "three", "dumper-fault", "in-oops-dump"),
}

_kernels: dict[tuple[str, str, str], build.Kernel] = {}
_printing = threading.Lock()


def booted(args: argparse.Namespace, arch: Arch) -> str:
    """The kernel that was asked for on an architecture, or its first."""
    known = scenarios.options_of(arch)["kernel"]
    return choose(f"kernel of {arch.name}", args.kernel or known[0], list(known))


def kernel_of(case: Case) -> build.Kernel:
    """The kernel of a case, patched; built when it is asked for the first time."""
    key = case.arch.name, case.get("kernel"), case.variant
    if key not in _kernels:
        packages.need(*case.arch.get("arch", "packages").split())
        _kernels[key] = build.build(case.get("kernel"), case.arch, True, case.variant)
        guest.initrd(_kernels[key])
    return _kernels[key]


def _title(case: Case) -> str:
    return f"{case.arch.name} {case.get('kernel')} {case.name}"


def _again(case: Case) -> tuple[list[boot.Run], str]:
    """A case that failed: an emulated machine on a busy host is not always itself. Once is said, again is a failure."""
    again = [boot.run(kernel_of(case), case, f"-again{n}") for n in range(1, RETRIES + 1)]
    bad = [r for r in again if not r.verdict.passed]
    print(f"          UNSTABLE {_title(case)}: {1 + len(bad)} of {1 + RETRIES} runs failed", flush=True)
    return again, "" if not bad else "; ".join(bad[0].verdict.reasons)


def _boot_cases(cases: list[Case], jobs: int) -> Results:
    """Run and judge; those that fail are run again one at a time."""
    for case in cases:
        if case.impossible:
            print(f"          skipped {_title(case)}: {case.impossible}", flush=True)
    todo = [c for c in cases if not c.impossible]
    for case in todo:
        kernel_of(case)
    started = time.monotonic()
    done = 0

    def one(case: Case) -> boot.Run:
        nonlocal done
        run = boot.run(kernel_of(case), case)
        with _printing:
            done += 1
            minutes, seconds = divmod(int(time.monotonic() - started), 60)
            e = run.evidence
            print(f"[{done:3}/{len(todo)}] {'ok' if run.verdict.passed else 'FAILED':6} {_title(case):55} "
                  f"{e.stopped}/{e.others} in {e.stop_us} us {minutes:02}:{seconds:02}", flush=True)
            for reason in run.verdict.reasons:
                print(f"          {reason}   log: {run.log}", flush=True)
        return run

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        runs = list(pool.map(one, todo))
    results = []
    retry = sum(not run.verdict.passed for run in runs) <= RETRIED_CASES
    for case, run in zip(todo, list(runs)):
        why = "; ".join(run.verdict.reasons)
        if why and retry:
            again, why = _again(case)
            runs += again
        results.append((f"boot {_title(case)}", why))
    report.write_json(sources.CACHE / "boot.json", runs)
    return results


def in_turn(arches: list[Arch], newest: list[Arch]) -> dict[str, str]:
    """The one kernel that the slice boots on an architecture: this machine's the newest, the others in turn."""
    rest = [a for a in arches if a not in newest]
    return {a.name: options[rest.index(a) % len(options) if a in rest else 0]
            for a in arches for options in [scenarios.options_of(a)["kernel"]]}


def boots(args: argparse.Namespace) -> Results:
    """Real panics: each scenario on each architecture, options pairwise; --all: every one on every kernel."""
    arches = chosen(args)
    cases = scenarios.pairwise(arches, {} if args.all or args.arch else in_turn(arches, native(args)))
    if args.all:
        cases += [c for arch in arches for kernel in scenarios.options_of(arch)["kernel"] for c in scenarios.full(arch, kernel)]
        cases += [scenarios.case(s, arch, kernel="7.3", kdump=k, post=p, poo=o) for arch in arches
                  for s in scenarios.SCENARIOS if s.nested for k in ("no", "yes") for p in ("no", "yes") for o in ("0", "1")]
    return _boot_cases(cases, args.jobs)


def variants(args: argparse.Namespace) -> Results:
    """Kernels that are built otherwise: PROVE_LOCKING, PREEMPT_RT, and the defconfig."""
    cases = [scenarios.case(scenarios.BY_NAME[s], arch, variant, kernel="7.3", kdump=k) for arch in native(args)
             for variant, names in VARIANT_CASES.items() for s in names for k in ("no", "yes")]
    return _boot_cases(cases, args.jobs)


def compare(args: argparse.Namespace) -> Results:
    """Stock beside patched, in turn; times are shown, not judged."""
    results = []
    for arch in native(args):
        packages.need(*arch.get("arch", "packages").split())
        kernels = {patched: build.build("7.3", arch, patched) for patched in (False, True)}
        print(f"{arch.name}, ms, {COMPARE_RUNS} runs each\n{chart.HEAD}")
        for name, kdump in COMPARED:
            case = scenarios.case(scenarios.BY_NAME[name], arch, kernel="7.3", kdump=kdump)
            _, points = bench.measure(kernels, case, COMPARE_RUNS)
            print(*chart.rows(points), sep="\n", flush=True)
            results += [(f"compare {arch.name} {case.name}, {p.what}", "" if len(p.ours.values) == COMPARE_RUNS else
                         f"reached in {len(p.ours.values)} of {COMPARE_RUNS} runs")
                        for p in points if p.what in (bench.DUMP, bench.CRASH_KERNEL)]
    return results


def instructions(args: argparse.Namespace) -> Results:
    """What a panic costs in instructions, which do not depend on the host, against the baseline."""
    results = []
    for arch in native(args):
        if gate.recorded(arch, gate.BASELINE):
            packages.need(*arch.get("arch", "packages").split())
            results += gate.check(arch, build.build("7.3", arch, True), gate.BASELINE)
    return results


def _recorded(record: pathlib.Path, digest: str) -> list[dict]:
    """What was run before on this very kernel."""
    lines = record.read_text().splitlines() if record.exists() else []
    return [r for r in map(json.loads, lines) if r["kernel"] == digest]


def _repeated(args: argparse.Namespace, arch: Arch) -> list[Case]:
    """The cases that are to be repeated on an architecture."""
    kernel = booted(args, arch)
    names = [choose("scenario", name, list(scenarios.BY_NAME)) for name in args.scenario or scenarios.BY_NAME]
    if not (cases := [c for c in scenarios.full(arch, kernel) if c.scenario.name in names]):
        raise Unusable(f"{arch.name} can have none of {', '.join(names)}")
    return cases


def check(args: argparse.Namespace) -> None:
    """Can what was asked of "repeat" be had? Said before anything is built."""
    for arch in chosen(args):
        _repeated(args, arch)


def repeat(args: argparse.Namespace) -> Results:
    """Every scenario on the newest kernel, with and without kdump, until the record has --times N of each on the same kernel."""
    results: Results = []
    for arch in chosen(args):
        cases = _repeated(args, arch)
        kernel = kernel_of(cases[0])
        record = sources.CACHE / f"repeat-{arch.name}-{kernel.version}.jsonl"
        digest = kernel.digest
        so_far = _recorded(record, digest)
        todo = [case for n in range(args.times) for case in cases if sum(r["case"] == case.name for r in so_far) <= n]

        def one(case: Case) -> None:
            run = boot.run(kernel, case, f"-{time.monotonic_ns()}")
            e = run.evidence
            with _printing, record.open("a") as out:
                out.write(json.dumps({"kernel": digest, "case": case.name, "passed": run.verdict.passed, "stop_us": e.stop_us,
                                      "dump_us": e.dumps[0][1] if e.dumps else None,
                                      "crash_us": e.began_us, "behind_us": e.behind_deadline_us}) + "\n")
            if run.verdict.passed:
                run.log.unlink()
            else:
                print(f"FAILED {_title(case)}: {'; '.join(run.verdict.reasons)}   log: {run.log}", flush=True)

        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            for done, _ in enumerate(pool.map(one, todo), 1):
                if done % len(cases) == 0 or done == len(todo):
                    print(f"[{done:4}/{len(todo)}] {time.monotonic() - started:.0f} s", flush=True)
        found = _recorded(record, digest)
        table = record.with_suffix(".txt")
        table.write_text(_table(scenarios.full(arch, kernel.version), found))
        print(f"{table.read_text()}written to {table}", flush=True)
        results += [(f"{arch.name} {case.name}, every time",
                     "" if all(r["passed"] for r in found if r["case"] == case.name) else "not every time") for case in cases]
    return results


def _table(cases: list[Case], found: list[dict]) -> str:
    """What came of each case so far, in guest time."""
    lines = [f"{cases[0].arch.name + ', Linux ' + cases[0].get('kernel'):34} {'passed':>9} {'stopped in, median us':>22} {'slowest':>9} "
             f"{'to kmsg_dump, us':>17} {'to the crash kernel, ms':>24} {'behind a deadline, ms':>22}"]
    for name in (case.name for case in cases):
        if not (runs := [r for r in found if r["case"] == name]):
            continue
        stop, dump, crash, behind = ([r[key] for r in runs if r.get(key) is not None]
                                     for key in ("stop_us", "dump_us", "crash_us", "behind_us"))
        median = [f"{statistics.median(v) / unit:.0f}" if v else "-" for v, unit in ((stop, 1), (dump, 1), (crash, 1000), (behind, 1000))]
        lines.append(f"{name:34} {sum(r['passed'] for r in runs):4} of {len(runs):2} {median[0]:>22} "
                     f"{max(stop) if stop else '-':>9} {median[1]:>17} {median[2]:>24} {median[3]:>22}")
    return "\n".join(lines) + "\n"
