# SPDX-License-Identifier: GPL-2.0-only
"""The gate: what a panic costs in instructions must not grow beyond what was recorded.

A count depends on the compiler and the emulator, so there is a baseline for each pair. With
a pair that has none, another pair's is taken, and more growth is allowed.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib

import bench
import files
import scenarios
from archs import ROOT, Arch
from bench import Point
from build import Kernel
from errors import Unusable

# By how much what is counted may grow; on how many CPUs, an architecture may say (bench.gate_cpus).
# The ladder alone is a few thousand instructions, and depends on which CPU's turn it is: two runs of it were 3600
# and 6200, of the way to kmsg_dump 397000 and 395000.
RUNS, GROWTH, GROWTH_OTHER_TOOLS = 3, 1.05, 1.25
GROWTH_OF = {bench.LADDER: 3.0}
JUDGED = (bench.DUMP, bench.LADDER)
BASELINE = ROOT / "tests/boot/baseline.json"

Counts = dict[str, float | None]  # thing to thousand instructions, None if it was not reached
Baselines = dict[str, dict[str, float]]


def _key(arch: Arch, kernel: str, point: Point) -> str:
    return f"{arch.name} {kernel} {point.scenario} {point.cpus} CPUs, {point.what}"


def counts(arch: Arch, kernel: Kernel) -> Counts:
    """Thousand instructions of the short paths, on the patched kernel alone."""
    found = {}
    for name in bench.COUNTED:
        cpus = int(arch.get("bench", "gate_cpus", arch.get("qemu", "cpus")))
        if (scenario := bench.on_cpus(scenarios.BY_NAME[name], cpus)) is None:
            continue
        case = dataclasses.replace(scenarios.case(scenario, arch, kernel=kernel.version), smp=cpus, counted=True)
        points = bench.measure({True: kernel}, case, RUNS)[1]
        found |= {_key(arch, kernel.version, p): p.ours.median for p in points if p.what in JUDGED}
    return found


def load(path: pathlib.Path) -> Baselines:
    """Tools to thing to thousand instructions; nothing if there is no such file yet."""
    try:
        found = json.loads(path.read_text())
        return {used: {key: float(value) for key, value in counted.items()} for used, counted in found.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError, OSError) as error:
        raise Unusable(f"{path}: no baseline can be read from it ({error}); give another file, or remove it and record one "
                       "with --record") from error


def recorded(arch: Arch, path: pathlib.Path) -> bool:
    """Is there a baseline for this architecture, with whatever tools?"""
    return any(key.startswith(f"{arch.name} ") for counted in load(path).values() for key in counted)


def choose(baselines: Baselines, used: str, measured: Counts) -> tuple[str, float]:
    """The tools whose baseline counts, and the growth that it allows."""
    if used in baselines and baselines[used].keys() & measured.keys():
        return used, GROWTH
    others = [tools for tools, counted in baselines.items() if counted.keys() & measured.keys()]
    if not others:
        raise Unusable(f"there is no baseline of {', '.join(measured)}; record one with --record")
    return others[-1], GROWTH_OTHER_TOOLS


def judge(measured: Counts, baseline: dict[str, float], growth: float) -> list[tuple[str, str]]:
    """Each thing that was measured, and what is wrong with it or nothing."""
    results = []
    for key, value in measured.items():
        allowed = baseline.get(key)
        limit = max([growth, *[more for what, more in GROWTH_OF.items() if key.endswith(what)]])
        if value is None:
            why = "was not reached"
        elif not allowed:
            why = "is not in the baseline; record it with --record"
        elif value > allowed * limit:
            why = f"{value:.0f} thousand instructions, {100 * (value / allowed - 1):+.1f} % over {allowed:.0f}"
        else:
            why = ""
        results.append((key, why))
    return results


def record(path: pathlib.Path, used: str, measured: Counts) -> None:
    """Put counts into the baseline, whole or not at all; those of other tools stay."""
    all_of_them = load(path)
    new = {key: value for key, value in measured.items() if value is not None}
    all_of_them[used] = dict(sorted((all_of_them.get(used, {}) | new).items()))
    files.whole(path, json.dumps(dict(sorted(all_of_them.items())), indent=1) + "\n")


def check(arch: Arch, kernel: Kernel, path: pathlib.Path) -> list[tuple[str, str]]:
    """Count, show and judge."""
    measured, used = counts(arch, kernel), bench.tools(arch)
    baselines = load(path)
    tools, growth = choose(baselines, used, measured)
    print(f"thousand instructions with {used}, at most {100 * (growth - 1):.0f} % over the baseline of {tools}")
    for key, value in measured.items():
        counted = "never" if value is None else f"{value:.0f}"
        print(f"  {key:45} {counted:>9} {baselines[tools].get(key, 0):>9.0f}", flush=True)
    return judge(measured, baselines[tools], growth)
