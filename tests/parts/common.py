# SPDX-License-Identifier: GPL-2.0-only
"""What the parts share."""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess

import archs
from archs import ROOT, Arch

Results = list[tuple[str, str]]  # name, and why it failed or ""


def call(command: list[str], cwd: pathlib.Path = ROOT) -> tuple[int, str]:
    """Exit code, and what a command printed."""
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def chosen(args: argparse.Namespace) -> list[Arch]:
    """The architectures to test: all, or those of --arch."""
    known = archs.load()
    return [known[archs.choose("architecture", name, list(known))] for name in args.arch or list(known)]


def native(args: argparse.Namespace) -> list[Arch]:
    """Where the slice builds a stock kernel too: this machine's architecture; with --all or --arch every chosen one."""
    arches = chosen(args)
    return arches if args.all or args.arch else [a for a in arches if a.name == os.uname().machine] or arches[:1]


def sources_of(arch: Arch) -> list[str]:
    """What we add to a kernel of this architecture, as objects; its KUnit tests are built by the part "kunit"."""
    return [str(p.relative_to(ROOT))[:-2] + ".o" for folder in (ROOT / "kernel", arch.folder / "kernel")
            for p in sorted(folder.glob("*.c")) if not p.stem.endswith("_test")]
