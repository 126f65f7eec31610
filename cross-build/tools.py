# SPDX-License-Identifier: GPL-2.0-only
"""Programs that only another Debian release has.

Such a program is unpacked into the cache with the libraries that it needs and is
started through its own dynamic linker: nothing is installed.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

import locks
import packages
from errors import Unusable
from sources import CACHE


@dataclasses.dataclass(frozen=True)
class Tool:
    """Where a program comes from."""
    package: str
    suite: str
    options: tuple[str, ...] = ()  # what makes it look into its folder, {root}


TOOLS = {"herd7": Tool("herdtools7", "forky", ("-set-libdir", "{root}/usr/share/herdtools7/herd")),
         "sparse": Tool("sparse", "forky")}


def _fetch(name: str, root: pathlib.Path) -> None:
    tool = TOOLS[name]
    packages.need("dpkg")
    print(f"fetching {tool.package} of {tool.suite}", flush=True)
    work = root.with_name(f".new-{name}")
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        options = packages.other_suites((tool.suite,), work / "apt")
        # With no package installed apt brings all that this one needs, libc included.
        packages.run(["apt-get", "-qq", *options, "install", "-y", "--no-install-recommends", "--download-only", tool.package])
        for deb in sorted((work / "apt/cache/archives").glob("*.deb")):
            packages.run(["dpkg-deb", "-x", str(deb), str(work / "root")])
        for other in (work / "root/usr/bin").iterdir():
            if other.name != name:
                other.unlink()
        os.replace(work / "root", root)
    except Unusable as error:
        raise Unusable(f"{name} is neither installed nor in {root.parent}, and {tool.package} of Debian {tool.suite} could not "
                       f"be fetched: {error}; go online once, or install {tool.package}") from error
    except OSError as error:
        raise Unusable(f"{root.parent}: {error.strerror}; free some space or set XDG_CACHE_HOME") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _serves(name: str, there: str, kernel: pathlib.Path | None) -> bool:
    """Is an installed program new enough for this kernel, where it has a script that says so?"""
    script = kernel / "scripts/checker-valid.sh" if kernel and name == "sparse" else None
    if not script or not script.exists():
        return True
    return subprocess.run(["sh", str(script), there], capture_output=True, text=True).stdout.strip() == "1"


def commands(name: str, kernel: pathlib.Path | None = None) -> Iterator[list[str]]:
    """The words that start a program: as installed, if it serves the kernel; then from the cache."""
    there = shutil.which(name)
    if there and _serves(name, there, kernel):
        yield [there]
    root = CACHE / "tools" / name
    if not root.exists():
        with locks.held(root):
            if not root.exists():
                _fetch(name, root)
    loaders = sorted(root.glob("usr/lib/*/ld*.so.[0-9]"))
    if not loaders:
        raise Unusable(f"{root} has no dynamic linker; remove that folder")
    yield [str(loaders[0]), "--library-path", str(loaders[0].parent), str(root / "usr/bin" / name),
           *(o.format(root=root) for o in TOOLS[name].options)]


def command(name: str, kernel: pathlib.Path | None = None) -> list[str]:
    """The first of them."""
    return next(commands(name, kernel))
