# SPDX-License-Identifier: GPL-2.0-only
"""Recorded runs, as if they had just been booted."""

import copy
import dataclasses
import functools
import pathlib
from unittest import mock

import paths
import archs
import bench
import boot
import build
import evidence
import scenarios
import verdict
from qemu import Transcript

RECORDED = paths.ROOT / "tests/boot/recorded"
RECORDED_STOCK = paths.ROOT / "tests/boot/recorded_stock"
ARCH = archs.load()["x86_64"]


@functools.cache
def _read(name: str, patched: bool) -> boot.Run:
    folder = RECORDED if patched else RECORDED_STOCK
    log = folder / f"{name}.log"
    scenario, _, kdump = name.partition("-kdump")
    case = scenarios.case(scenarios.BY_NAME[scenario], ARCH, kernel="7.3", kdump="yes" if "-kdump" in name else "no")
    kernel = build.Kernel("7.3", "7.3", patched, build.PLAIN, ARCH, pathlib.Path("tree"), pathlib.Path("out"))
    transcript = Transcript.parse(log.read_text())
    facts = evidence.gather(transcript, ARCH, evidence.Symbols(folder / "kernel.map"))
    return boot.Run(kernel, case, transcript, facts, verdict.judge(case, facts, ARCH), 1.0, pathlib.Path(log.name))


def recorded(name: str, patched: bool = True) -> boot.Run:
    """The run of a log: of the patched kernel, or in the folder "stock" of the other. The facts may be changed."""
    run = _read(name, patched)
    return dataclasses.replace(run, evidence=copy.deepcopy(run.evidence))


def benchmark() -> bench.Bench:
    """Recorded runs as a benchmark, as if they had been done on three numbers of CPUs."""
    one = bench.Bench("x86_64", "7.3", "gcc 12.2, QEMU 7.2", 3)
    logs = {"yes": "wedged-kdump", "no": "three"}
    with mock.patch("bench.boot.run", lambda kernel, case, mark: recorded(logs[case.get("kdump")], kernel == "patched")):
        for cpus in (4, 8, 64):
            for kdump in ("no", "yes"):
                sized = scenarios.Case(scenarios.BY_NAME["wedged"], ARCH, (("kdump", kdump), ("kernel", "7.3")), smp=cpus)
                one.points += bench.measure({False: "stock", True: "patched"}, sized, 3)[1]
    one.sizes = {"stock": {"text": 1000, "data": 5}, "patched": {"text": 1200, "data": 5, "largest frame of ours": 96}}
    one.remarks.append("a case: left out")
    return one
