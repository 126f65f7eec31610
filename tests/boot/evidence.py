# SPDX-License-Identifier: GPL-2.0-only
"""What a transcript shows, as facts; nothing is judged here."""

from __future__ import annotations

import bisect
import dataclasses
import pathlib
import re

from archs import Arch
from qemu import HANGS, NMI_PRESSED, STRAYS, Transcript

# Not only at the start: what init says and what the kernel says can share a line.
STAMP = re.compile(r"^.*?(?:<\d+>)?\[ *\d+\.\d{6}\](?:\[ *[TC]\d+\])? ?")
RUNGS = re.compile(r"crash_stop: rungs: ([\w ]+)")
# How many cycles a ms has, or at which one the panic is due.
CYCLES = re.compile(r"crash_test: (?:(\d+) cycles per ms|due at cycle (\d+))")
# Where the test driver hangs.
HANGING = "crash_test_hang"
HUNG = re.compile(r'crash_stop: CPU (\d+) hung in step "([^"]+)" \([^)]*\) for (\d+) ms( and did not stop)?, CPU (\d+)')
# Two lines that show the kernel's clock and the driver's at the same time.
STAMPED = re.compile(r"\[ *(\d+\.\d{6})\].*?(crash_stop: \d+/\d+ other|crash_test: dump 1 begins)")


class Symbols:
    """Addresses to names, from System.map."""

    def __init__(self, path: pathlib.Path) -> None:
        entries = []
        for line in path.read_text().splitlines():
            address, kind, name = line.split()[:3]
            if kind in "tTwW":
                entries.append((int(address, 16), name))
        entries.sort()
        self._addresses = [a for a, _ in entries]
        self._names = [n for _, n in entries]
        addresses = dict((n, a) for a, n in entries)
        self.stext, self.hanging = addresses.get("_stext", 0), addresses.get(HANGING, 0)

    def name(self, address: int) -> str:
        """The function that an unrelocated address lies in."""
        at = bisect.bisect_right(self._addresses, address) - 1
        return self._names[at] if at >= 0 else "?"


@dataclasses.dataclass
class Note:
    """One NT_PRSTATUS of the vmcore."""

    pid: int
    function: str
    stack: list[str] = dataclasses.field(default_factory=list)  # functions on its stacks, where init looked

    def shows(self, pattern: str) -> bool:
        """Is the CPU in such a function, or called from one?"""
        return any(re.fullmatch(pattern, f) for f in [self.function, *self.stack])


@dataclasses.dataclass(frozen=True)
class Hang:
    """A line that says what hung, and who goes on."""

    cpu: int
    step: str
    ms: int
    stopped: bool
    heir: int


