# SPDX-License-Identifier: GPL-2.0-only
"""crash-stop test: the parts, and their sum.

A part is a function that returns what passed and what failed by name. The
default is the slice that CI runs; --all adds every scenario on every kernel.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import time

import archs
import files
import packages
import rules
from archs import ROOT
from errors import EXIT_FAILED, EXIT_HELD, BuildFailed, Unusable

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/boot")]

from parts import (audit, boots, campaign, code, explorer, kunit, litmus, machines, matrix, sent,  # noqa: E402
                   tree)
from parts.common import Results  # noqa: E402

QUICK = (code.unit, code.mutants, code.verdicts, code.style, litmus.litmus)
PARTS = QUICK + (machines.machines, explorer.explore, tree.applies, code.mails, sent.sent, tree.identical, tree.compiles,
                 tree.size, matrix.matrix, kunit.kunit, audit.crash_path, boots.boots, boots.instructions,
                 code.pages, campaign.campaign)
# Kernels of their own, or hours; --only names them, --all has them too.
ON_REQUEST = (boots.variants, boots.compare, boots.repeat, matrix.cluster)


def run(args: argparse.Namespace) -> int:
    """All parts that were asked for; the last line is the sum."""
    names = [p.__name__ for p in PARTS + ON_REQUEST]
    for name in args.only or []:
        archs.choose("part", name, names)
    for option in ("jobs", "times", "campaign"):
        if (given := getattr(args, option)) is not None and given < 1:
            raise Unusable(f"--{option} {given}: give 1 or more")
    files.writable(args.json, args.junit)
    if args.scenario and (args.campaign or args.only != ["repeat"]):
        raise Unusable("--scenario is for --only repeat")
    if args.campaign:
        args.only = ["campaign"]
        campaign.check(args)
    elif args.words:
        raise Unusable("--words is for --campaign N")
    elif args.kernel and args.only != ["repeat"]:
        raise Unusable("--kernel is for --campaign N and --only repeat")
    elif args.only == ["repeat"]:
        boots.check(args)
    chosen = QUICK if args.quick else PARTS + ON_REQUEST if args.all else PARTS
    if args.only:
        chosen = [p for p in PARTS + ON_REQUEST if p.__name__ in args.only]
    packages.need(*packages.BASE, *packages.TEST)
    everything: Results = []
    for part in chosen:
        print(f"== {part.__name__}: {(part.__doc__ or '').splitlines()[0]}", flush=True)
        started = time.monotonic()
        try:
            results = part(args)
        except (Unusable, BuildFailed, rules.RuleError, subprocess.CalledProcessError) as error:
            results = [(f"{part.__name__} could run", str(error))]
        for name, why in results:
            if why:
                print(f"FAILED {name}: {why}", flush=True)
        good = sum(not why for _, why in results)
        print(f"   {good} of {len(results)} in {time.monotonic() - started:.0f} s", flush=True)
        everything += [(f"{part.__name__}: {n}", w) for n, w in results]
    if args.json or args.junit:
        _write(args, everything)
    failed = [n for n, why in everything if why]
    print(f"{len(everything) - len(failed)} passed, {len(failed)} failed")
    return EXIT_FAILED if failed or not everything else EXIT_HELD


def _write(args: argparse.Namespace, results: Results) -> None:
    import json
    import xml.etree.ElementTree as xml

    if args.json:
        files.whole(pathlib.Path(args.json), json.dumps([{"name": n, "failed": w} for n, w in results], indent=1) + "\n")
    if args.junit:
        suite = xml.Element("testsuite", name="crash-stop", tests=str(len(results)),
                            failures=str(sum(bool(w) for _, w in results)))
        for name, why in results:
            one = xml.SubElement(suite, "testcase", name=name)
            if why:
                xml.SubElement(one, "failure", message=why)
        files.whole(pathlib.Path(args.junit), xml.tostring(suite, encoding="unicode", xml_declaration=True) + "\n")
