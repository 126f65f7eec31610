# SPDX-License-Identifier: GPL-2.0-only
"""The fault campaign: random panics on real kernels, a record that adds up, failures made smaller."""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import re
import threading
import time

import boot
import faults
import scenarios
import sources
import verdict
from archs import Arch
from faults import Words
from parts import boots
from parts.boots import RETRIED_CASES, RETRIES
from parts.common import Results, chosen, native

# A failure that repeats is made smaller in so many runs; the first ones are.
SMALLER_RUNS = 20
SMALLER_CASES = 3
# With --all, on each architecture.
ALL_PANICS = 50

# What a run in the record is: drawn from its seed, the same again but alone, with words
# left out; and not a run, but what was left of one. GIVEN is any run of words without a seed.
DRAWN, ALONE, LESS, SMALLEST, GIVEN = "drawn", "alone", "less", "smallest", "given"
RECORD = sources.CACHE / "campaign.jsonl"
TABLE = sources.CACHE / "campaign.txt"
_writing = threading.Lock()


def outcome(run: boot.Run) -> dict:
    """What the record keeps of a run, besides its seed."""
    e, case = run.evidence, run.case
    due = {case.cpus, case.cpus - 1} if case.scenario.hotplug else {case.cpus}
    boots_crash_kernel = verdict.boots_crash_kernel(case, e)
    return {"panicked": bool(e.panics or e.dumps), "passed": run.verdict.passed, "reasons": run.verdict.reasons,
            "stop_us": e.stop_us, "store": verdict.stored(case, boots_crash_kernel), "saved": bool(e.store), "dump": boots_crash_kernel,
            "dumped": e.crash_kernel_at is not None and bool(e.notes), "notes": len(e.notes) in due}


def command(entry: dict, words: Words) -> str:
    """What runs a case of the record again, whatever its seed will draw by then."""
    return f"./crash-stop test --campaign 1 --arch {entry['arch']} --kernel {entry['version']} --words \"{' '.join(words)}\""


def _alike(reasons: list[str]) -> set[str]:
    """Why a run failed, whichever CPUs it was and however many, and however long it took."""
    return {re.sub(r"\b\d+(?:[.,-] ?\d+)*", "0", reason) for reason in reasons}


def _key(entry: dict) -> tuple[str, str, int]:
    return entry["arch"], entry["version"], entry["seed"]


def _failed(entry: dict) -> list[str]:
    """Why a case failed, and what runs it again."""
    return [f"{entry['arch']} {entry['version']} seed {entry['seed']}: {'; '.join(entry['reasons'])}",
            f"  {command(entry, entry['words'])}"]


def _line(name: str, runs: list[dict], repeated: int) -> str:
    """The sums of some runs; a guest that never panicked lost nothing, and is named as one that failed."""
    runs = [x for x in runs if x["panicked"]]

    def of(due: str, got: str) -> str:
        all_due = [x for x in runs if x[due]]
        return f"{sum(x[got] for x in all_due)} of {len(all_due)}"

    slowest = max((x["stop_us"] for x in runs if x["stop_us"] is not None), default=0)
    return (f"{name:24} {len(runs):7} {of('panicked', 'passed'):>13} {of('store', 'saved'):>13} "
            f"{of('dump', 'dumped'):>13} {of('dumped', 'notes'):>15} {f'{slowest / 1000:.1f} ms':>13} {repeated:13}")


def _again(drawn: dict[tuple, dict], entries: list[dict]) -> dict[tuple, dict]:
    """What failed alone, of the draws that failed: as small as it was made."""
    return {_key(x): x for x in entries if x["as"] in (ALONE, SMALLEST) and not x["passed"]
            and (draw := drawn.get(_key(x))) and not draw["passed"] and set(x["words"]) <= set(draw["words"])}


def table(entries: list[dict]) -> str:
    """The record as a table: each architecture and kernel, as it is now, and what failed."""
    latest = {(x["arch"], x["version"]): x["kernel"] for x in entries}
    entries = [x for x in entries if latest[x["arch"], x["version"]] == x["kernel"]]
    # A seed that was drawn again is one case, the last one.
    drawn = {_key(x): x for x in entries if x["as"] == DRAWN}
    runs = list(drawn.values())
    again = _again(drawn, entries)
    lines = [f"{'kernel':24} {'panics':>7} {'passed':>13} {'logs saved':>13} {'dumps taken':>13} {'notes complete':>15} "
             f"{'slowest stop':>13} {'failed alone':>13}"]
    for (arch, version), kernel in sorted(latest.items()):
        some = [x for x in runs if (x["arch"], x["version"]) == (arch, version)]
        lines.append(_line(f"{arch} {version} {kernel[:8]}", some, sum(key[:2] == (arch, version) for key in again)))
    lines.append(_line("all", runs, len(again)))
    for key in drawn:
        lines += ["", *_failed(again[key])] if key in again else []
    once = [x for key, x in drawn.items() if not x["passed"] and key not in again]
    lines += ["", f"failed once, and not in {RETRIES} runs alone:"] if once else []
    lines += [f"  {line}" for x in once for line in _failed(x)]
    return "\n".join(lines) + "\n"


