# SPDX-License-Identifier: GPL-2.0-only
"""Stock beside patched, in turn in one run: how long a panic takes, on how many CPUs.

Two clocks. The guest's clock, in us: medians and spreads of several runs each, since an
emulated machine on a host is not always itself. And the count of instructions, where the
path is short: QEMU runs all CPUs in one thread, and each instruction takes as long as any
other, so the guest's clock counts them, whatever the host does.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
import typing

import boot
import packages
import scenarios
import stats
from archs import Arch
from build import Kernel
from errors import Unusable
from evidence import Evidence
from scenarios import Case, Scenario

COMPARED = ("plain", "wedged", "three")
# Paths that do not wait for a CPU, so that counting them does not take minutes.
COUNTED = ("plain",)
CPUS = (1, 2, 4, 8, 16, 32, 64)
MANY = 16  # more boot slowly where a host has a few: a third of the runs
# A guest that never came as far as its panic says nothing; it is started again.
TRIES = 3

GUEST_CLOCK, INSTRUCTIONS = "ms of guest time", "thousand instructions"


def stood_still_us(e: Evidence) -> int | None:
    """When the last of the other CPUs ran last, which both kernels can be asked; None if one runs on."""
    return None if e.running_on else max(e.ran_until.values(), default=None)


def _ladder_us(e: Evidence) -> int | None:
    return e.stop_us if e.report and not e.not_stopped else None


def _dump_us(e: Evidence) -> int | None:
    return e.dumps[0][1] if e.dumps else None


def _crash_kernel_us(e: Evidence) -> int | None:
    return e.began_us


# What is measured from panic() on; the ladder alone, which stock does not have, from the first signal on.
STOPPED, LADDER, DUMP, CRASH_KERNEL = "all stopped", "ladder", "kmsg_dump", "crash kernel"
MEASURES: dict[str, typing.Callable[[Evidence], int | None]] = {
    STOPPED: stood_still_us, LADDER: _ladder_us, DUMP: _dump_us, CRASH_KERNEL: _crash_kernel_us}


@dataclasses.dataclass(frozen=True)
class Point:
    """One thing measured: stock beside patched."""

    scenario: str
    cpus: int
    what: str
    clock: str
    stock: stats.Sample
    ours: stats.Sample

    def as_dict(self) -> dict:
        """For JSON."""
        return {"scenario": self.scenario, "cpus": self.cpus, "what": self.what, "clock": self.clock,
                "stock": self.stock.as_dict(), "patched": self.ours.as_dict(), "ratio": stats.ratio(self.ours, self.stock)}


@dataclasses.dataclass
class Bench:
    """All that was measured on one architecture."""

    arch: str
    kernel: str
    tools: str
    times: int
    points: list[Point] = dataclasses.field(default_factory=list)
    sizes: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)  # stock, patched: section: bytes
    remarks: list[str] = dataclasses.field(default_factory=list)

    def runs(self, cpus: int) -> int:
        """How often a case with so many CPUs is run on each kernel."""
        return self.times if cpus <= MANY else max(1, self.times // 3)

    def fits(self) -> list[tuple[str, str, str, str, stats.Fit]]:
        """(scenario, what, clock, kernel, line) wherever there are enough numbers of CPUs."""
        found = []
        for key in dict.fromkeys((p.scenario, p.what, p.clock) for p in self.points):
            same = [p for p in self.points if (p.scenario, p.what, p.clock) == key]
            for kernel in ("stock", "patched"):
                medians = [(p.cpus, (p.stock if kernel == "stock" else p.ours).median) for p in same]
                if line := stats.fit([(x, y) for x, y in medians if y is not None]):
                    found.append((*key, kernel, line))
        return found


def on_cpus(scenario: Scenario, cpus: int) -> Scenario | None:
    """The scenario on so many CPUs: on a single one that one panics; None where it needs more."""
    needs = 1 + max(scenario.owners + scenario.losers + scenario.wedged)
    if cpus >= needs:
        return scenario
    if cpus == 1 and not scenario.losers and not scenario.wedged:
        return dataclasses.replace(scenario, act=scenario.act.replace("panic=1", "panic=0"), owners=(0,))
    return None


def tools(arch: Arch) -> str:
    """What the count of instructions depends on besides us: compiler and emulator."""
    named = []
    for name, program, pattern in (("gcc", f"{arch.get('arch', 'cross')}gcc", r"\) (\d+\.\d+)"),
                                   ("QEMU", arch.get("qemu", "binary"), r"version (\d+\.\d+)")):
        found = re.search(pattern, packages.run([program, "--version"]))
        named.append(f"{name} {found[1] if found else '?'}")
    return ", ".join(named)


def sizes(kernel: Kernel) -> dict[str, int]:
    """text, data, bss of vmlinux."""
    said = subprocess.run(["size", str(kernel.out / "vmlinux")], capture_output=True, text=True, check=True).stdout
    return dict(zip(("text", "data", "bss"), map(int, said.splitlines()[1].split()[:3])))


def largest_frame(kernel: Kernel, objects: list[str]) -> int:
    """The largest stack frame in these objects, as the kernel's own checkstack.pl reads it from the code."""
    name = next(a.removeprefix("ARCH=") for a in shlex.split(kernel.arch.get("arch", "make")) if a.startswith("ARCH="))
    frames = []
    for path in (o for o in objects if (kernel.out / o).exists()):  # what is not configured has none
        code = subprocess.run([f"{kernel.arch.get('arch', 'cross')}objdump", "-d", str(kernel.out / path)],
                              capture_output=True, text=True, check=True).stdout
        said = subprocess.run(["perl", str(kernel.tree / "scripts/checkstack.pl"), name, "0"], input=code,
                              capture_output=True, text=True, check=True).stdout
        frames += [int(n) for n in re.findall(r"(\d+)$", said, re.M)]
    return max(frames, default=0)


