# SPDX-License-Identifier: GPL-2.0-only
"""The matrix as data: a cell is a kernel, an architecture, a compiler and a variant, KERNEL/ARCH/COMPILER/VARIANT.

The architectures say which compilers and variants they have. The default is what
fits a maintainer's patience; --all is every cell.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import pathlib

import apply
import archs
import build
import compilers
import results
import sources
from archs import Arch
from errors import Unusable

FOLDER = sources.CACHE / "matrix"  # where the cells are built


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell."""

    kernel: str  # 7.3, or a folder
    arch: Arch
    compiler: str
    variant: str

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        label = self.kernel if self.kernel in apply.KERNELS else sources.find(self.kernel)[0]
        return f"{label}/{self.arch.name}/{self.compiler}/{self.variant}"

    @property
    def file(self) -> str:
        """The same as a file's name."""
        return results.stem(self.name)

    def command(self, *options: str) -> list[str]:
        """What runs it again, from any folder."""
        kernel = ["--kernel", str(pathlib.Path(self.kernel).resolve())] if self.kernel not in apply.KERNELS else []
        return [str(archs.ROOT / "crash-stop"), "matrix", *kernel, *options, "--again", self.name]

    @property
    def linked(self) -> bool:
        """Is this the cell of its kernel and architecture that links a kernel, too?"""
        return (bool(self.arch.get("arch", "image")) and self.compiler == compilers.GCC
                and self.variant == self.arch.get("arch", "linked", build.PLAIN) and self.kernel not in apply.KERNELS[:-1])

    @property
    def default(self) -> bool:
        """Does the matrix have it without --all? The newest kernel with the architecture's first compiler, and where there
        is a backend each compiler, or what the architecture says; and one of the older kernels in turn."""
        if not self.arch.variants()[self.variant].default:
            return False
        backend, first = bool(self.arch.get("arch", "image")), self.compiler == compilers.names(self.arch)[0]
        if self.kernel in apply.KERNELS[:-1]:
            turn = apply.KERNELS.index(self.kernel) + list(archs.compiled()).index(self.arch.name)
            return backend and first and self.variant == build.PLAIN and turn % 2 == 0
        if said := self.arch.get("arch", "cells").split():
            return f"{self.compiler}/{self.variant}" in said
        return first or backend and self.variant == build.PLAIN


def every(kernels: list[str]) -> list[Cell]:
    """All cells of these kernels."""
    return [Cell(kernel, arch, compiler, variant) for kernel in kernels for arch in archs.compiled().values()
            for compiler in compilers.names(arch) for variant in arch.variants()]


def choose(kernels: list[str], patterns: list[str], everything: bool) -> list[Cell]:
    """The cells that are asked for: by name or pattern, or the default ones."""
    cells = every(kernels)
    if patterns:
        known = [c.name for c in cells]
        for pattern in patterns:
            if not fnmatch.filter(known, pattern):
                archs.choose("cell", pattern, known)
        cells = [c for c in cells if any(fnmatch.fnmatch(c.name, p) for p in patterns)]
    elif not everything:
        cells = [c for c in cells if c.default]
    return cells


def shard(text: str) -> tuple[int, int]:
    """K and N of K/N; without, a run is all of itself."""
    k, _, n = (text or "1/1").partition("/")
    if not (k.isdigit() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise Unusable(f"--shard {text}: give K/N, K from 1 to N")
    return int(k), int(n)


def folder(cell: Cell) -> pathlib.Path:
    """Where a cell is built."""
    return FOLDER / cell.file