class _Campaign:
    """So many seeds on one architecture and kernel."""

    def __init__(self, arch: Arch, version: str, given: bool, number: int) -> None:
        self.arch, self.version, self.given, self.number = arch, version, given, number
        self.kernel = boots.kernel_of(scenarios.case(scenarios.BY_NAME["plain"], arch, kernel=version))
        self.digest = self.kernel.digest
        self.started, self.done = time.monotonic(), 0

    def run(self, seed: int, words: Words, run_as: str) -> dict:
        """One panic, into the record; the log of one that passed is not kept."""
        run = boot.run(self.kernel, faults.case(self.arch, self.version, seed, words), f"-{time.monotonic_ns()}")
        entry = {"arch": self.arch.name, "version": self.version, "kernel": self.digest, "seed": seed,
                 "as": GIVEN if self.given else run_as, "words": list(words), **outcome(run)}
        with _writing:
            with RECORD.open("a") as out:
                out.write(json.dumps(entry) + "\n")
            self.done += run_as == DRAWN
            head = f"[{self.done:4}/{self.number}]" if run_as == DRAWN else f"  {run_as}:"
            print(f"{head} {'ok' if run.verdict.passed else 'FAILED':6} {self.arch.name} {self.version} seed {seed}: "
                  f"{' '.join(words)}   {time.monotonic() - self.started:.0f} s", flush=True)
            for reason in run.verdict.reasons:
                print(f"          {reason}   log: {run.log}", flush=True)
        if run.verdict.passed:
            run.log.unlink()
        return entry

    def alone(self, entry: dict, smaller: bool) -> str:
        """A case that failed, again and alone: why it fails, made smaller, or nothing."""
        seed, words = entry["seed"], tuple(entry["words"])
        bad = [x for _ in range(RETRIES) if not (x := self.run(seed, words, ALONE))["passed"]]
        if not bad:
            print(f"          UNSTABLE {self.arch.name} {self.version} seed {seed}: not in {RETRIES} more runs", flush=True)
            return ""

        def fails(less: Words) -> bool:
            return bool(_alike(bad[0]["reasons"]) & _alike(self.run(seed, less, LESS)["reasons"]))

        if smaller:
            words = faults.smaller(self.arch, self.version, words, fails, SMALLER_RUNS)
        if smaller and not self.given:
            with RECORD.open("a") as out:
                out.write(json.dumps(bad[0] | {"words": list(words), "as": SMALLEST}) + "\n")
        return f"{'; '.join(bad[0]['reasons'])}: {command(entry, words)}"


def _todo(args: argparse.Namespace, arch: Arch, version: str, number: int) -> list[tuple[int, Words]]:
    """What the seeds stand for, or the words that are given, each time."""
    words = faults.given(arch, version, " ".join(args.words)) if args.words else ()
    return [(seed, words or faults.draw(arch, version, seed)) for seed in range(args.seed, args.seed + number)]


def check(args: argparse.Namespace) -> None:
    """Is what was asked for possible? Said before anything is built."""
    for arch in chosen(args):
        version = boots.booted(args, arch)
        if args.words:
            _todo(args, arch, version, 1)


def _one_arch(args: argparse.Namespace, arch: Arch, version: str, number: int) -> Results:
    todo = _todo(args, arch, version, number)
    job = _Campaign(arch, version, bool(args.words), number)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        entries = list(pool.map(lambda x: job.run(*x, DRAWN), todo))
    results: Results = []
    repeated = 0
    # As in the slice of the boots; who has asked for a campaign wants to know of each.
    again = bool(args.campaign) or sum(not entry["passed"] for entry in entries) <= RETRIED_CASES
    for entry in entries:
        why = "" if entry["passed"] else job.alone(entry, repeated < SMALLER_CASES) if again else "; ".join(entry["reasons"])
        repeated += bool(why)
        results.append((f"{arch.name} {version} seed {entry['seed']}", why))
    return results


def campaign(args: argparse.Namespace) -> Results:
    """Panics drawn from a seed, a few of them; --campaign N --seed S: N on each architecture."""
    arches = chosen(args)
    slices = {} if args.campaign else boots.in_turn(arches, native(args))
    results: Results = []
    for arch in arches:
        number = args.campaign or (ALL_PANICS if args.all else int(arch.get("tests", "campaign", "0")))
        if number:
            version = args.kernel or slices.get(arch.name, scenarios.options_of(arch)["kernel"][0])
            results += _one_arch(args, arch, version, number)
    if not results:
        print("          skipped: CI runs none on these architectures; give --campaign N", flush=True)
        return results
    TABLE.write_text(table([json.loads(line) for line in RECORD.read_text().splitlines()]))
    print(f"{TABLE.read_text()}written to {TABLE}, from {RECORD}", flush=True)
    return results
