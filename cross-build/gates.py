# SPDX-License-Identifier: GPL-2.0-only
"""What a cell has to pass. A gate is a function that gets what was built and says what is wrong.

To add one, write it and name it in GATES. What it wants to show without judging
goes to built.notes.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import pathlib
import re
import subprocess
from collections.abc import Callable

import audit
import build
import lint
import objects
import sources
from cells import Cell
from errors import Unusable

SIZE_MAX = 64 * 1024  # with KASAN and all
# A warning of the compiler, of sparse, of objtool: its file and text, without the line.
WARNING = re.compile(r"^(\S+\.[chS]):\d+(?::\d+)?: (?:\w+ )?((?:warning|error): .*)|^(\S+\.o): (warning: objtool: .*)")


@dataclasses.dataclass
class Built:
    """A cell whose objects are compiled, on the unpatched tree and on ours."""

    cell: Cell
    version: str
    stock: build.Kernel
    ours: build.Kernel
    on: bool  # CONFIG_CRASH_STOP
    whole: bool  # all of the unpatched tree's objects are there, and not only those whose warnings are to be compared
    touched: list[str]
    added: list[str]
    said: dict[str, str]  # what compiling printed, "stock" and "ours"
    log: pathlib.Path  # the cell's
    linked: build.Kernel | None = None
    notes: dict[str, object] = dataclasses.field(default_factory=dict)


def _warnings(said: str, tree: pathlib.Path) -> collections.Counter[str]:
    found: collections.Counter[str] = collections.Counter()
    for line in said.splitlines():
        match = WARNING.match(line.replace(f"{tree}/", ""))
        if match:
            name, text = match[1] or match[3], match[2] or match[4]
            found[f"{name}: {re.sub(r'0x[0-9a-f]+', '0x', text)}"] += 1
    return found


def warnings(built: Built) -> list[str]:
    """The compiler, W=1, objtool and sparse say nothing that they do not say of the unpatched tree."""
    new = _warnings(built.said["ours"], built.ours.tree) - _warnings(built.said["stock"], built.stock.tree)
    return sorted(new)


def suspects(said: str, tree: pathlib.Path, touched: list[str]) -> list[str]:
    """The touched objects that have to be compiled on the unpatched tree too, to know which of these warnings are new."""
    files = {warning.partition(":")[0] for warning in _warnings(said, tree)}
    headers = any(name.endswith(".h") for name in files)  # may be included by any
    return touched if headers else [name for name in touched if {name, name[:-2] + ".c"} & files]


def identical(built: Built) -> list[str]:
    """Without CONFIG_CRASH_STOP the objects are those of the unpatched tree."""
    if built.on:
        return []
    built.notes["compared"] = len(built.touched)
    return [f"{name} differs from the unpatched tree's without CONFIG_CRASH_STOP" for name in built.touched
            if objects.code(built.stock.out / name) != objects.code(built.ours.out / name)]


def size(built: Built) -> list[str]:
    """How much the layer adds, by the kernel's bloat-o-meter; shown, and no more than one kernel may grow."""
    if not built.on or not built.whole:
        return []
    archives = []
    for kernel, names in ((built.stock, built.touched), (built.ours, built.touched + built.added)):
        archive = kernel.out / "crash-stop.a"
        archive.unlink(missing_ok=True)
        subprocess.run(["ar", "rcPS", str(archive), *[str(kernel.out / n) for n in names]], check=True)
        archives.append(str(archive))
    run = subprocess.run(["python3", str(built.ours.tree / "scripts/bloat-o-meter"), *archives],
                         capture_output=True, text=True)
    total = re.search(r"^Total: Before=(\d+), After=(\d+)", run.stdout, re.M)
    if not total:
        return [f"bloat-o-meter: {(run.stderr.strip() or 'said nothing').splitlines()[-1]}"]
    built.notes["bytes"] = more = int(total[2]) - int(total[1])
    (built.ours.out / "crash-stop.bloat").write_text(run.stdout)
    return [f"the layer adds {more} bytes, more than the {SIZE_MAX} that one kernel may grow"] if more > SIZE_MAX else []


def mismatches(built: Built) -> list[str]:
    """The linked kernel has no section mismatch that the unpatched one has not."""
    if not built.linked:
        return []
    ours = _mismatches(built.linked)
    stock = _mismatches(build.build(built.cell.kernel, built.cell.arch, False, build.LEAST, "vmlinux")) if ours else set()
    return sorted(ours - stock)


def _mismatches(kernel: build.Kernel) -> set[str]:
    run = subprocess.run(["scripts/mod/modpost", "-M", "-o", "crash-stop.symvers", "vmlinux.o"], cwd=kernel.out,
                         capture_output=True, text=True)
    if run.returncode:
        raise Unusable(f"{kernel.out}: modpost: {(run.stderr.strip() or 'failed').splitlines()[-1]}")
    said = (run.stdout + run.stderr).splitlines()
    return {re.sub(r"\+?0x[0-9a-f]+", "", line) for line in said if "ection mismatch" in line}


def crash_path(built: Built) -> list[str]:
    """In the linked kernel the crash path reaches nothing that it must not, and its stack stays small."""
    if not built.linked:
        return []
    found = audit.audit(built.linked)
    with built.log.open("a") as log:  # several cells run at a time
        print(found.said, file=log)
    built.notes["stack"] = found.stack
    return found.findings


def style(built: Built) -> list[str]:
    """checkpatch --strict and kernel-doc are silent, once for each linked architecture."""
    return list(_style(built.cell.arch.folder.name)) if built.linked else []


@functools.cache
def _style(arch: str) -> tuple[str, ...]:
    tree = sources.pristine(lint.KERNEL)
    files = [f for f in lint.files() if not f.startswith("arch/") or f.startswith(f"arch/{arch}/")]
    return tuple(lint.checkpatch(tree, files) + lint.kernel_doc(tree, files))


GATES: tuple[Callable[[Built], list[str]], ...] = (warnings, identical, size, mismatches, crash_path, style)