@dataclasses.dataclass
class Evidence:
    """The facts of one run. Times: seconds outside the guest, or guest us after the panic."""

    end: str = "crashed"
    panics: list[tuple[float, str]] = dataclasses.field(default_factory=list)
    owner: int | None = None
    report: str | None = None
    report_at: float | None = None
    stopped: int | None = None
    others: int | None = None
    stop_us: int | None = None
    signal_us: int = 0  # when the first rung was raised
    not_stopped: set[int] = dataclasses.field(default_factory=set)
    dumps: list[tuple[int, int, int]] = dataclasses.field(default_factory=list)  # number, us, cpu
    dump_at: float | None = None
    dump_end_us: int | None = None
    crashed: set[int] = dataclasses.field(default_factory=set)  # CPUs that called panic() themselves
    running_on: set[int] | None = None
    ran_until: dict[int, int] = dataclasses.field(default_factory=dict)  # cpu: us
    stack_bytes: int | None = None  # in use where the log is saved
    how: dict[int, tuple[int, int, str]] = dataclasses.field(default_factory=dict)  # cpu: rung, us, message
    notifier_us: int | None = None
    hangs_us: list[int] = dataclasses.field(default_factory=list)  # when something hangs
    hang_at: float | None = None  # the last one's line
    hung: list[Hang] = dataclasses.field(default_factory=list)  # what was given up, in order
    strays: set[int] = dataclasses.field(default_factory=set)  # CPUs that were made to hang while they stood by
    nested: int = 0
    button: bool = False  # the operator's NMI was sent
    nmi_came: bool = False  # one that the owner has sent to itself
    hung_is_said: bool = False  # on the console, while it happened
    clock_lost: bool = False  # the kernel has found out that it calibrated its clock badly
    said: list[str] = dataclasses.field(default_factory=list)  # every line after the first panic
    crash_kernel_at: float | None = None  # its first line
    per_ms: int = 0  # of the cycles in which this counts:
    due_cycle: int | None = None  # when the panic is due,
    began_cycle: int | None = None  # and when the crash kernel read its command line
    crash_cpus: int | None = None  # that the crash kernel has
    notes: list[Note] = dataclasses.field(default_factory=list)
    vmcoreinfo: dict[str, str] = dataclasses.field(default_factory=dict)
    log: list[str] = dataclasses.field(default_factory=list)  # the log in the vmcore, from the panic on
    states: dict[int, tuple[int, int, int, str]] = dataclasses.field(default_factory=dict)  # state, note, how, message
    restarted: bool = False
    store: list[str] = dataclasses.field(default_factory=list)  # lines of the Panic record
    store_name: str = ""
    rungs: dict[str, bool] = dataclasses.field(default_factory=dict)  # which are usable, says debugfs
    rungs_at_boot: str = ""  # and the line at boot
    decoded: str = ""  # a raw address of the stored log, decoded with what that log says
    pcs: list[list[str]] = dataclasses.field(default_factory=list)  # per reading, per CPU: the function

    @property
    def crash_kernel_us(self) -> int | None:
        """From the panic message to the crash kernel's first line, seen from outside; where both were printed."""
        began = self.panics[0][0] if self.panics else 0.0
        return round((self.crash_kernel_at - began) * 1e6) if self.crash_kernel_at and began else None

    @property
    def began_us(self) -> int | None:
        """From the panic until the crash kernel reads its command line, on a counter that both have."""
        if not (self.per_ms and self.due_cycle and self.began_cycle):
            return None
        return round((self.began_cycle - self.due_cycle) * 1000 / self.per_ms)

    @property
    def behind_deadline_us(self) -> int | None:
        """From the end of the last hang's deadline until the crash kernel begins."""
        if not self.hangs_us or not self.hung or self.began_us is None:
            return None
        return self.began_us - self.hangs_us[-1] - self.hung[-1].ms * 1000


def _cpus(text: str) -> set[int]:
    cpus: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return cpus


def _offset(lines: list[str], symbols: Symbols) -> int:
    """Where the kernel really was, from what it said."""
    for line in lines:
        if found := re.search(r"_stext is at 0x([0-9a-f]+)", line):
            return int(found[1], 16) - symbols.stext
        if found := re.search(r"Kernel Offset: 0x([0-9a-f]+)", line):
            return int(found[1], 16)
    # The report may be what hung.
    for line in lines:
        if found := HANGS.search(line):
            return int(found[1], 16) - symbols.hanging
    return 0


def _note(hexa: str, arch: Arch, symbols: Symbols, offset: int) -> Note:
    data = bytes.fromhex(hexa)
    order = arch.get("registers", "byteorder")
    at, size = (int(arch.get("registers", k)) for k in ("note_pc_offset", "note_pc_bytes"))
    pc = int.from_bytes(data[at : at + size], order)
    at = int(arch.get("registers", "note_pid_offset", "32"))
    pid = int.from_bytes(data[at : at + 4], order, signed=True)
    return Note(pid, symbols.name(pc - offset) if pc else "")


def _decode(store: list[str], symbols: Symbols) -> str:
    """The function of an address that the stored log names, found with what that log alone says."""
    for line in store:
        if found := re.search(r"crash_test: panic\(\) will be called at 0x([0-9a-f]+)", line):
            return symbols.name(int(found[1], 16) - _offset(store, symbols))
    return ""


def _hang(line: str) -> Hang | None:
    found = HUNG.match(line)
    return Hang(int(found[1]), found[2], int(found[3]), not found[4], int(found[5])) if found else None


