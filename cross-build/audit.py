# SPDX-License-Identifier: GPL-2.0-only
"""What the crash path reaches in a linked kernel, and how deep its stack gets.

The walk begins at the entries and at all our functions, goes through every call
that the disassembly shows, and ends at the boundaries. Calls through a pointer go
where the backend's own tables say, as the linked kernel holds them, or where the
data says. What must not be reached is printed with the chain of calls to it.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections.abc import Iterable

import files
from audit_data import Data, Section, Source, data_of, hooks_of, source_of
from build import Kernel
from compilers import cross
from image import Image
from sources import CACHE


@dataclasses.dataclass
class Audit:
    """What came of one kernel."""
    findings: list[str] = dataclasses.field(default_factory=list)
    reached: list[int] = dataclasses.field(default_factory=list)
    crossed: dict[str, set[str]] = dataclasses.field(default_factory=dict)
    deepest: list[tuple[str, int, list[str]]] = dataclasses.field(default_factory=list)
    said: str = ""  # for people, in a few lines

    @property
    def stack(self) -> int:
        """What the deepest chain takes, in bytes."""
        return max((deep for _, deep, _ in self.deepest), default=0)


class Walk:
    """One walk over one kernel."""

    def __init__(self, image: Image, data: Data, source: Source, hooks: dict[str, tuple[int, ...]]) -> None:
        # What is about a function that this kernel does not have, is not about this kernel.
        self.data = data.only(lambda s: not s.keys.get("has") or bool(image.find(s.keys["has"])))
        self.image, self.source, self.hooks = image, source, hooks
        self.audit = Audit()
        self._from: dict[int, int | None] = {}
        self._goes: dict[int, list[tuple[int, int, bool]]] = {}
        self._pointers: set[Section] = set()
        self._once: set[str] = set()

    def chain(self, address: int) -> list[str]:
        """The shortest way to a function from an entry."""
        names, at = [], address
        while at is not None:
            names.append(self.image.name(at))
            at = self._from[at]
        return names[::-1]

    def _finding(self, what: str, address: int, last: str = "") -> None:
        self.audit.findings.append(f"{what}: {' -> '.join(self.chain(address) + ([last] if last else []))}")

    def _through_pointer(self, address: int) -> list[int] | None:
        """Where a function's calls through pointers lead; None when nothing says it."""
        name = self.image.name(address)
        for section in self.data.pointers:
            if section.matches(name):
                self._pointers.add(section.name)
                there = self._all(section.keys["to"].split())
                if not there:
                    self._finding(f"{section.source}: [pointer {section.name}] leads to no function of this kernel", address)
                return there
        # Those that it calls itself, and those that functions call which may be inlined in it.
        wanted = {h for f, hs in self.source.hooks.items() for h in hs
                  if f == name or self.source.files[f] == self.source.files.get(name) and not self.image.find(f)}
        return [a for h in wanted for a in self.hooks.get(h, ())] if wanted else None

    def _all(self, patterns: Iterable[str]) -> list[int]:
        """The functions of this kernel that have one of these names, in which * stands for any letters."""
        names = [n for p in patterns for n in (fnmatch.filter(self.image.names(), p) if re.search(r"[*?[]", p) else [p])]
        return [a for name in names for a in self.image.find(name)]

    def run(self) -> Audit:
        """Walk from the entries, and then from what of ours they have not reached."""
        for section in self.data.entries:
            there = self._all(section.functions)
            if not there:
                self.audit.findings.append(f"{section.source}: [entry {section.name}] names no function of this kernel")
            self._spread(there)
        self._spread(self._all(self.source.functions))
        self._spread([a for to in self.hooks.values() for a in to])
        for section in self.data.boundaries:
            if section.name not in self.audit.crossed:
                self.audit.findings.append(f"{section.source}: [boundary {section.name}] is never reached")
        for section in self.data.forbidden:
            if not self._all(section.functions):
                self.audit.findings.append(f"{section.source}: [forbidden {section.name}] names no function of this kernel")
        for section in self.data.pointers:
            if section.name not in self._pointers:
                self.audit.findings.append(f"{section.source}: [pointer {section.name}] is never reached")
        self.audit.reached = sorted(self._goes)
        self._measure()
        return self.audit

    def _spread(self, roots: list[int]) -> None:
        todo = [r for r in roots if r not in self._from]
        for root in todo:
            self._from[root] = None
        for at in todo:  # which grows
            function = self.image.function(at)
            goes = self._goes.setdefault(at, [])
            if function.unknown:
                self._finding("its stack has no fixed size", at)
            for call in function.calls:
                targets = [call.target] if call.target is not None else self._through_pointer(at)
                if targets is None and not self._stops(at, "POINTER"):
                    self._finding(f"a call through a pointer at {call.site:#x} leads nobody knows where", at)
                for target in targets or ():
                    if self._stops(at, self.image.name(target)):
                        continue
                    goes.append((target, call.depth, call.jump))
                    if target not in self._from:
                        self._from[target] = at
                        todo.append(target)

    def _stops(self, caller: int, name: str) -> bool:
        """A boundary, or something that must not be reached."""
        from_ = self.image.name(caller)
        for section in self.data.boundaries:
            if section.matches(name, from_):
                self.audit.crossed.setdefault(section.name, set()).add(f"{from_} -> {name}")
                return True
        for section in self.data.forbidden:
            if section.matches(name, from_):
                self._finding(f"reaches {section.name}", caller, name)
                return True
        return False

    def _measure(self) -> None:
        """The deepest chain below each entry; one that comes back to itself is a finding."""
        # What lies below a function depends on what cannot come again, since it has come above it.
        below: dict[tuple[int, frozenset[str]], tuple[int, tuple[int, frozenset[str]] | None]] = {}
        under: set[tuple[int, frozenset[str]]] = set()

        def once(at: int) -> frozenset[str]:
            return frozenset(s.name for s in self.data.once if s.matches(self.image.name(at)))

        def visit(here: tuple[int, frozenset[str]], path: list[tuple[tuple[int, frozenset[str]], bool]]) -> int:
            """path: the functions above, and whether each takes stack when it goes on."""
            at, had = here
            if here in below:
                return below[here][0]
            if here in under:
                loop = path[[h for h, _ in path].index(here):]
                # Assembler that jumps to and fro takes none.
                if any(takes for _, takes in loop):
                    names = [self.image.name(a) for (a, _), _ in loop] + [self.image.name(at)]
                    self.audit.findings.append(f"comes back to itself: {' -> '.join(names)}")
                return 0
            under.add(here)
            best: tuple[int, tuple[int, frozenset[str]] | None] = self.image.function(at).frame, None
            for target, depth, jump in self._goes[at]:
                if had & once(target):
                    self._once |= once(target)
                    continue
                there = target, had | once(target)
                deep = depth + visit(there, path + [(here, not jump or depth > self.image.code.pushed)])
                best = max(best, (deep, there), key=lambda b: b[0])
            under.remove(here)
            below[here] = best
            return best[0]

        roots = [(s.name, self._all(s.functions)) for s in self.data.entries]
        roots.append(("the rest of ours", self._all(self.source.functions)))
        for name, addresses in roots:
            if addresses:
                deep, top = max((visit((a, once(a)), []), a) for a in addresses)
                if self.data.stack and deep > self.data.stack:
                    self._finding(f"takes {deep} bytes of stack below {name}, more than {self.data.stack}", top)
                chain, here = [], (top, once(top))
                while here is not None:
                    chain.append(f"{self.image.name(here[0])} {self.image.function(here[0]).frame}")
                    here = below[here][1]
                self.audit.deepest.append((name, deep, chain))
        for section in self.data.once:
            if section.name not in self._once:
                self.audit.findings.append(f"{section.source}: [once {section.name}] ends no recursion")


