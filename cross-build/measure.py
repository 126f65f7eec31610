# SPDX-License-Identifier: GPL-2.0-only
"""crash-stop bench: what is measured, in which order, and where it goes."""

from __future__ import annotations

import argparse
import pathlib

import apply
import archs
import build
import objects
import packages
from archs import Arch
from errors import EXIT_FAILED, EXIT_HELD, Unusable

import bench
import chart
import gate


def _cpus(args: argparse.Namespace, arch: Arch) -> list[int]:
    """How many CPUs, one number after the other."""
    possible = [int(n) for n in arch.get("bench", "cpus").split()] or list(bench.CPUS)
    if args.cpus and max(args.cpus) > max(possible):
        raise Unusable(f"--cpus {max(args.cpus)}: {arch.name} boots with {max(possible)} at most")
    return sorted(set(args.cpus or possible))


def _judged(args: argparse.Namespace, arch: Arch) -> bool:
    """Count instructions of the patched kernel; for the baseline, or against it."""
    kernel, baseline = build.build(args.kernel, arch, True), pathlib.Path(args.baseline or gate.BASELINE)
    if args.record:
        gate.record(baseline, bench.tools(arch), gate.counts(arch, kernel))
        print(f"{arch.name}: recorded in {baseline}")
        return True
    wrong = [f"FAILED {key}: {why}" for key, why in gate.check(arch, kernel, baseline) if why]
    print(*wrong or [f"{arch.name}: no regression"], sep="\n", flush=True)
    return not wrong


def _measured(args: argparse.Namespace, arch: Arch, cpus: list[int]) -> bool:
    """Everything on one architecture; what has been measured so far is on disk."""
    kernels = {patched: build.build(args.kernel, arch, patched) for patched in (False, True)}
    more = {"boot": args.boot} if args.boot else {}
    todo, remarks = bench.cases(arch, args.kernel, tuple(args.scenario or bench.COMPARED), cpus, **more)
    one = bench.Bench(arch.name, args.kernel, bench.tools(arch), args.times, remarks=remarks)
    folder = pathlib.Path(args.output)
    print(f"{arch.name}: {len(todo)} cases, {args.times} times on each kernel\n{chart.HEAD}  clock", flush=True)
    for points in bench.run(one, kernels, todo):
        print(*(f"{row}  {p.clock}" for row, p in zip(chart.rows(points), points)), sep="\n", flush=True)
        chart.write(folder, one)
    one.sizes["patched"]["largest stack frame of ours"] = bench.largest_frame(kernels[True], objects.added(arch))
    paths = chart.write(folder, one)
    print(f"\n{paths[0].read_text()}", *(f"written: {p}" for p in paths), sep="\n", flush=True)
    return bool(one.points) and all(p.ours.median is not None for p in one.points if p.what == bench.DUMP)


def run(args: argparse.Namespace) -> int:
    """Bad input is refused before anything is built."""
    known = archs.load()
    chosen = [known[archs.choose("architecture", name, list(known))] for name in args.arch or list(known)]
    archs.choose("kernel", args.kernel, list(apply.KERNELS))
    for name in args.scenario or ():
        archs.choose("scenario", name, list(bench.COMPARED))
    for option, least in (("times", args.times), ("cpus", min(args.cpus or [1]))):
        if least < 1:
            raise Unusable(f"--{option} {least}: give 1 or more")
    for arch in chosen:
        if args.boot:
            archs.choose(f"way to boot {arch.name}", args.boot, arch.names("option"))
    if args.gate and args.record:
        raise Unusable("--gate judges by the baseline and --record writes it: give one of them")
    if args.gate or args.record:
        gate.load(pathlib.Path(args.baseline or gate.BASELINE))
    cpus = {arch.name: _cpus(args, arch) for arch in chosen}
    good = True
    for arch in chosen:
        packages.need(*packages.BASE, *packages.TEST, *arch.get("arch", "packages").split())
        held = _judged(args, arch) if args.gate or args.record else _measured(args, arch, cpus[arch.name])
        good = good and held
    return EXIT_HELD if good else EXIT_FAILED
