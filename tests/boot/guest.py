# SPDX-License-Identifier: GPL-2.0-only
"""The guest's initramfs: our init, and for the first kernel the crash kernel."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import tempfile

import compilers
from archs import ROOT
from build import Kernel
from errors import BuildFailed

GUEST = ROOT / "tests/boot/guest"


def _cpio(folder: pathlib.Path, out: pathlib.Path) -> None:
    """Pack a folder; the console's node is described, so that nobody need be root."""
    names = sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))
    with out.open("wb") as to:
        subprocess.run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], cwd=folder, stdout=to,
                       input="\n".join(names).encode() + b"\n", check=True)


def initrd(kernel: Kernel) -> pathlib.Path:
    """The initramfs of the first kernel, rebuilt when anything in it is newer."""
    out = kernel.out / "crash-stop.initrd"
    files = sorted([*GUEST.glob("*.[ch]"), *kernel.arch.folder.glob("guest/*.[ch]")])
    newest = max(p.stat().st_mtime for p in (kernel.image, *files))
    if out.exists() and out.stat().st_mtime >= newest:
        return out
    cross = compilers.cross(kernel.arch)
    with tempfile.TemporaryDirectory() as tmp:
        small, full = pathlib.Path(tmp, "small"), pathlib.Path(tmp, "full")
        (full / "crash").mkdir(parents=True)
        small.mkdir()
        gcc = subprocess.run([f"{cross}gcc", "-static", "-Os", "-Wall", "-Wextra", f"-I{GUEST}", "-Werror", "-o",
                              str(small / "init"), *[str(p) for p in files if p.suffix == ".c"]], capture_output=True, text=True)
        if gcc.returncode:
            raise BuildFailed(f"the guest's init does not build: {gcc.stderr.strip().splitlines()[0]}")
        shutil.copy(small / "init", full / "init")
        shutil.copy(kernel.crash_image, full / "crash/kernel")
        _cpio(small, full / "crash/initrd")
        _cpio(full, pathlib.Path(tmp, "cpio"))
        shutil.move(pathlib.Path(tmp, "cpio"), out)
    return out
