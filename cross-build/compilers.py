# SPDX-License-Identifier: GPL-2.0-only
"""The compilers: where each comes from, how make is told of it, and whether a kernel takes it."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess

import files
import packages
import sources
from archs import ROOT, Arch, here

GCC, CLANG = "gcc", "clang"
LLVM = "-19"  # builds all three kernels
NAMES = (GCC, CLANG)
CLANG_PACKAGES = (f"clang{LLVM}", f"lld{LLVM}", f"llvm{LLVM}")


def names(arch: Arch) -> list[str]:
    """Those that this architecture's kernel is built with."""
    return arch.get("arch", "compilers", " ".join(NAMES)).split()


def cross(arch: Arch) -> str:
    """What the names of its compiler and binutils begin with."""
    return arch.get("arch", "cross") if arch.name != here() else ""


def program(compiler: str, arch: Arch) -> str:
    """The compiler's command."""
    return f"{cross(arch)}gcc" if compiler == GCC else f"clang{LLVM}"


def words(compiler: str, arch: Arch) -> list[str]:
    """What make is told."""
    line = [f"LLVM={LLVM}"] if compiler == CLANG else []
    if cross(arch):
        line.append(f"CROSS_COMPILE={cross(arch)}")
    # Each build folder has host programs of its own, which are the same.
    host = "gcc" if compiler == GCC else f"clang{LLVM}"
    return line + [f"CC={_cached()} {program(compiler, arch)}", f"HOSTCC={_cached()} {host}"]


def _cached() -> str:
    """What starts a compiler, where each checkout finds it: kbuild compiles again what was compiled by another command."""
    there, ours = sources.CACHE / "cached.sh", (ROOT / "cross-build/cached.sh").read_text()
    if not there.exists() or there.read_text() != ours:
        there.parent.mkdir(parents=True, exist_ok=True)
        files.whole(there, ours)
    return f"sh {there}"


def need(compiler: str, arch: Arch) -> None:
    """Install it, where that may be done."""
    if compiler == CLANG:
        packages.need(*CLANG_PACKAGES)
    if cross(arch) and compiler == GCC:
        packages.need(*arch.get("arch", "cross_packages").split())


def version(compiler: str, arch: Arch) -> str:
    """Its version, or nothing when it is not there."""
    try:
        said = subprocess.run([program(compiler, arch), "-dumpfullversion" if compiler == GCC else "--version"],
                              capture_output=True, text=True).stdout
    except FileNotFoundError:
        return ""
    found = re.search(r"\d+\.\d+\.\d+", said)
    return found[0] if found else ""


def too_old(compiler: str, there: str, tree: pathlib.Path, arch: Arch) -> str:
    """Why the kernel refuses this version, or nothing."""
    tool = "llvm" if compiler == CLANG else compiler
    env = dict(os.environ, SRCARCH=arch.folder.name, ARCH=arch.get("arch", "make").removeprefix("ARCH="))
    least = subprocess.run(["sh", str(tree / "scripts/min-tool-version.sh"), tool], capture_output=True, text=True,
                           env=env).stdout.strip()

    def number(text: str) -> list[int]:
        return [int(n) for n in text.split(".")]

    if least and number(there) < number(least):
        return f"{compiler} {there} is too old, this kernel needs {least}"
    return ""
