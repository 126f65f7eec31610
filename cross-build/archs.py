# SPDX-License-Identifier: GPL-2.0-only
"""The architectures, as data: arch/*/crash_stop.conf."""

from __future__ import annotations

import configparser
import dataclasses
import difflib
import pathlib

from errors import Unusable

ROOT = pathlib.Path(__file__).resolve().parent.parent


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
        """The configuration fragment of this architecture."""
        return (self.folder / self.get("arch", "config")).read_text()

    def names(self, kind: str) -> list[str]:
        """The names in all sections "[KIND NAME]"."""
        return [s.split(" ", 1)[1] for s in self.conf.sections() if s.startswith(kind + " ")]


def load() -> dict[str, Arch]:
    """All architectures that have a backend, by name."""
    found = {}
    for path in sorted(ROOT.glob("arch/*/crash_stop.conf")):
        conf = configparser.ConfigParser(interpolation=None)
        conf.read(path)
        found[conf["arch"]["name"]] = Arch(conf["arch"]["name"], path.parent, conf)
    return found


def choose(what: str, name: str, known: list[str]) -> str:
    """The name, if it is known; otherwise one line that lists the near ones."""
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, 5, 0.4) or known
    raise Unusable(f"{name}: unknown {what}; known: {', '.join(near)}{' ...' if len(near) < len(known) else ''}")