def _console_line(e: Evidence, at: float, line: str) -> None:
    """A line that the crashing kernel printed."""
    e.said.append(line)
    if found := re.match(r"Kernel panic - not syncing: (.*)", line):
        e.panics.append((at, found[1]))
    elif found := re.match(r"crash_stop: (\d+)/(\d+) other CPUs stopped in (\d+) us(.*)", line):
        e.report, e.report_at = line, at
        e.stopped, e.others, e.stop_us = int(found[1]), int(found[2]), int(found[3])
        e.not_stopped = _cpus(found[4].partition("not stopped: ")[2])
    elif (found := re.match(r"CPU: (\d+) (?:UID|PID)", line)) and e.panics and e.owner is None:
        e.owner = int(found[1])
    elif found := re.match(r"crash_stop: nested panic", line):
        e.nested += 1
    elif found := re.match(r"crash_test: dump (\d+) begins at (\d+) us on cpu (\d+)", line):
        e.dumps.append((int(found[1]), int(found[2]), int(found[3])))
        # Who has taken the crash over may be the one to save the log.
        e.owner = e.hung[0].cpu if e.hung else int(found[3])
        e.dump_at = e.dump_at or at
    elif found := re.match(r"crash_test: running on: \[([\d,-]*)\]", line):
        e.running_on = _cpus(found[1])
    elif found := re.match(r"crash_test: crashed: \[([\d,-]*)\]", line):
        e.crashed = _cpus(found[1])
    elif found := re.match(r'crash_test: cpu (\d+) how (-?\d+) us (\d+) msg "(.*)"', line):
        e.how[int(found[1])] = int(found[2]), int(found[3]), found[4]
    elif found := re.match(r"crash_test: last ran((?: \d+:\d+)*) us, (\d+) bytes of stack", line):
        e.ran_until = {int(cpu): int(us) for cpu, us in re.findall(r"(\d+):(\d+)", found[1])}
        e.stack_bytes = int(found[2])
    elif found := re.match(r"crash_test: dump ends at (\d+) us", line):
        e.dump_end_us = int(found[1])
    elif found := re.match(r"crash_test: hangs at (\d+) us", line):
        # What the console brought out late is in the log's end as well.
        if int(found[1]) not in e.hangs_us:
            e.hangs_us.append(int(found[1]))
            e.hang_at = at
    elif hang := _hang(line):
        e.hung.append(hang)
    elif found := STRAYS.search(line):
        e.strays.add(int(found[1]))
    elif line.startswith("crash_test: an NMI while the log is saved"):
        e.nmi_came = True
    elif NMI_PRESSED in line:
        e.button = True
    elif found := re.match(r"crash_test: notifier at (\d+) us", line):
        e.notifier_us = int(found[1])


def _signal_us(e: Evidence, lines: list[str]) -> int:
    """When the first rung was raised: the report line was printed as the ladder ended."""
    at: dict[str, float] = {}
    for found in filter(None, map(STAMPED.search, lines)):
        at.setdefault(found[2][:10], float(found[1]))
    if len(at) < 2 or not e.dumps or e.stop_us is None:
        return 0
    since_report = (at["crash_test"] - at["crash_stop"]) * 1e6
    return max(0, round(e.dumps[0][1] - since_report - e.stop_us))


