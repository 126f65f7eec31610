# SPDX-License-Identifier: GPL-2.0-only
"""Kernel sources: Debian's packages, fetched once into the cache, or a folder.

The pristine tree stays as it is. What is built is a copy of it, of hard links,
stock or patched; apply.py replaces files and never writes into one.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
from collections.abc import Iterator

import apply
import locks
import packages
from errors import Unusable

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "crash-stop"

# The suites that have a kernel which the release that runs us may not have.
SUITES = {"6.1": ("bookworm", "bookworm-security"), "6.12": ("bookworm-security", "trixie"),
          "7.3": ("trixie-backports",)}
NOT_SOURCE = ("*.o", "*.cmd", "*.ko", "*.a", ".git", "/.config", "/vmlinux", "/vmlinux.[ao]", "vmlinux.lds", "/include/config",
              "/include/generated", "/arch/*/include/generated", "/.crash-stop")


def pristine(version: str) -> pathlib.Path:
    """The unpacked source of a Debian kernel, fetched when the cache has none."""
    tree = CACHE / "sources" / f"linux-{version}"
    if not tree.exists():
        with locks.held(tree):
            if not tree.exists():
                _unpack(version, tree)
    return tree


def _unpack(version: str, tree: pathlib.Path) -> None:
    packages.need(*packages.BASE)
    print(f"fetching linux-source-{version}", flush=True)
    work = CACHE / "sources" / f".new-{version}"
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        try:
            deb = packages.download(f"linux-source-{version}", SUITES[version], work, CACHE / "apt")
        except Unusable as error:
            raise Unusable(f"linux-source-{version} is not in {CACHE / 'sources'} and could not be fetched: "
                           f"{error}; go online once, or give --kernel DIR") from error
        packages.run(["dpkg-deb", "-x", str(deb), str(work / "deb")])
        archive = work / f"deb/usr/src/linux-source-{version}.tar.xz"
        packages.run(["tar", "-xf", str(archive), "-C", str(work)])
        os.replace(work / f"linux-source-{version}", tree)
    except OSError as error:
        raise Unusable(f"{CACHE}: {error.strerror}; free some space or set XDG_CACHE_HOME") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def find(kernel: str) -> tuple[str, pathlib.Path]:
    """The source of a kernel that is known, or a folder: (its name for files, folder)."""
    if kernel in apply.KERNELS:
        return kernel, pristine(kernel)
    source = pathlib.Path(kernel).resolve()
    if not source.is_dir():
        raise Unusable(f"{kernel}: neither a kernel that is known ({', '.join(apply.KERNELS)}) nor a folder")
    return "dir-" + re.sub(r"\W+", "-", str(source)).strip("-"), source


def places(tree: pathlib.Path, arch: str) -> list[pathlib.Path]:
    """What of a tree an architecture may be built from: all but the others."""
    return [p for p in tree.iterdir() if p.name != "arch" and p.name[0] != "."] + [tree / "arch" / arch]


def _make(source: pathlib.Path, copy: pathlib.Path, patched: bool, again: bool) -> None:
    """Make the tree to build what it has to be."""
    if again or not copy.exists():
        packages.need(*packages.BASE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        keep = ["--exclude=" + e for e in NOT_SOURCE]
        new = copy.with_name(copy.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        packages.run(["rsync", "-a", *keep, f"--link-dest={source}", f"{source}/", f"{new}/"])
        shutil.rmtree(copy, ignore_errors=True)
        os.replace(new, copy)
    if patched:
        apply.apply_layer(copy)
    apply.apply_driver(copy)


_copied: set[pathlib.Path] = set()  # copies of folders, which this process has made


@contextlib.contextmanager
def using(kernel: str, patched: bool) -> Iterator[tuple[str, pathlib.Path]]:
    """A tree to build, with the test driver in it, which nobody changes meanwhile: (version, folder)."""
    label, source = find(kernel)
    version = apply.kernel_version(source)
    copy = CACHE / "trees" / f"{label}-{'patched' if patched else 'stock'}"
    while True:
        with locks.held(copy, shared=True):
            old = kernel not in apply.KERNELS and copy not in _copied
            if not old and apply.is_current(copy, patched):
                yield version, copy
                return
        with locks.held(copy):
            _make(source, copy, patched, old)
            _copied.add(copy)


def tree(kernel: str, patched: bool) -> tuple[str, pathlib.Path]:
    """The same, for those who only look."""
    with using(kernel, patched) as found:
        return found
