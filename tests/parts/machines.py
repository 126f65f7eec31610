# SPDX-License-Identifier: GPL-2.0-only
"""The unit tests on every architecture: their coroutines, and real threads with real signals."""

from __future__ import annotations

import argparse
import configparser
import dataclasses
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import archs
import packages
from archs import ROOT
from parts.common import Results, outputs

UNIT = ROOT / "tests/unit"
USER_PACKAGES = ("qemu-user-static",)

# Seeds for each case. The slice runs one variant of each once, --all all of them and more.
SLICE_SEEDS, ALL_SEEDS = 0, 25
STORM_SEEDS = 25
RUN_S = 3600


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the unit tests run, and how they are built for it."""

    name: str
    how: str  # for people: under what
    machine: str  # fibers or threads, see tests/unit/Makefile
    make: tuple[str, ...]  # variables
    run: tuple[str, ...] = ()  # what runs the program
    storm: bool = False  # no case but that one

    @property
    def title(self) -> str:
        """For people: architecture, machine, how."""
        return f"{self.name} {self.machine} {self.how}"

    @property
    def cases(self) -> str:
        """For people: what runs."""
        return "the storm" if self.storm else "all cases"


def _native() -> list[Target]:
    """This machine with sanitizers; its coroutines are the part "unit"."""
    asan = Target(archs.here(), "ASan+UBSan", "threads", ("CC=ccache gcc",))
    return [asan, dataclasses.replace(asan, how="TSan", make=(*asan.make, "SAN=", "CORE_SAN=-fsanitize=thread -Wno-tsan"))]


def _crossed(name: str, data: configparser.SectionProxy, whole: bool) -> list[Target]:
    make = (f"CC=ccache {data['cross']}gcc", "SAN=", "LDFLAGS=-static", "CFLAGS=-O2 -g")
    # The storm alone costs a twentieth of what all cases do.
    return [Target(name, data["user"], machine, make, (data["user"],), not whole)
            for machine in (("fibers", "threads") if whole else ("threads",))]


def _whole() -> list[str]:
    """Where the slice runs every case: the first of each kind, how long a pointer is and which byte comes first."""
    kinds: dict[tuple[str, str], str] = {}
    for name, arch in archs.load().items():
        if name != archs.here():
            kinds.setdefault((arch.get("registers", "note_pc_bytes"), arch.get("registers", "byteorder")), name)
    return list(kinds.values())


def targets(args: argparse.Namespace) -> dict[str, list[Target]]:
    """By architecture, all or those of --arch: in the slice many with the storm alone. Compilers and emulators are installed."""
    more = configparser.ConfigParser(interpolation=None)
    more.read(UNIT / "machines.conf")
    known = {name: arch.conf["arch"] for name, arch in archs.load().items()} | {name: more[name] for name in more.sections()}
    names = [archs.choose("architecture", name, list(known)) for name in args.arch or known]
    here = archs.here()
    foreign = [name for name in names if name != here]
    if foreign:
        packages.need(*USER_PACKAGES, *[p for name in foreign for p in known[name]["cross_packages"].split()])
    whole = names if args.all or args.arch else _whole()
    return {name: _native() if name == here else _crossed(name, known[name], name in whole) for name in names}


def _unit(target: Target, **settings: str) -> tuple[dict[str, bool], str]:
    """Which cases passed, and what the run said of the others."""
    out = outputs("unit") / re.sub(r"\W", "-", target.title)
    line = ["make", "-s", "-C", str(UNIT), f"O={out}", f"MACHINE={target.machine}", *target.make, "all"]
    run = subprocess.run(line, capture_output=True, text=True)
    if run.returncode:
        return {}, run.stdout + run.stderr
    run = subprocess.run([*target.run, str(out / "unit")], capture_output=True, text=True, timeout=RUN_S,
                         env=dict(os.environ, **settings))
    cases = {m[2]: m[1] == "ok" for m in re.finditer(r"^(ok|not ok) \d+ - (\S+)", run.stdout, re.M)}
    said = "".join(l for l in (run.stdout + run.stderr).splitlines(True) if l.startswith("# ") or "ThreadSanitizer" in l)
    whole = f"1..{len(cases)}\n" in run.stdout and bool(run.returncode) == (not all(cases.values()))
    return cases if whole else {}, said or f"exit code {run.returncode}"


def _target(target: Target, everything: bool) -> tuple[int, int, str]:
    """How many cases passed, of how many, and why not all."""
    settings = {"SEEDS": str(ALL_SEEDS)} if everything else {"SEEDS": str(SLICE_SEEDS), "VARIANTS": "1"}
    storms = {"TEST": "storm", "SEEDS": str(STORM_SEEDS * (ALL_SEEDS if everything else 1))}
    cases, said = _unit(target, **(storms if target.storm else settings))
    storm, more = (cases, "") if target.storm or not cases else _unit(target, **storms)
    failed = [name for name, good in (cases | {n: g and cases.get(n, True) for n, g in storm.items()}).items() if not good]
    lines = [line for line in (said + more).splitlines() if line.strip()]
    if not cases or not storm:
        return 0, len(cases), (lines or ["did not run through"])[-1]
    return len(cases) - len(failed), len(cases), f"{', '.join(failed[:3])}: {(lines or ['?'])[0]}" if failed else ""


def _arch(name: str, its: list[Target], everything: bool) -> Results:
    """All targets of an architecture, and one line for people."""
    started = time.monotonic()
    ran = [(target, *_target(target, everything)) for target in its]
    said = ", ".join(f"{target.machine} {good}/{total} ({target.how})" for target, good, total, _ in ran)
    print(f"   {name:8} {said} in {time.monotonic() - started:.0f} s", flush=True)
    return [(f"{target.title}: {target.cases}", why) for target, _, _, why in ran]


def machines(args: argparse.Namespace) -> Results:
    """The unit tests on every architecture under qemu-user, with a thread per CPU and real signals too; --all: all cases on each."""
    packages.need("gcc", "make", "libc6-dev", "ccache")
    with ThreadPoolExecutor(args.jobs) as pool:
        runs = [pool.submit(_arch, name, its, args.all) for name, its in targets(args).items()]
        return [result for run in runs for result in run.result()]
