# SPDX-License-Identifier: GPL-2.0-only
"""The contract against a console alone: what holds, what is broken, what it cannot tell.

The checks that the boot tests make are theirs (verdict.py). What needs the notes, the
test driver or a look at the other CPUs is not guessed: it cannot be told.
"""

from __future__ import annotations

import pathlib
import re

import console
import verdict
from console import Panic
from errors import EXIT_FAILED, EXIT_HELD
from verdict import BOOTING, CONTRACT, Judge

WORDS = {"K1": "one owner", "K2": "losers park at once", "K3": "one ladder, bounded", "K4": "an acknowledgment means it",
         "K5": "late is not lost", "K6": "one order", "K7": "nested entries advance", "K8": "one line, always",
         "K9": "the dump tells the truth", "K10": "once", "K11": "kdump is never skipped in silence", "K12": "safe anywhere",
         "K14": "a hang cannot cost the dump", "K15": "nobody slips through"}
UNTOLD = {
    "K1": "the console shows no panic", "K2": "what a loser has saved is in the dump",
    "K3": "there is no report line", "K4": "the test driver sees it, or a debugger", "K5": "the notes in the dump show it",
    "K6": "no record of the store is shown: after the restart, cat /sys/fs/pstore/dmesg-*",
    "K7": "nothing has faulted on the owner", "K9": "the notes are in the dump", "K10": "there is no report line",
    "K11": "the console could not print",
    "K12": "the boot does not show lock debugging (PROVE_LOCKING)",
    "K14": "nothing has hung on the owner",
    "K15": "which CPUs come and go is not printed",
}


def _one_owner(j: Judge, p: Panic) -> None:
    count, nested = len(p.evidence.panics), p.evidence.nested
    if count:
        hung = len(p.evidence.hung)
        j.check("K1", count <= 1 + nested + hung,
                f"{count} panics were printed, {nested} of them nested, {hung} of them behind a hang")


def _nested(j: Judge, p: Panic) -> None:
    said = [line for line in p.evidence.said if line.startswith("crash_stop: nested panic")]
    for line in said:
        j.check("K7", said.count(line) == 1, f"went through twice: {line}")
    if said:
        j.check("K7", p.ended or p.booted_again, "nothing follows the nested panic")


def _hangs(j: Judge, p: Panic) -> None:
    verdict.heirs(j, p.evidence)
    if p.evidence.hung:
        j.check("K14", p.ended or p.booted_again, "nothing follows the hang; or the recording ends too early")


def _stop(j: Judge, p: Panic, cpus: int | None) -> None:
    e = p.evidence
    j.check("K8", e.report is not None, "no report line")
    if e.report is None:
        return
    verdict.stop_in_time(j, e)
    verdict.ran_on(j, e, e.not_stopped)
    reports = [line for line in e.said if re.match(r"crash_stop: \d+/\d+ other CPUs", line)]
    j.check("K10", len(reports) == 1, f"{len(reports)} report lines")
    left = e.others - e.stopped
    j.check("K8", len(e.not_stopped) == left, f"{left} did not stop, and it names {sorted(e.not_stopped)}")
    by = dict(re.findall(r"(\w[\w ]*?) (\d+)(?=[,)])", (re.search(r"\(.*?\)", e.report) or [""])[0]))
    by_all = sum(map(int, by.values()))
    j.check("K8", by_all == e.stopped, f"{e.stopped} stopped, and it says by what for {by_all}")
    if cpus is not None:
        j.check("K8", e.others + 1 == cpus,
                f"it speaks of {e.others} other CPUs, and {cpus} were there (--cpus N, if some were offline)")
    if p.rungs is not None:
        usable = p.rungs.partition(";")[0].split()
        other = sorted(set(by) - {"by itself"} - set(usable))
        j.check("K3", not other, f"{', '.join(other)} stopped CPUs, and the line at boot does not have it")


