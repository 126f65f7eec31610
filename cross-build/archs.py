# SPDX-License-Identifier: GPL-2.0-only
"""The architectures, as data: arch/*/crash_stop.conf."""

from __future__ import annotations

import configparser
import dataclasses
import difflib
import functools
import os
import pathlib

from errors import Unusable

ROOT = pathlib.Path(__file__).resolve().parent.parent
VARIANTS = ROOT / "cross-build/config/variants.conf"  # those of every architecture


@dataclasses.dataclass(frozen=True)
class Variant:
    """A kernel that is built otherwise; variants.conf says what each means."""

    name: str
    base: str
    lines: str
    objects: tuple[str, ...]
    default: bool
    after: str


@dataclasses.dataclass(frozen=True)
class Arch:
    """One architecture; the sections are documented in the file itself."""

    name: str
    folder: pathlib.Path
    conf: configparser.ConfigParser

    def get(self, section: str, key: str, default: str = "") -> str:
        """One value, or the default."""
        return self.conf.get(section, key, fallback=default)

    @property
    def config(self) -> str:
        """The configuration fragment of this architecture; one that is only compiled has none."""
        name = self.get("arch", "config")
        return (self.folder / name).read_text() if name else ""

    def names(self, kind: str) -> list[str]:
        """The names in all sections "[KIND NAME]"."""
        return [s.split(" ", 1)[1] for s in self.conf.sections() if s.startswith(kind + " ")]

    def variants(self) -> dict[str, Variant]:
        """The variants that it is compiled in, by name."""
        wanted = self.get("arch", "variants").split()
        found = {}
        for data in [c[s] for c in (_read(VARIANTS), self.conf) for s in c.sections() if s.startswith("variant ")]:
            name = data.name.split(" ", 1)[1]
            text = "".join(f"{line}\n" for line in data.get("lines", "").split())
            if data.get("config"):
                text += (self.folder / data["config"]).read_text()
            if name in found and "base" not in data:
                if other := set(data) - {"lines", "config"}:
                    raise Unusable(f"{self.name}: [variant {name}]: {', '.join(sorted(other))}: without a base of its own "
                                   "it only adds lines to the shared one; give them a variant of another name")
                found[name] = dataclasses.replace(found[name], lines=found[name].lines + text)
                continue
            found[name] = Variant(name, data.get("base", "allnoconfig"), text, tuple(data.get("objects", "").split()),
                                  name in wanted or data.get("default", "yes") == "yes", data.get("after", ""))
        return {n: v for n, v in found.items() if not wanted or n in wanted}


@functools.cache
def _read(path: pathlib.Path) -> configparser.ConfigParser:
    conf = configparser.ConfigParser(interpolation=None)
    conf.read(path)
    return conf


def _load(pattern: str) -> dict[str, Arch]:
    found = {}
    for path in sorted(ROOT.glob(pattern)):
        conf = _read(path)
        found[conf["arch"]["name"]] = Arch(conf["arch"]["name"], path.parent, conf)
    return found


def load() -> dict[str, Arch]:
    """All architectures that have a backend, by name; the tests boot them."""
    return _load("arch/*/crash_stop.conf")


def compiled() -> dict[str, Arch]:
    """All architectures, those too which are only compiled."""
    return load() | _load("arch/*/compile*.conf")


def here() -> str:
    """This machine's architecture; where that is none of ours, what uname calls it."""
    machine = os.uname().machine
    return next((name for name, arch in compiled().items() if machine in arch.get("arch", "machine", name).split()), machine)


def choose(what: str, name: str, known: list[str]) -> str:
    """The name, if it is known; otherwise one line that lists the near ones."""
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, 5, 0.4) or known
    raise Unusable(f"{name}: unknown {what}; known: {', '.join(near)}{' ...' if len(near) < len(known) else ''}")
