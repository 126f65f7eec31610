# SPDX-License-Identifier: GPL-2.0-only
"""What the audit of the crash path knows before it looks at a kernel.

The data are kernel/crash_stop.audit, which explains its sections, and behind it
arch/*/crash_stop.audit. The source says which functions are ours and which hooks
of the backend each function of the core calls.
"""

from __future__ import annotations

import configparser
import dataclasses
import fnmatch
import pathlib
import re
from collections.abc import Callable

from archs import ROOT, Arch
from errors import Unusable
from image import Code, Image

HEADER, INTERNAL = ROOT / "include/linux/crash_stop.h", ROOT / "kernel/crash_stop_internal.h"
CONTRACT = re.compile(r"K([1-9]|1[0-5])")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
DEFINITION = re.compile(r"^(?!static inline)((?:\w[\w *]*[ *\n])?)(\w+)\(([^;{}]*?)\)\n\{\n(.*?)^\}", re.M | re.S)
INLINE = re.compile(r"^static inline [^\n]*?(\w+)\([^;{}]*?\)\n\{\n(.*?)^\}", re.M | re.S)


@dataclasses.dataclass(frozen=True)
class Section:
    """One section of the data: kind, its name, the functions it speaks of."""
    kind: str
    name: str
    source: str
    functions: tuple[str, ...]
    keys: dict[str, str]

    def matches(self, name: str, caller: str = "") -> bool:
        """A function stands as its name, with * for any letters, or as CALLER>NAME."""
        return any(fnmatch.fnmatchcase(f"{caller}>{name}" if ">" in f else name, f) for f in self.functions)


@dataclasses.dataclass(frozen=True)
class Data:
    """All that is known beforehand about a kernel of one architecture."""
    code: Code
    entries: tuple[Section, ...]
    boundaries: tuple[Section, ...]
    forbidden: tuple[Section, ...]
    pointers: tuple[Section, ...]
    once: tuple[Section, ...]
    stack: int  # the most that one chain may take, in bytes

    def only(self, wanted: Callable[[Section], bool]) -> Data:
        """Without the sections that do not count."""
        return dataclasses.replace(self, **{kind: tuple(filter(wanted, getattr(self, kind)))
                                            for kind in ("entries", "boundaries", "forbidden", "pointers", "once")})


# Which keys a section has, and which it must have.
KEYS = {"entry": ("what",), "boundary": ("contract", "why"), "forbidden": ("why",), "pointer": ("to", "why"),
        "once": ("contract", "why")}


def read(paths: list[pathlib.Path], kernel: str) -> Data:
    """The data for a kernel, from files of which each adds to the one before."""
    found: dict[str, list[Section]] = {kind: [] for kind in KEYS}
    code, stack = None, 0
    for path in paths:
        conf = configparser.ConfigParser(interpolation=None, strict=True)
        try:
            conf.read_string(path.read_text(), str(path))
        except (OSError, configparser.Error) as error:
            raise Unusable(f"{path}: {str(error).splitlines()[0]}") from error
        for head in conf.sections():
            kind, _, name = head.partition(" ")
            section = conf[head]
            if head == "code":
                code = Code.load(section)
            elif head == "stack":
                stack = section.getint("bytes")
            elif kind in KEYS and name:
                lacks = [k for k in ("functions", *KEYS[kind]) if not section.get(k)]
                if lacks:
                    raise Unusable(f"{path}: [{head}] lacks {lacks[0]}")
                if "contract" in KEYS[kind] and not all(CONTRACT.fullmatch(k) for k in section["contract"].split()):
                    raise Unusable(f"{path}: [{head}] contract = {section['contract']}: give lines of the contract, "
                                   "K1 to K15")
                if kernel in section.get("kernels", kernel).split():
                    found[kind].append(Section(kind, name, str(path), tuple(section["functions"].split()), dict(section)))
            else:
                raise Unusable(f"{path}: [{head}] is none of code, stack, {', '.join(f'{k} NAME' for k in KEYS)}")
    if not code:
        raise Unusable(f"{paths[-1]}: has no section [code]")
    return Data(code, *(tuple(found[k]) for k in ("entry", "boundary", "forbidden", "pointer", "once")), stack)