def _order(j: Judge, p: Panic) -> bool:
    """Whether all of it was seen."""
    e = p.evidence
    image = verdict.said_of_the_image(e.said)
    if e.report is not None and image:
        j.check("K6", e.said.index(e.report) < e.said.index(image[0]), "the crash kernel's turn came before the stop")
    verdict.in_order(j, e, e.dump_at)
    if any(BOOTING in line for line in image):
        j.check("K6", p.booted_again, "nothing boots behind \"booting the crash kernel\"; or the recording ends too early")
    else:
        j.check("K6", p.ended or p.booted_again, "it came to no end; or the recording ends too early")
    if e.store:
        j.check("K6", e.report is not None and any(e.report in line for line in e.store),
                "the stored log has no report line")
        early = verdict.said_of_the_image(e.store)
        j.check("K6", not early, f"the log was saved behind the crash kernel's turn: {early[:1]}")
    elif p.records:
        j.check("K6", False, "what the store shows is not of this panic")
    booted = e.crash_kernel_at is not None or not any(BOOTING in line for line in image)
    return bool(e.store) and booted


def _judge(p: Panic, cpus: int | None) -> tuple[Judge, dict[str, str]]:
    """What was checked, and why the rest was not."""
    j, untold = Judge(), dict(UNTOLD)
    _one_owner(j, p)
    _stop(j, p, cpus or p.cpus)
    whole = _order(j, p)
    if not whole and j.lines["K6"]:
        j.lines["K6"] = None
        if p.evidence.store:
            untold["K6"] = "a kernel has booted, and does not say that it is the crash kernel"
    _nested(j, p)
    _hangs(j, p)
    if "; no standby" in (p.evidence.report or ""):
        untold["K14"] = "no CPU could stand by: a hang would have cost the dump"
    if p.printed:  # what is said of it is behind the saved log
        verdict.image(j, p.evidence)
    found = verdict.splats(p.evidence)
    if found or p.lockdep:
        j.check("K12", not found, f"a splat: {found[:1]}")
    return j, untold


def _facts(p: Panic) -> list[tuple[str, str]]:
    """What was read."""
    e = p.evidence
    image = verdict.said_of_the_image(e.said)
    after = ["the crash kernel booted"] if e.crash_kernel_at is not None else []
    after += ["a kernel booted"] if e.restarted else []
    return [("rungs", p.rungs or "no line at boot says which"),
            ("report", e.report.removeprefix("crash_stop: ") if e.report else "none"),
            ("not stopped", ", ".join(f"cpu{c}" for c in sorted(e.not_stopped)) or ("none" if e.report else "not known")),
            ("store", f"{len(e.store)} lines of this panic" if e.store else
             "shows another panic" if p.records else "not shown"),
            ("afterwards", "; ".join([*(line.removeprefix("crash_stop: ") for line in image[:1]), *after]) or "nothing")]


def show(path: pathlib.Path, cpus: int | None) -> int:
    """Judge a recorded console, panic by panic; the exit code."""
    panics = console.read(path)
    failed = 0
    for number, p in enumerate(panics, 1):
        message = p.evidence.panics[0][1] if p.evidence.panics else "not on the console"
        owner = f"cpu{p.evidence.owner}: " if p.evidence.owner is not None else ""
        print(f"{path}:{p.line}: panic {number} of {len(panics)}: {owner}{message}")
        for what, text in _facts(p):
            print(f"  {what:12} {text}")
        j, untold = _judge(p, cpus)
        reasons: dict[str, str] = {}
        for line, _, why in (r.partition(": ") for r in j.reasons):
            reasons.setdefault(line, why)
        for line in CONTRACT:
            held = j.lines[line]
            why = untold.get(line, "not on a console") if held is None else reasons.get(line, "")
            word = {True: "holds", False: "broken", None: "cannot be told"}[held]
            print(f"  {line:4} {WORDS.get(line, ''):34} {word:15} {why}".rstrip())
        values = list(j.lines.values())
        failed += bool(j.reasons)
        print(f"  {'FAIL' if j.reasons else 'PASS'}: {values.count(True)} hold, {values.count(False)} broken, "
              f"{values.count(None)} cannot be told from a console alone")
    return EXIT_FAILED if failed else EXIT_HELD
