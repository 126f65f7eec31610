# SPDX-License-Identifier: GPL-2.0-only
"""The part that explores interleavings. Documentation/explorer.rst says which."""

from __future__ import annotations

import argparse

from parts.common import Results, call, from_tap, mutate, noticed, outputs


def explore(args: argparse.Namespace) -> Results:
    """Interleavings of two CPUs and of three up to a bound (--all: two without one), and broken cores found out."""
    out = outputs("explore")
    # Meanwhile, since the one is bound by the processor and the other half by the compiler.
    broken = mutate("explore", TESTS="../explore", PROVEN="1")
    code, text = call(["make", "-s", "-C", "tests/explore", f"O={out}", f"ARGS={'-a' if args.all else ''}", "check"])
    results = from_tap(text, code, "the explorer ran through")
    if not code:
        print(f"   {text.splitlines()[-1]}")
    return results + noticed(broken)
