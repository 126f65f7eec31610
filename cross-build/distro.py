# SPDX-License-Identifier: GPL-2.0-only
"""The configuration that Debian builds its kernels with, from its packages."""

from __future__ import annotations

import lzma
import os
import pathlib
import tempfile

import locks
import packages
from archs import Arch
from errors import NotHere, NotNow, Unusable
from sources import CACHE, SUITES


def config(version: str, arch: Arch) -> pathlib.Path:
    """Debian's configuration of a kernel for an architecture, fetched when the cache has none."""
    port, flavour = (arch.get("arch", "debian").split() + ["", ""])[:2]
    if not port:
        raise NotHere(f"Debian has no kernel for {arch.name}")
    path = CACHE / "configs" / f"{version}-{port}-{flavour}"
    if not path.exists():
        with locks.held(path):
            if not path.exists():
                _fetch(version, port, flavour, path)
    return path


def _fetch(version: str, port: str, flavour: str, path: pathlib.Path) -> None:
    package = f"linux-config-{version}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as tmp:
        work = pathlib.Path(tmp)
        try:
            deb = packages.download(package, SUITES[version], work, work / "apt", port)
            packages.run(["dpkg-deb", "-x", str(deb), str(work / "deb")])
        except Unusable as error:
            raise NotNow(f"{package} of Debian's {port} could not be fetched: {error}") from error
        packed = work / f"deb/usr/src/{package}/config.{port}_none_{flavour}.xz"
        if not packed.exists():
            raise NotHere(f"{package} of Debian's {port} has no {packed.name}")
        (work / "config").write_bytes(lzma.decompress(packed.read_bytes()))
        os.replace(work / "config", path)
