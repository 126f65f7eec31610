# SPDX-License-Identifier: GPL-2.0-only
"""A console that somebody recorded over a serial line, as what the evidence reads.

Nothing of ours need run on that machine. Before a line there may be a recorder's
time stamps and the kernel's, in any form, or none; a store's record is known by its
head, where somebody has shown it on the same line ("Panic#1 Part1"). What the boot
tests' init would say (this is the crash kernel, this is a record) is put in from
what the kernel says; gather() of evidence.py then finds the same facts as in a test.
"""

from __future__ import annotations

import configparser
import dataclasses
import os
import pathlib
import re

import evidence
from archs import Arch
from errors import Unusable
from evidence import Evidence
from qemu import Transcript

# A console has some garbage, when a board is switched on; a core or an archive is full of it.
GARBAGE_MAX = 0.1
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[c()][0B]?|\0")
GARBAGE = re.compile(r"[^\t\n\r\x1b\b\f\a -~\u00a0-\ufffc]")
# Where a line of the kernel begins, when nothing but a recorder's stamp can tell.
BEGINS = re.compile(r"(?:^|[\s\]|>:])((?:Kernel panic - not syncing: |---\[ end Kernel panic|crash_stop: |crash_test: "
                    r"|CPU: \d+ (?:UID|PID)|Linux version \d|smp: Brought up |BUG: |WARNING: |INFO: rcu"
                    r"|pstore: Registered |Panic#\d+ Part\d+|Oops#\d+ Part\d+|Rebooting in ).*)")
RECORDED = re.compile(r"(?:^|[\s\]|])<\d{1,3}>(.*)")
STAMP = evidence.STAMP
PANIC = "Kernel panic - not syncing: "
CRASH_KERNEL = re.compile(r"elfcorehdr=|for elfcore header|guest: crash kernel")


@dataclasses.dataclass
class Boot:
    """What one boot of the machine has printed; records of a store apart."""

    lines: list[tuple[int, str]] = dataclasses.field(default_factory=list)  # number in the file, text
    records: list[list[str]] = dataclasses.field(default_factory=list)

    def panic(self) -> int | None:
        """Where the first panic is, in lines."""
        return next((i for i, (_, line) in enumerate(self.lines) if line.startswith(PANIC)), None)

    def said(self, pattern: str) -> re.Match | None:
        """The first line that has it."""
        return next((m for _, line in self.lines if (m := re.search(pattern, line))), None)

    @property
    def is_crash_kernel(self) -> bool:
        """Does it say that it is one?"""
        return any(CRASH_KERNEL.search(line) for _, line in self.lines)


@dataclasses.dataclass
class Panic:
    """One panic of a console: where, and all that is known of it."""

    line: int
    printed: bool  # on the console, and not only found in a store
    evidence: Evidence
    booted_again: bool  # a kernel has booted afterwards, whichever
    ended: bool  # or this one has come to its end
    records: int  # of a store, shown since, whatever they are of
    cpus: int | None  # that the boot had brought up
    rungs: str | None  # the line at boot
    lockdep: bool


def _text(path: pathlib.Path) -> str:
    """The file as text, or one line on why it is no console."""
    data = path.read_bytes()
    if not data.strip():
        raise Unusable(f"{path}: empty; record what the serial line carries while the machine panics, and restarts")
    text = data.decode("utf-8", "replace")
    if len(GARBAGE.findall(text)) > GARBAGE_MAX * len(text):
        raise Unusable(f"{path}: not text; give the console as it was recorded, unpacked")
    return ESCAPES.sub("", text)


def _clean(line: str) -> str:
    """A line without what a recorder and the kernel have put before it."""
    line = line.rstrip()
    while (rest := STAMP.sub("", line)) != line:
        line = rest
    found = BEGINS.search(line)
    return found[1] if found else line


def _boots(text: str) -> list[Boot]:
    """The boots in a file; what stands before the first is one, too."""
    boots = [Boot()]
    in_record = False
    for number, raw in enumerate(text.split("\n"), 1):
        recorded = RECORDED.search(raw)
        line = _clean(raw)
        if re.match(r"\w+#\d+ Part\d+", line):
            in_record = True
            boots[-1].records.append([line])
        elif in_record and recorded:
            boots[-1].records[-1].append(recorded[1])
        else:
            in_record = False
            if line.startswith("Linux version "):
                boots.append(Boot())
            boots[-1].lines.append((number, line))
    return boots


