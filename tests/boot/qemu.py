# SPDX-License-Identifier: GPL-2.0-only
"""One guest under QEMU: its console with outside times, its commands, its CPUs.

What comes out is a Transcript, which is all that the evidence and the verdicts
look at; a transcript can be recorded and judged again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import select
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence

import gdb
from errors import Unusable

# Two clocks, in seconds, both generous: guests are emulated on a busy host.
SILENCE_S = 60.0
TOTAL_S = 240.0
BOOT_SILENCE_S = 20.0
BOOT_TRIES = 3
MONITOR_S = 10.0
# For an answer of the monitor: QEMU's own threads may wait for each other for ever (handle_sigp() of 7.2, s390).
ANSWER_S = 30.0
# Where a kernel ends in a state that QEMU knows, for a crash (s390's disabled wait), or for off (all its CPUs
# have stopped themselves; under "-action shutdown=pause" QEMU stays, and waits).
ENDS = ("GUEST_PANICKED", "SHUTDOWN")
# For the reset of a machine that waits, before it goes on.
RESET_S = 5.0
# Until the machine is taken for hung after the kernel's last word.
SETTLE_S = 0.15
# How the transcript notes the operator's NMI.
NMI_PRESSED = "NMI button pressed"
# The test driver says that it hangs, and where; and how the transcript notes who hangs there as well.
HANGS = re.compile(r"crash_test: hangs at \d+ us, in 0x([0-9a-f]+)")
STRAYS = re.compile(r"CPU (\d+) is made to hang")


@dataclasses.dataclass
class Transcript:
    """What a run left behind."""

    command: str
    lines: list[tuple[float, str]] = dataclasses.field(default_factory=list)
    registers: list[str] = dataclasses.field(default_factory=list)  # "info registers -a", twice
    end: str = "crashed"  # done, silent, timeout, qemu

    def text(self) -> str:
        """As it is written to a log, the reproducing command first."""
        head = [f"$ {self.command}", f"# end: {self.end}"]
        regs = [f"# registers {i}| {l}" for i, r in enumerate(self.registers) for l in r.splitlines()]
        return "\n".join(head + [f"[{t:9.4f}] {line}" for t, line in self.lines] + regs) + "\n"

    @staticmethod
    def parse(text: str) -> "Transcript":
        """Read a log back."""
        lines = text.splitlines()
        result = Transcript(lines[0].removeprefix("$ ") if lines else "")
        registers: dict[str, list[str]] = {}
        for line in lines[1:]:
            if line.startswith("# end: "):
                result.end = line.removeprefix("# end: ")
            elif line.startswith("# registers "):
                number, _, rest = line.removeprefix("# registers ").partition("| ")
                registers.setdefault(number, []).append(rest)
            elif line.startswith("["):
                stamp, _, rest = line[1:].partition("] ")
                result.lines.append((float(stamp), rest))
        result.registers = ["\n".join(r) for r in registers.values()]
        return result


class Monitor:
    """QEMU's machine protocol on a socket."""

    def __init__(self, path: pathlib.Path, qemu: subprocess.Popen) -> None:
        self.ended = ""
        self.silent = False
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        deadline = time.monotonic() + MONITOR_S
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError as error:
                if qemu.poll() is not None:
                    said = qemu.stdout.read().decode("utf-8", "replace").strip().splitlines()
                    raise Unusable(f"{qemu.args[0]} ended at once: {(said or ['it said nothing'])[0]}") from error
                if time.monotonic() > deadline:
                    qemu.kill()
                    raise Unusable(f"{qemu.args[0]}: its monitor did not come up within {MONITOR_S:.0f} s") from error
                time.sleep(0.02)
        # Without a buffer, so that select() knows of every line.
        self._file = self._socket.makefile("rwb", buffering=0)
        self._file.readline()
        self._ask({"execute": "qmp_capabilities"})

    def fileno(self) -> int:
        """For select()."""
        return self._socket.fileno()

    def close(self) -> None:
        """Nothing more is asked."""
        self._file.close()
        self._socket.close()

    def listen(self) -> dict:
        """What QEMU says next; events are looked at, answers returned."""
        try:
            line = self._file.readline()
        except ConnectionError:
            line = b""
        said = json.loads(line) if line else {"error": "QEMU has ended"}
        if said.get("event") in ENDS:
            self.ended = said["event"]
        return said

    def _ask(self, request: dict) -> dict:
        if self.silent:
            return {"error": "QEMU does not answer"}
        try:
            self._file.write(json.dumps(request).encode() + b"\n")
        except ConnectionError:
            return {"error": "QEMU has ended"}
        while select.select([self], [], [], ANSWER_S)[0]:
            answer = self.listen()
            if "return" in answer or "error" in answer:
                return answer
        self.silent = True
        return {"error": "QEMU does not answer"}

    def registers(self) -> str:
        """The registers of all CPUs."""
        request = {"execute": "human-monitor-command", "arguments": {"command-line": "info registers -a"}}
        return str(self._ask(request).get("return", ""))

    def put(self, cpu: int, counter: gdb.Counter, address: int) -> None:
        """Let a CPU go on elsewhere."""
        path = self._path.with_name(f"gdb{cpu}")
        self._ask({"execute": "human-monitor-command",
                   "arguments": {"command-line": f"gdbserver unix:{path},server=on,wait=off"}})
        gdb.put(path, cpu, counter, address)

    def nmi(self, cpu: int, command: str) -> None:
        """Press the operator's NMI button, or what the command says; where the machine has one for each CPU, that of cpu."""
        self._ask({"execute": "human-monitor-command", "arguments": {"command-line": command.format(cpu=cpu), "cpu-index": cpu}})

    def reset(self) -> None:
        """Press the reset button; memory stays. A machine that waits goes on as soon as that is done."""
        self._ask({"execute": "system_reset"})
        deadline = time.monotonic() + RESET_S
        # An error of QEMU's own has a class; one that has ended has nothing to say.
        while isinstance(self._ask({"execute": "cont"}).get("error"), dict) and time.monotonic() < deadline:
            time.sleep(0.02)


