# SPDX-License-Identifier: GPL-2.0-only
"""A linked kernel as its disassembly shows it: functions, whom they call, how deep their stack is.

What calls, jumps, ends and moves the stack pointer is the architecture's, and
stands as expressions in the section [code] of arch/*/crash_stop.audit.
"""

from __future__ import annotations

import bisect
import configparser
import dataclasses
import functools
import pathlib
import re

import packages

# A jump through a pointer belongs to a switch statement if its table is read so many instructions before.
SWITCH_WINDOW = 6
TARGET = r".*?\b(?P<to>[0-9a-f]+) <"


@dataclasses.dataclass(frozen=True)
class Code:
    """How an architecture's instructions are told apart."""
    word: int
    call: re.Pattern[str]  # ends with the target
    jump: re.Pattern[str]  # the same, conditional or not
    end: re.Pattern[str]  # what does not go on behind it
    pointer: re.Pattern[str]  # a call or jump whose target is not in the instruction
    switch: re.Pattern[str]  # reads the table of a switch statement
    deeper: tuple[re.Pattern[str], ...]  # a number of bytes, registers in braces, or else one word
    back: tuple[re.Pattern[str], ...]
    all_back: re.Pattern[str]  # the stack is the caller's again
    unknown: re.Pattern[str]  # deeper by what only the run shows
    trampoline: re.Pattern[str]  # names of functions whose only jump is written at boot
    pushed: int  # bytes that a call itself puts on the stack

    @staticmethod
    def load(conf: configparser.SectionProxy) -> Code:
        """From the section [code]; what is absent matches nothing."""
        def one(key: str, tail: str = "") -> re.Pattern[str]:
            return re.compile(f"(?:{conf[key]}){tail}" if conf.get(key) else r"(?!)")

        def several(key: str) -> tuple[re.Pattern[str], ...]:
            return tuple(re.compile(line) for line in conf.get(key, "").split("\n") if line)

        return Code(conf.getint("word"), one("call", TARGET), one("jump", TARGET), one("end"), one("pointer"), one("switch"),
                    several("deeper"), several("back"), one("all_back"), one("unknown"), one("trampoline"),
                    conf.getint("pushed", 0))

    def moved(self, patterns: tuple[re.Pattern[str], ...], text: str) -> int:
        """By how many bytes an instruction moves the stack pointer, if one of the patterns is it."""
        for pattern in patterns:
            if match := pattern.match(text):
                what = (match.groups() + ("",))[0]
                if what.startswith("{"):
                    return self.word * len(what.split(","))
                number = abs(int(what, 0)) if what else self.word
                return number - (1 << 64) if number >> 63 else number
        return 0


@dataclasses.dataclass(frozen=True)
class Call:
    """One function goes to another: by a call, or by a jump at its end."""
    site: int
    target: int | None  # None: through a pointer
    depth: int  # bytes that the function has on the stack when it does
    jump: bool  # the function does not come back


@dataclasses.dataclass(frozen=True)
class Function:
    """One function: whom it calls, and its frame in bytes."""
    address: int
    name: str
    calls: tuple[Call, ...]
    frame: int
    unknown: bool  # its frame has no fixed size


def _plain(name: str) -> str:
    return re.sub(r"\.(?:isra|constprop|part|cold|localalias)\b.*", "", name)