def gather(transcript: Transcript, arch: Arch, symbols: Symbols) -> Evidence:
    """All facts of a transcript."""
    e = Evidence(end=transcript.end)
    record: list[str] = []
    phase = "boot"
    hexes = []
    stacks: dict[int, list[int]] = {}
    boot_cpu, first = arch.get("registers", "boot_cpu"), 0
    clock_lost = re.compile(arch.get("registers", "clock_lost", "(?!)"))
    for at, raw in transcript.lines:
        line = raw if raw.startswith(("store|", "log|")) else STAMP.sub("", raw)
        if phase == "boot" and boot_cpu and (found := re.search(boot_cpu, line)):
            first = int(found[1])
        e.clock_lost = e.clock_lost or phase in ("boot", "first") and bool(clock_lost.search(line))
        if phase == "boot" and (found := RUNGS.match(line)):
            e.rungs_at_boot = found[1]
        elif phase == "first" and (found := re.match(r"guest: rung (\w+): (not )?usable", line)):
            e.rungs[found[1]] = not found[2]
        elif found := CYCLES.match(line):
            e.per_ms, e.due_cycle = int(found[1] or e.per_ms), int(found[2]) if found[2] else e.due_cycle
        elif found := re.match(r"crash_test: began at cycle (\d+)", line):
            e.began_cycle = int(found[1])
        if line.startswith("guest: crash kernel"):
            phase, e.crash_kernel_at = "crash kernel", e.crash_kernel_at or at
            if found := re.search(r"(\d+) CPUs", line):
                e.crash_cpus = int(found[1])
        elif line.startswith("guest: first kernel"):
            phase = "again" if phase != "boot" else "first"
        elif phase == "first" and "Linux version" in line and e.panics:
            e.crash_kernel_at = e.crash_kernel_at or at
            phase = "booting"
        if phase in ("first", "booting") and not line.startswith("store|"):
            if phase == "first":
                _console_line(e, at, line)
        elif found := re.match(r"guest: note \d+ ([0-9a-f]+)", line):
            hexes.append(found[1])
        elif found := re.match(r"guest: stack (\d+)((?: [0-9a-f]+)*)", line):
            stacks[int(found[1])] = [int(word, 16) for word in found[2].split()]
        elif line.startswith("log| "):
            e.log.append(line.removeprefix("log| "))
        elif found := re.match(r"guest: vmcoreinfo (\S+?)=(.*)", line):
            e.vmcoreinfo[found[1]] = found[2]
        elif found := re.match(r'guest: state (\d+) state (\d+) note (\d+) how (-?\d+) us \d+ msg "(.*)"', line):
            e.states[int(found[1])] = int(found[2]), int(found[3]), int(found[4]), found[5]
        elif found := re.match(r"guest: record (\S+)", line):
            if found[1] != "ends":
                record, name = [], found[1]
            elif record and record[0].startswith("Panic#"):
                e.store, e.store_name = e.store + record, name
        elif line.startswith("store| "):
            record.append(line.removeprefix("store| "))
        elif phase == "again" and line.startswith("guest: ready"):
            e.restarted = True
    if "guest: crash kernel" not in "\n".join(l for _, l in transcript.lines):
        e.crash_kernel_at = None
    if arch.get("store vmcore", "record") and not e.store:
        e.store, e.store_name = e.log, "vmcore"
    e.hung_is_said = bool(e.hung)
    if not e.dumps and e.store and (e.report is None or any("crash_test: dump" in line for line in e.store)):
        # A legacy console cannot print in NMI context or on PREEMPT_RT; the log has it all,
        # and in the dump also what became of the crash kernel.
        at = e.panics[0][0] if e.panics else 0.0
        e.panics.clear()
        for line in e.log or e.store:
            _console_line(e, at, STAMP.sub("", line))
    # Nor where a CPU that hangs has the console's lock, or its successor was stopped by an NMI.
    if not e.hung and not e.log:
        e.hung = [h for line in e.store if (h := _hang(STAMP.sub("", line)))]
    lines = [STAMP.sub("", line) for line in e.log]
    behind = [n for n, line in enumerate(lines) if _hang(line)][len(e.hung):]
    for line in lines[behind[0]:] if behind else ():
        _console_line(e, e.hang_at or 0.0, line)
    e.signal_us = _signal_us(e, [line for _, line in transcript.lines])
    offset = _offset(e.said, symbols)
    moved = int(e.vmcoreinfo.get("KERNELOFFSET", "0"), 16) or offset
    e.notes = [_note(h, arch, symbols, moved) for h in hexes]
    for cpu, words in stacks.items():
        # Behind a call that does not return stands the next function.
        e.notes[cpu].stack = [symbols.name(word - moved - 1) for word in words]
    e.decoded = _decode(e.store, symbols)
    for reading in transcript.registers:
        pcs = re.findall(arch.get("registers", "monitor_pc"), reading)
        if first < len(pcs):
            pcs.insert(0, pcs.pop(first))
        e.pcs.append([symbols.name(int(pc, 16) - offset) for pc in pcs])
    return e
