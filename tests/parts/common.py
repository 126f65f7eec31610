# SPDX-License-Identifier: GPL-2.0-only
"""What the parts share."""

from __future__ import annotations

import argparse
import hashlib
import os
import pathlib
import re
import subprocess
import sys

import archs
import sources
from archs import ROOT, Arch

Results = list[tuple[str, str]]  # name, and why it failed or ""


def call(command: list[str], cwd: pathlib.Path = ROOT) -> tuple[int, str]:
    """Exit code, and what a command printed."""
    run = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def outputs(name: str) -> pathlib.Path:
    """Where this checkout compiles: make goes by time, and another checkout's objects may be younger than our sources."""
    return sources.CACHE / "tests" / hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12] / name


def in_parts(folder: str, *words: str) -> tuple[Results, list[str]]:
    """A test program of tests/, built and then run in as many parts as there are processors; and what each said last."""
    make = ["make", "-s", "-C", f"tests/{folder}", f"O={outputs(folder)}", *words]
    code, text = call(make)
    if code:
        return [(f"tests/{folder} builds", text.strip()[-300:])], []
    shards = os.cpu_count() or 1
    run = [subprocess.Popen([*make, "check"], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            env=os.environ | {"SHARD": f"{k}/{shards}"}) for k in range(1, shards + 1)]
    said = [shard.communicate()[0] for shard in run]
    return ([result for text, shard in zip(said, run) for result in from_tap(text, shard.returncode, f"tests/{folder} ran through")],
            [text.strip().splitlines()[-1] for text in said if text.strip()])


def mutate(name: str, **environment: str) -> subprocess.Popen[str]:
    """Broken cores, under way; tests/unit/mutate.sh says what the environment may ask for."""
    return subprocess.Popen(["sh", "tests/unit/mutate.sh", str(outputs(name))], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=os.environ | environment)


def noticed(mutants: subprocess.Popen[str]) -> Results:
    """What came of them."""
    text = mutants.communicate()[0]
    return from_tap(text, mutants.returncode, "every mutant was noticed", "mutant ", "survived")


def from_tap(text: str, code: int, whole: str, prefix: str = "", bad: str = "failed") -> Results:
    """What a program has printed as TAP or KTAP; with the end of it, and a result named whole, if it did not run through."""
    results = [(prefix + m[2], "" if m[1] == "ok" else bad + m[3])
               for m in re.finditer(r"^ *(ok|not ok) \d+ (?:- )?(\S+)(.*)$", text, re.M)]
    # A part that has nothing to do says so.
    if code or not (results or re.search(r"^1\.\.0$", text, re.M)):
        sys.stdout.write(text[-4000:])
        results.append((whole, f"exit code {code}"))
    return results


def chosen(args: argparse.Namespace) -> list[Arch]:
    """The architectures to test: all, or those of --arch."""
    known = archs.load()
    return [known[archs.choose("architecture", name, list(known))] for name in args.arch or list(known)]


def native(args: argparse.Namespace) -> list[Arch]:
    """Where the slice builds a stock kernel too: this machine's architecture; with --all or --arch every chosen one."""
    arches = chosen(args)
    return arches if args.all or args.arch else [a for a in arches if a.name == archs.here()] or arches[:1]
