# SPDX-License-Identifier: GPL-2.0-only
"""The part that explores interleavings. Documentation/explorer.rst says which."""

from __future__ import annotations

import argparse

from parts.common import Results, in_parts, mutate, noticed


def explore(args: argparse.Namespace) -> Results:
    """Interleavings of two CPUs and of three up to a bound (--all: all, where they are not too many), and broken cores found out."""
    results, said = in_parts("explore", *(["ARGS=-a"] if args.all else []))
    print(*(f"   {line}" for line in said), sep="\n")
    return results + noticed(mutate("explore", TESTS="../explore", PROVEN="1"))
