# SPDX-License-Identifier: GPL-2.0-only
"""The part that explores interleavings. Documentation/explorer.rst says which."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys

import sources
from archs import ROOT
from parts.common import Results, call

OK = re.compile(r"^(ok|not ok) \d+ - (\S+)", re.M)


def explore(args: argparse.Namespace) -> Results:
    """Interleavings of two CPUs and of three up to a bound (--all: two without one), and broken cores found out."""
    out = sources.CACHE / "explore"
    # Meanwhile, since the one is bound by the processor and the other half by the compiler.
    broken = subprocess.Popen(["sh", "tests/unit/mutate.sh", str(out)], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=os.environ | {"TESTS": "../explore", "PROVEN": "1"})
    code, text = call(["make", "-s", "-C", "tests/explore", f"O={out}", f"ARGS={'-a' if args.all else ''}", "check"])
    results = [(m[2], "" if m[1] == "ok" else "failed") for m in OK.finditer(text)]
    if code or not results:
        sys.stdout.write(text[-4000:])
        results.append(("the explorer ran through", f"exit code {code}"))
    else:
        print(f"   {text.splitlines()[-1]}")
    found = broken.communicate()[0]
    mutants = [(f"mutant {m[2]}", "" if m[1] == "ok" else "survived") for m in OK.finditer(found)]
    if broken.returncode or not mutants:
        sys.stdout.write(found[-3000:])
        mutants.append(("every mutant was found out", f"exit code {broken.returncode}"))
    return results + mutants