def report(kernel: Kernel, walk: Walk) -> str:
    """All of it, for a file: every function with the way to it."""
    audit = walk.audit
    lines = [f"The crash path of Linux {kernel.title} {kernel.arch.name}, {kernel.out / 'vmlinux'}", "", "findings"]
    lines += [f"  {f}" for f in audit.findings] or ["  none"]
    lines += ["", "deepest stack, in bytes: function and its frame"]
    lines += [f"  {name}: {deep}: {' -> '.join(chain)}" for name, deep, chain in audit.deepest]
    lines += ["", "boundaries"]
    for section in walk.data.boundaries:
        lines += [f"  {section.name} ({section.keys['contract']}): {section.keys['why']}"]
        lines += [f"    {way}" for way in sorted(audit.crossed.get(section.name, ()))]
    lines += ["", "reached"]
    lines += [f"  {' -> '.join(walk.chain(a))}" for a in audit.reached]
    return "\n".join(lines) + "\n"


def audit(kernel: Kernel) -> Audit:
    """Walk over a kernel that was built; all that came of it is in a file of the cache."""
    data, source = data_of(kernel.arch, kernel.version), source_of(kernel.arch)
    image = Image.read(kernel.out / "vmlinux", cross(kernel.arch), data.code)
    walk = Walk(image, data, source, hooks_of(image, source))
    found = walk.run()
    path = CACHE / "logs" / f"audit-{kernel.out.name}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    files.whole(path, report(kernel, walk))
    lines = [f"{kernel.arch.name}, Linux {kernel.title}: {len(found.reached)} functions reached, "
             f"{len(found.crossed)} boundaries   {path}"]
    lines += [f"  {deep:5} bytes of stack, {name}: {' -> '.join(chain)}" for name, deep, chain in found.deepest]
    found.said = "\n".join(lines)
    return found