_guests: set[Guest] = set()
_interrupted = False


def end_all() -> None:
    """End every guest, and let none begin: somebody wants this program to end."""
    global _interrupted
    _interrupted = True
    for guest in list(_guests):
        guest.kill()


class Guest:
    """A guest that is running."""

    def __init__(self, command: list[str]) -> None:
        if _interrupted:
            raise KeyboardInterrupt
        self._dir = tempfile.TemporaryDirectory(prefix="crash-stop-")
        path = pathlib.Path(self._dir.name, "qmp")
        full = command + ["-qmp", f"unix:{path},server=on,wait=off"]
        self.transcript = Transcript(shlex.join(command))
        try:
            self._qemu = subprocess.Popen(full, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT, bufsize=0, start_new_session=True)
        except FileNotFoundError as error:
            raise Unusable(f"{command[0]}: not found; install it (crash-stop prints the apt-get line)") from error
        _guests.add(self)
        self.monitor = Monitor(path, self._qemu)
        self._start = self._last = time.monotonic()
        self._pending = b""

    def next_line(self, quiet_s: float = SILENCE_S) -> str | None:
        """The next console line; None when there is none for quiet_s or no more at all."""
        while b"\n" not in self._pending:
            if self.monitor.silent:
                self.transcript.end = "qemu"
                return None
            if self.monitor.ended:
                said, self.monitor.ended = self.monitor.ended, ""
                self.transcript.lines.append((time.monotonic() - self._start, f"# QEMU: {said}"))
                return said
            now = time.monotonic()
            left = min(self._last + quiet_s, self._start + TOTAL_S) - now
            if left <= 0:
                self.transcript.end = "timeout" if now >= self._start + TOTAL_S else "silent"
                return None
            ready = select.select([self._qemu.stdout, self.monitor], [], [], left)[0]
            if self._qemu.stdout not in ready:
                if ready and "error" in self.monitor.listen():
                    self.transcript.end = "qemu"
                    return None
                continue
            data = os.read(self._qemu.stdout.fileno(), 65536)
            if not data:
                self.transcript.end = "qemu"
                return None
            self._last = time.monotonic()
            self._pending += data
        raw, _, self._pending = self._pending.partition(b"\n")
        line = raw.decode("utf-8", "replace").rstrip("\r")
        self.transcript.lines.append((self._last - self._start, line))
        return line

    def send(self, line: str) -> None:
        """A command for the guest's init."""
        try:
            self._qemu.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            self.transcript.end = "qemu"

    def press_reset(self, why: str) -> None:
        """The reset button, noted in the transcript."""
        self._last = time.monotonic()
        self.transcript.lines.append((self._last - self._start, f"# {why}"))
        self.monitor.reset()

    def press_nmi(self, cpu: int, command: str) -> None:
        """The NMI button, noted in the transcript."""
        self.transcript.lines.append((time.monotonic() - self._start, f"# {NMI_PRESSED}"))
        self.monitor.nmi(cpu, command)

    def stray(self, cpu: int, counter: gdb.Counter, address: int) -> None:
        """A CPU goes on where the test driver hangs, noted in the transcript."""
        self.transcript.lines.append((time.monotonic() - self._start, f"# CPU {cpu} is made to hang"))
        self.monitor.put(cpu, counter, address)

    def kill(self) -> None:
        """Stop QEMU, whatever it does; the number of one that has ended may be somebody else's."""
        try:
            if self._qemu.poll() is None:
                os.killpg(self._qemu.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def close(self) -> None:
        """Stop QEMU; what it was killed for by end_all() is no result."""
        self.kill()
        self._qemu.wait()
        self.monitor.close()
        self._dir.cleanup()
        _guests.discard(self)
        if _interrupted:
            raise KeyboardInterrupt


def run(command: list[str], commands: list[str], last_word: str, button: tuple[str, int, str] | None = None,
        strays: Sequence[tuple[int, gdb.Counter]] = (), silence_ends: bool = False, restarts: bool = True) -> Transcript:
    """Boot, give the commands, and follow the machine until it has restarted.

    A command is given when the one before was answered; the last one panics.
    When the kernel has said last_word, or QEMU that it has ended, whichever comes
    first, its registers are read and the reset button is pressed. A second "guest:
    ready" ends the run; without restarts the last word does. With silence_ends a machine
    that falls silent has ended, too.

    At the first line that holds the first word of button, the NMI button of the
    CPU that is its second is pressed, by the monitor command that is its third.
    When the test driver hangs, each CPU of strays is put there as well.

    A first kernel that falls silent while it boots says nothing about a panic
    (emulated ones do so now and then): the reset button is pressed again, a few
    times, memory and so the store stay, and the transcript says so. A crash
    kernel gets no such help.
    """
    guest = Guest(command)
    todo = list(commands)
    boots = helped = 0
    booting = True
    try:
        while True:
            line = guest.next_line(BOOT_SILENCE_S if booting else SILENCE_S)
            if (guest.transcript.end == "silent" and silence_ends and boots == 1 and not booting
                    and not guest.transcript.registers):
                guest.transcript.end, line = "crashed", last_word
            if line is None:
                if guest.transcript.end != "silent" or not booting or helped == BOOT_TRIES:
                    if guest.transcript.end == "silent":
                        # Where it hangs, for whoever reads the log.
                        guest.transcript.registers.append(guest.monitor.registers())
                    break
                helped += 1
                guest.transcript.end = "crashed"
                guest.press_reset("boot fell silent, reset pressed")
                continue
            if "Linux version" in line and not line.startswith("store|"):
                booting = True
            if line.startswith("guest: first kernel") or "elfcorehdr=" in line:
                booting = False
            if line.startswith("guest: ready"):
                boots += 1
                if boots == 2:
                    guest.transcript.end = "done"
                    break
            if todo and line.startswith(("guest: ready", "guest: kexec", "guest: write", "guest: loop")):
                guest.send(todo.pop(0))
            if button and button[0] in line:
                time.sleep(SETTLE_S)
                guest.press_nmi(*button[1:])
                button = None
            if found := HANGS.search(line):
                for cpu, counter in strays:
                    guest.stray(cpu, counter, int(found[1], 16))
                strays = ()
            if last_word in line and not restarts:
                guest.transcript.end = "done"
                break
            if (last_word in line or line in ENDS) and boots == 1 and not guest.transcript.registers:
                time.sleep(SETTLE_S)
                guest.transcript.registers.append(guest.monitor.registers())
                time.sleep(SETTLE_S)
                guest.transcript.registers.append(guest.monitor.registers())
                guest.press_reset("reset pressed")
    finally:
        guest.close()
    return guest.transcript
