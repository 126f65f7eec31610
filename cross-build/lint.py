# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel's own scripts say about our source files."""

from __future__ import annotations

import pathlib
import subprocess

import series
from archs import ROOT

KERNEL = "7.3"  # whose scripts judge


def files() -> list[str]:
    """What goes into a kernel and is C."""
    return [str(p.relative_to(ROOT)) for pattern in ("kernel/*.[ch]", "include/linux/*.h", "arch/*/kernel/*.[ch]")
            for p in sorted(ROOT.glob(pattern))]


def _said(command: list[str]) -> list[str]:
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = [line for line in (run.stdout + run.stderr).splitlines() if line.strip()]
    return said or [f"{pathlib.Path(command[0]).name}: exit code {run.returncode}"] * bool(run.returncode)


def checkpatch(tree: pathlib.Path, names: list[str]) -> list[str]:
    """What checkpatch --strict says."""
    return _said(["perl", str(tree / "scripts/checkpatch.pl"), *series.CHECKPATCH, "-f", *names])


def kernel_doc(tree: pathlib.Path, names: list[str]) -> list[str]:
    """What kernel-doc warns of."""
    return [line for line in _said([str(tree / "scripts/kernel-doc"), "-none", "-Wall", *[str(ROOT / n) for n in names]])
            if "warning" in line or "rror" in line or "exit code" in line]