def _once(boots: list[Boot]) -> list[Boot]:
    """Without a log that is shown again, as vmcore-dmesg does in a crash kernel: the microseconds give it away."""
    seen: set[tuple[str, str]] = set()
    kept: list[Boot] = []
    for boot in boots:
        at, report = boot.panic(), boot.said(r"^crash_stop: \d+/\d+ other CPUs stopped.*")
        what = (boot.lines[at][1], report[0]) if at is not None and report else None
        if what in seen and boot.is_crash_kernel:
            boot = Boot(boot.lines[:at], boot.records)
        elif what in seen:
            kept[-1].records += boot.records
            continue
        kept.append(boot)
        seen |= {what} - {None}
    return kept


def _transcript(first: Boot, after: list[Boot]) -> Transcript:
    """A panic and what came afterwards, with what init would have said."""
    at = first.panic() or 0
    lines = [(0, "guest: first kernel"), *first.lines[at:]]
    message = first.lines[at][1] if first.panic() is not None else PANIC
    for boot in after:
        mark = "guest: crash kernel" if boot.is_crash_kernel else "guest: first kernel"
        number = boot.lines[0][0] if boot.lines else lines[-1][0]
        lines += boot.lines[:1] + [(number, mark)] + boot.lines[1:]
    for record in (r for boot in [first, *after] for r in boot.records):
        if record[0].startswith("Panic#") and any(message in line for line in record):
            number = lines[-1][0]
            shown = ["guest: record pstore", *(f"store| {line}" for line in record), "guest: record ends"]
            lines += [(number, line) for line in shown]
    # The boot tests know a restart by init; here a kernel that is no crash kernel is one.
    if any(not boot.is_crash_kernel for boot in after):
        lines.append((lines[-1][0], "guest: ready"))
    return Transcript("", [(float(number), line) for number, line in lines], end="done")


def _panic(before: Boot, after: list[Boot]) -> Panic:
    nowhere = Arch("", pathlib.Path(), configparser.ConfigParser())
    found = evidence.gather(_transcript(before, after), nowhere, evidence.Symbols(pathlib.Path(os.devnull)))
    cpus, rungs = before.said(r"Brought up \d+ nodes?, (\d+) CPUs?"), before.said(r"^crash_stop: rungs: (.*)")
    return Panic(line=before.lines[before.panic() or 0][0] if before.lines else 1, printed=before.panic() is not None,
                 evidence=found, booted_again=bool(after), ended=bool(before.said(r"---\[ end Kernel panic|^Rebooting in ")),
                 records=sum(len(b.records) for b in [before, *after]), cpus=int(cpus[1]) if cpus else None,
                 rungs=rungs[1] if rungs else None, lockdep=bool(before.said("Lock dependency validator")))


def read(path: pathlib.Path) -> list[Panic]:
    """Every panic of a recorded console, in order."""
    boots = _once(_boots(_text(path)))
    starts = [i for i, boot in enumerate(boots) if boot.panic() is not None]
    if not starts:
        # The console could not print, and the store has it all: of the boot before.
        shown = [i for i, boot in enumerate(boots) if any(r[0].startswith("Panic#") for r in boot.records)]
        starts = [max((i for i in range(at) if not boots[i].is_crash_kernel), default=at) for at in shown]
    if not starts:
        if not any(line.startswith(("Linux version ", "crash_stop: ")) for b in boots for _, line in b.lines):
            raise Unusable(f"{path}: not a console of Linux (no line of a boot, none of a panic); "
                           "give what the serial line carried")
        raise Unusable(f"{path}: no panic in it; record on until the machine has panicked and restarted")
    # A crash kernel that panics itself still belongs to the panic before.
    ends = [next((n + 1 for n in starts if n > start), len(boots)) for start in starts]
    return [_panic(boots[start], boots[start + 1 : end]) for start, end in zip(starts, ends)]