def _evidence(kernel: Kernel, case: Case) -> Evidence:
    """One run that came as far as its panic."""
    for attempt in range(TRIES):
        run = boot.run(kernel, case, "-bench")
        if run.evidence.panics or run.evidence.dumps or run.evidence.began_cycle:
            return run.evidence
    raise Unusable(f"{kernel.arch.name} {case.name} on {kernel.title}: {TRIES} times it did not get as far as its panic, "
                   f"see {run.log.name} among the logs")


def measure(kernels: dict[bool, Kernel], case: Case, times: int) -> tuple[dict[bool, list[Evidence]], list[Point]]:
    """Run a case so many times on each kernel in turn."""
    seen: dict[bool, list[Evidence]] = {patched: [] for patched in kernels}
    for _ in range(times):
        for patched, kernel in kernels.items():
            seen[patched].append(_evidence(kernel, case))
    clock, unit = (INSTRUCTIONS, boot.INSTRUCTION_NS) if case.counted else (GUEST_CLOCK, 1000)
    kdump = case.get("kdump") == "yes"
    # Stock saves the log behind it only, so the rest is measured without one.
    wanted = {CRASH_KERNEL} if kdump else {DUMP} if case.cpus == 1 else {STOPPED, LADDER, DUMP}
    if case.counted:
        # CPUs take turns, so when one ran last says nothing.
        wanted -= {STOPPED, CRASH_KERNEL}
    points = []
    for what, of in MEASURES.items():
        if what not in wanted:
            continue
        values = {p: [None if (us := of(e)) is None else us / unit for e in seen.get(p, [])] for p in (False, True)}
        if what == LADDER:
            values[False] = []
        points.append(Point(case.scenario.name, case.cpus, what, clock, *(stats.sample(values[p]) for p in (False, True))))
    return seen, points


def cases(arch: Arch, kernel: str, names: tuple[str, ...], cpus: list[int], **options: str) -> tuple[list[Case], list[str]]:
    """What is to be measured, fewest CPUs first; and what cannot be, with the reason."""
    found, why_not = [], []
    for n in cpus:
        for name in names:
            if (scenario := on_cpus(scenarios.BY_NAME[name], n)) is None:
                continue
            for kdump, counted in (("no", False), ("yes", False), ("no", True)):
                one = scenarios.case(scenario, arch, kernel=kernel, kdump=kdump, **options)
                one = dataclasses.replace(one, smp=n, counted=counted)
                if one.impossible:
                    why_not.append(f"{one.name}: {one.impossible}")
                elif not counted or name in COUNTED:
                    found.append(one)
    return found, list(dict.fromkeys(why_not))


def run(one: Bench, kernels: dict[bool, Kernel], todo: list[Case]) -> typing.Iterator[list[Point]]:
    """Measure the cases one after the other; what does not boot is remarked, and so is what more CPUs need not try."""
    stacks: dict[bool, list[int]] = {False: [], True: []}
    lost: dict[tuple[bool, str], int] = {}
    for case in todo:
        way = case.counted, case.get("kdump")
        if way in lost and case.cpus >= lost[way]:
            one.remarks.append(f"{case.name}: left out, since {lost[way]} CPUs did not boot")
            continue
        try:
            seen, points = measure(kernels, case, one.runs(case.cpus))
        except Unusable as error:
            one.remarks.append(str(error))
            lost[way] = case.cpus
            continue
        for patched, all_of_them in seen.items():
            stacks[patched] += [e.stack_bytes for e in all_of_them if e.stack_bytes]
        one.points += points
        yield points
    for patched, kernel in kernels.items():
        of = one.sizes["patched" if patched else "stock"] = sizes(kernel)
        if stacks[patched]:
            of["stack in use where the log is saved"] = max(stacks[patched])