class Image:
    """A linked kernel; functions are decoded when they are asked for."""

    def __init__(self, code: Code, disassembly: str, symbols: str = "", relocations: str = "",
                 file: tuple[str, pathlib.Path] | None = None) -> None:
        self.code = code
        self._file = file
        self._bodies: dict[int, tuple[str, str]] = {}
        for block in disassembly.split("\n\n"):
            if head := re.match(r"\n*(?:Disassembly of .*\n\n?)?([0-9a-f]+) <([^>]+)>:\n", block):
                self._bodies[int(head[1], 16)] = head[2], block[head.end():]
        self._starts = sorted(self._bodies)
        self._named: dict[str, list[int]] = {}
        for address, (name, _) in self._bodies.items():
            self._add(name, address)
        # readelf: NUM: VALUE SIZE TYPE BIND VIS [OTHER] NDX NAME. Two names may have one address.
        self.objects: dict[str, tuple[int, int]] = {}
        self._labels: set[int] = set()
        self._ends: dict[int, int] = {}
        whole: set[int] = set()
        for line in re.finditer(r"^ *\d+: ([0-9a-f]+) +(\w+) (FUNC|NOTYPE|OBJECT) .* (\S+)$", symbols, re.M):
            address, size, name = int(line[1], 16), int(line[2], 0), line[4]
            if line[3] == "FUNC":
                whole.add(address)
            elif line[3] == "NOTYPE":
                self._labels.add(address)
            if size and line[3] != "OBJECT":
                self._ends[address] = max(self._ends.get(address, 0), address + size)
            if line[3] == "OBJECT":
                self.objects[name] = address, size
            elif address in self._bodies:
                self._add(name, address)
        self._labels -= whole
        # Where the kernel is moved at boot, words of its data stand in the relocations.
        moved = re.finditer(r"^([0-9a-f]+) +[0-9a-f]+ R_\w+_RELATIVE +(-?[0-9a-f]+)$", relocations, re.M)
        self._relocated = {int(m[1], 16): int(m[2], 16) % (1 << 8 * code.word) for m in moved}

    def _add(self, name: str, address: int) -> None:
        there = self._named.setdefault(_plain(name), [])
        if ".cold" not in name and address not in there:
            there.append(address)

    @staticmethod
    def read(vmlinux: pathlib.Path, cross: str, code: Code) -> Image:
        """From the linked kernel, with the binutils of its architecture."""
        dump = packages.run([f"{cross}objdump", "-d", "--no-show-raw-insn", str(vmlinux)])
        return Image(code, dump, packages.run([f"{cross}readelf", "-sW", str(vmlinux)]),
                     packages.run([f"{cross}readelf", "-rW", str(vmlinux)]), (f"{cross}objdump", vmlinux))

    def find(self, name: str) -> list[int]:
        """The functions of that name; the compiler may have made several of one, with a suffix."""
        return self._named.get(name, [])

    def __contains__(self, address: int) -> bool:
        return address in self._bodies

    def names(self) -> list[str]:
        """All functions."""
        return list(self._named)

    def at(self, address: int) -> int:
        """The function that an address is in."""
        if address in self._bodies:
            return address
        place = bisect.bisect_right(self._starts, address)
        return self._starts[place - 1] if place else address

    def name(self, address: int) -> str:
        """Without what the compiler adds."""
        return _plain(self._bodies[address][0])

    def _instructions(self, address: int) -> list[tuple[int, str]]:
        found = []
        for line in self._bodies[address][1].split("\n"):
            place, _, text = line.partition(":\t")
            if text and re.fullmatch(r" *[0-9a-f]+", place):
                # Behind its end stands what is put in its place at boot, and padding.
                if (at := int(place, 16)) >= self._ends.get(address, at + 1):
                    break
                found.append((at, " ".join(text.split())))
        return found

    @functools.cache
    def function(self, address: int) -> Function:
        """Decode one function, with the part of it that the compiler has moved away as unlikely."""
        mine, todo = {address}, [address]
        calls: dict[tuple[int, int | None], tuple[int, bool]] = {}
        ahead: dict[int, int] = {}
        deepest, unknown = self.code.pushed, False
        while todo:
            body, depth, follows, alive = self._instructions(todo.pop()), self.code.pushed, True, True
            for number, (place, text) in enumerate(body):
                if not follows or place in ahead:
                    depth = ahead.get(place, deepest)
                alive = place in ahead or follows and alive
                unknown = unknown or bool(self.code.unknown.match(text))
                depth += self.code.moved(self.code.deeper, text) - self.code.moved(self.code.back, text)
                if self.code.all_back.match(text):
                    depth = self.code.pushed
                deepest = max(deepest, depth)
                follows = not self.code.end.match(text)
                call, jump = self.code.call.match(text), self.code.jump.match(text)
                if call or jump:
                    goal = int((call or jump)["to"], 16)
                    other = self.at(goal)
                    name = self._bodies[other][0]
                    if other not in mine and name.startswith(f"{self._bodies[address][0]}.cold"):
                        mine.add(other)
                        todo.append(other)
                    if name.startswith("."):
                        continue  # a section of pieces, each of which jumps back: x86's .altinstr_aux
                    if other not in mine or (call and goal == address):
                        calls[place, other] = depth, not call
                    elif jump and goal > place or other != address:
                        ahead[goal] = max(ahead.get(goal, 0), depth)
                elif self.code.pointer.match(text) and not self._switch(body[max(0, number - SWITCH_WINDOW):number + 1]):
                    calls[place, None] = depth, not follows
            # Assembler goes on at its next label; what the compiler ends with a call does not come back from it.
            there = self._after(address) if address in self._labels and address not in self._ends else None
            if body and follows and alive and there:
                calls[body[-1][0], there] = depth, True
        if self.code.trampoline.match(self._bodies[address][0]):
            calls = {(address, None): (self.code.pushed, True)}
        found = tuple(Call(site, target, depth, jump) for (site, target), (depth, jump) in calls.items())
        return Function(address, self.name(address), found, deepest, unknown)

    def _switch(self, before: list[tuple[int, str]]) -> bool:
        return any(self.code.switch.match(text) for _, text in before)

    def _after(self, place: int) -> int | None:
        there = bisect.bisect_right(self._starts, place)
        return self._starts[there] if there < len(self._starts) else None

    def words(self, where: str | int) -> list[int]:
        """An object, by name or address, word by word, as it is when the kernel runs where it was linked."""
        address, size = next(((a, s) for n, (a, s) in self.objects.items() if where in (n, a)), (0, 0))
        if not size:
            return []
        objdump, vmlinux = self._file
        dump = packages.run([objdump, "-s", f"--start-address={address:#x}", f"--stop-address={address + size:#x}",
                             str(vmlinux)])
        data = bytes.fromhex("".join(re.findall(r"^ [0-9a-f]+ ((?:[0-9a-f]{2,8} ){1,4})", dump, re.M)).replace(" ", ""))
        order = "big" if re.search(r"file format elf(?:32|64)-(?:s390|big|powerpc$|tradbig)", dump, re.M) else "little"
        word = self.code.word
        return [self._relocated.get(address + i, int.from_bytes(data[i:i + word], order)) for i in range(0, size, word)]
