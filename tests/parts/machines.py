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
import sources
from archs import ROOT
from parts.common import Results

UNIT = ROOT / "tests/unit"
USER_PACKAGES = ("qemu-user-static",)

# Seeds for each case. The slice takes one variant of each case, --all takes all of them.
SLICE_SEEDS, ALL_SEEDS = 1, 25
STORM_SEEDS = 40
RUN_S = 3600


@dataclasses.dataclass(frozen=True)
class Target:
    """Where the unit tests run, and how they are built for it."""

    name: str
    how: str  # for people: under what
    machine: str  # fibers or threads, see tests/unit/Makefile
    make: tuple[str, ...]  # variables
    run: tuple[str, ...] = ()  # what runs the program

    @property
    def title(self) -> str:
        """For people: architecture, machine, how."""
        return f"{self.name} {self.machine} {self.how}"


def _native() -> list[Target]:
    """This machine with sanitizers; its coroutines are the part "unit"."""
    asan = Target(os.uname().machine, "ASan+UBSan", "threads", ())
    return [asan, dataclasses.replace(asan, how="TSan", make=("SAN=", "CORE_SAN=-fsanitize=thread -Wno-tsan"))]


def _crossed(name: str, data: configparser.SectionProxy) -> list[Target]:
    make = (f"CC=ccache {data['cross']}gcc", "SAN=", "LDFLAGS=-static", "CFLAGS=-O2 -g")
    return [Target(name, data["user"], machine, make, (data["user"],)) for machine in ("fibers", "threads")]


def targets(args: argparse.Namespace) -> list[Target]:
    """All of them, or those of --arch; the compilers and emulators are installed."""
    more = configparser.ConfigParser(interpolation=None)
    more.read(UNIT / "machines.conf")
    known = {name: arch.conf["arch"] for name, arch in archs.load().items()} | {name: more[name] for name in more.sections()}
    names = [archs.choose("architecture", name, list(known)) for name in args.arch or known]
    here = os.uname().machine
    foreign = [name for name in names if name != here]
    if foreign:
        packages.need(*USER_PACKAGES, *[p for name in foreign for p in known[name]["cross_packages"].split()])
    return [t for name in names for t in (_native() if name == here else _crossed(name, known[name]))]


def _unit(target: Target, **settings: str) -> tuple[dict[str, bool], str]:
    """Which cases passed, and what the run said of the others."""
    out = sources.CACHE / "unit" / re.sub(r"\W", "-", target.title)
    line = ["make", "-s", "-C", str(UNIT), f"O={out}", f"MACHINE={target.machine}", *target.make, "all"]
    run = subprocess.run(line, capture_output=True, text=True)
    if run.returncode:
        return {}, run.stdout + run.stderr
    run = subprocess.run([*target.run, str(out / "unit")], capture_output=True, text=True, timeout=RUN_S, env=dict(os.environ, **settings))
    cases = {m[2]: m[1] == "ok" for m in re.finditer(r"^(ok|not ok) \d+ - (\S+)", run.stdout, re.M)}
    said = "".join(l for l in (run.stdout + run.stderr).splitlines(True) if l.startswith("# ") or "ThreadSanitizer" in l)
    whole = f"1..{len(cases)}\n" in run.stdout and bool(run.returncode) == (not all(cases.values()))
    return cases if whole else {}, said or f"exit code {run.returncode}"


def _target(target: Target, everything: bool) -> tuple[str, str]:
    """One line for a target: its name, and why it failed or ""."""
    started = time.monotonic()
    settings = {"SEEDS": str(ALL_SEEDS)} if everything else {"SEEDS": str(SLICE_SEEDS), "VARIANTS": "1"}
    cases, said = _unit(target, **settings)
    if cases:
        storms, more = _unit(target, TEST="storm", SEEDS=str(STORM_SEEDS * (ALL_SEEDS if everything else 1)))
        cases = {name: cases.get(name, True) and storms.get(name, True) for name in cases | storms} if storms else {}
        said += more
    failed = [name for name, good in cases.items() if not good]
    why = "" if cases and not failed else f"{', '.join(failed[:3])}: {said.strip().splitlines()[0] if said.strip() else '?'}" \
        if failed else (said.strip().splitlines() or ["did not run through"])[-1]
    print(f"   {target.title:40} {len(cases) - len(failed)} of {len(cases)} cases in {time.monotonic() - started:.0f} s", flush=True)
    return f"{target.title}: {len(cases)} cases", why


def machines(args: argparse.Namespace) -> Results:
    """The unit tests on each architecture under qemu-user, with a thread per CPU and real signals too."""
    packages.need("gcc", "make", "libc6-dev", "ccache")
    with ThreadPoolExecutor(args.jobs) as pool:
        return list(pool.map(lambda target: _target(target, args.all), targets(args)))