def paths_of(arch: Arch) -> list[pathlib.Path]:
    """The data of an architecture, behind what holds for all."""
    return [ROOT / "kernel/crash_stop.audit", arch.folder / "crash_stop.audit"]


def data_of(arch: Arch, kernel: str) -> Data:
    """What is known of a kernel of that architecture."""
    return read(paths_of(arch), kernel)


@dataclasses.dataclass(frozen=True)
class Source:
    """What the source says of our functions, which the linked kernel does not."""
    functions: tuple[str, ...]
    hooks: dict[str, tuple[str, ...]]  # the backend's hooks that a function of the core calls
    files: dict[str, str]  # the file that a function is in
    fields: dict[str, tuple[str, ...]]  # struct: its members, each of which takes one word
    pointers: frozenset[str]  # those that are functions
    backend: str  # the architecture's struct crash_stop_backend


def _bare(path: pathlib.Path) -> str:
    return COMMENT.sub("", path.read_text())


def source_of(arch: Arch) -> Source:
    """From the header, the core, and the architecture's files."""
    header = _bare(HEADER)
    structs = {s: re.search(rf"^struct {s} \{{\n(.*?)^\}};", header, re.M | re.S)[1]
               for s in ("crash_stop_backend", "crash_rung")}
    fields = {s: tuple(re.findall(r"(\w+)\)?(?:\([^;]*\))?;", text)) for s, text in structs.items()}
    pointers = frozenset(re.findall(r"\(\*(\w+)\)\(", header)) & {f for fs in fields.values() for f in fs}

    # What is inline in the core's own header is a part of those who call it, or compiled as a function of its own.
    inline = dict(INLINE.findall(_bare(INTERNAL)))

    def calls(body: str) -> set[str]:
        own = set(re.findall(r"(?:->|\.)(\w+)\(", body)) & pointers
        return own.union(*(calls(inline[name]) for name in re.findall(r"\b(\w+)\(", body) if name in inline))

    functions: list[str] = []
    files = dict.fromkeys(inline, str(INTERNAL))
    hooks = {name: tuple(sorted(called)) for name, body in inline.items() if (called := calls(body))}
    backend = ""
    core = [path for path in sorted(ROOT.glob("kernel/*.c")) if not path.stem.endswith("_test")]
    for path in core + sorted((arch.folder / "kernel").glob("*.c")):
        text = _bare(path)
        for before, name, _, body in DEFINITION.findall(text):
            if "__init" in before:
                continue
            functions.append(name)
            files[name] = str(path)
            called = calls(body)
            if path.parent == ROOT / "kernel" and called:
                hooks[name] = tuple(sorted(called))
        if match := re.search(r"^static const struct crash_stop_backend (\w+) = \{", text, re.M):
            backend = match[1]
    return Source(tuple(functions), hooks, files, fields, pointers, backend)


def hooks_of(image: Image, source: Source) -> dict[str, tuple[int, ...]]:
    """Where each hook leads, from the backend's tables as they are linked."""
    found: dict[str, list[int]] = {}

    def take(struct: str, words: list[int]) -> dict[str, int]:
        members = dict(zip(source.fields[struct], words))
        for name in source.pointers & members.keys():
            if members[name] in image:
                found.setdefault(name, []).append(members[name])
            elif members[name]:
                raise Unusable(f"{source.backend}: its {name} is {members[name]:#x}, which is no function")
        return members

    words = image.words(source.backend)
    if len(words) != len(source.fields["crash_stop_backend"]):
        raise Unusable(f"{source.backend} has {len(words)} words, struct crash_stop_backend "
                       f"{len(source.fields['crash_stop_backend'])} members: the layout in {HEADER.name} is not understood")
    backend = take("crash_stop_backend", words)
    size = len(source.fields["crash_rung"])
    rungs = image.words(backend["rungs"])
    if len(rungs) % size or not rungs:
        raise Unusable(f"the rungs of {source.backend} have {len(rungs)} words: the layout in {HEADER.name} is not "
                       "understood")
    for start in range(0, len(rungs), size):
        take("crash_rung", rungs[start:start + size])
    return {name: tuple(sorted(set(to))) for name, to in found.items()}
