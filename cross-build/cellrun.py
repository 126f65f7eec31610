# SPDX-License-Identifier: GPL-2.0-only
"""Run one cell: compile what the layer can change, on the unpatched tree and on ours, and pass the gates."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import pathlib
import re
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence

import apply
import audit_data
import build
import cells
import compilers
import gates
import locks
import objects
import results
import rules
import sources
import tools
from archs import ROOT, VARIANTS
from cells import Cell
from errors import BuildFailed, Killed, NotHere, NotNow, Unusable
from results import BROKEN, CRASHED, FAILED, PASSED, RUNNING, SKIPPED, Result

# Whose text decides what a result is worth; and what that of a linked kernel is.
CODE = ("apply", "archs", "build", "cellrun", "compilers", "distro", "gates", "kconfig", "objects", "rules", "tools")
LINKED_CODE = ("audit", "audit_data", "image", "lint", "series")
FULL = (errno.ENOSPC, errno.EDQUOT)
LEFT_OUT = re.compile(r"C=1 specified, but .* is not available or not up to date")


class DiskFull(Unusable):
    """Nothing more can be written: the run stops."""


class _Skipped(Exception):
    """Why a cell cannot be run here."""


def digest(cell: Cell, seed: int) -> str:
    """Of all that the result depends on; nothing for a folder, which changes as it likes."""
    if cell.kernel not in apply.KERNELS:
        return ""
    texts = [apply.digest(cell.kernel), build.fragment(cell.arch, cell.variant), compilers.version(cell.compiler, cell.arch),
             str(seed if cell.arch.variants()[cell.variant].base == "randconfig" else 0)]
    paths = [*(ROOT / f"cross-build/{name}.py" for name in CODE), VARIANTS, *sorted(cell.arch.folder.glob("*.conf"))]
    if cell.linked:
        paths += [*(ROOT / f"cross-build/{name}.py" for name in LINKED_CODE), *audit_data.paths_of(cell.arch)]
    texts += [path.read_text() for path in paths]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _side(cell: Cell, side: str, version: str, tree: pathlib.Path) -> build.Kernel:
    """One of the trees, with a build folder in the cell's."""
    out = cells.folder(cell) / side
    out.mkdir(parents=True, exist_ok=True)
    if not any(out.iterdir()):
        _begin(cell, side, out)
    return build.Kernel(cell.kernel, version, side == "patched", cell.variant, cell.arch, tree, out, cell.compiler)


def _begin(cell: Cell, side: str, out: pathlib.Path) -> None:
    """Begin with what a cell of this tree and compiler has made that is done.

    Of one of the same architecture that is everything, of another kconfig.
    """
    kernel, arch, compiler, _ = cell.name.split("/")
    for there, names in ((arch, (".",)), ("*", ("scripts/basic", "scripts/kconfig"))):
        for conf in cells.FOLDER.glob(results.stem(f"{kernel}/{there}/{compiler}/*") + f"/{side}/scripts/kconfig/conf"):
            done = conf.parents[2]
            if locks.free(done.parent):
                with contextlib.suppress(OSError), locks.held(done.parent, shared=True):
                    build.begin_with(done, out, names, (".config*", "asked", "crash-stop.*"))
                return


def _configure_as(kernel: build.Kernel, config: str) -> None:
    """Configure one side as another one was; make drops what this tree does not know."""
    asked = kernel.out / "asked"
    if not asked.exists() or asked.read_text() != config:
        asked.unlink(missing_ok=True)
        (kernel.out / ".config").write_text(config)
        asked.write_text(config)


@contextlib.contextmanager
def _unpatched() -> Iterator[None]:
    """What the unpatched tree cannot do either is no fault of ours."""
    try:
        yield
    except BuildFailed as error:
        raise _Skipped(f"the unpatched tree does not build: {error}") from error


def _extra(sparse: Sequence[str]) -> tuple[str, ...]:
    return ("W=1", *(("C=1", f"CHECK={shlex.join(sparse)}") if sparse else ()))


def _prepare(kernel: build.Kernel, log: pathlib.Path, sparse: Sequence[str] = ()) -> None:
    """Make what each object needs; what this says, it says once, and it is nobody's."""
    build.make(kernel, "prepare", log=log, extra=_extra(sparse))


def _compile(kernel: build.Kernel, names: list[str], sparse: list[str], log: pathlib.Path) -> str:
    """Compile objects anew, so that each says again what it has to say; what was said."""
    for name in names:
        (kernel.out / name).unlink(missing_ok=True)
    before = log.stat().st_size
    if names:
        build.make(kernel, *names, log=log, extra=_extra(sparse))
    with log.open("rb") as file:
        file.seek(before)
        return file.read().decode(errors="replace")


def _sparse(cell: Cell, kernel: build.Kernel, notes: dict[str, object], log: pathlib.Path) -> list[str]:
    """How sparse is started; with clang what it would say is known from gcc."""
    if cell.compiler != compilers.GCC:
        return []
    try:
        for sparse in tools.commands("sparse", kernel.tree):
            try:
                _prepare(kernel, log, sparse)
                return sparse
            except BuildFailed:
                continue  # an old one does not know each -march
        notes["no sparse"] = "no sparse takes what this kernel gives to it"
    except Killed:
        raise
    except Unusable as error:
        notes["no sparse"], notes["again"] = str(error), True
    return []


def _built(cell: Cell, log: pathlib.Path, seed: int) -> gates.Built:
    with sources.using(cell.kernel, False) as (version, stock), sources.using(cell.kernel, True) as (_, patched):
        notes: dict[str, object] = {"seed": seed} if seed else {}
        ours, unpatched = _side(cell, "patched", version, patched), _side(cell, "stock", version, stock)
        try:
            build.configure(ours, log, seed)
        except BuildFailed:
            with _unpatched():
                build.configure(unpatched, log, seed)
            raise
        config = (ours.out / ".config").read_text()
        on = "\nCONFIG_CRASH_STOP=y\n" in config
        if not on:
            ours = _side(cell, "lined", version, objects.lined(stock, patched))
            _configure_as(ours, config)
        more = cell.arch.variants()[cell.variant].objects
        names = [*objects.touched(cell.arch, version), *objects.including(cell.arch, version, stock), *more]
        touched = objects.selected(list(dict.fromkeys(names)), stock, config)
        added = objects.selected(objects.added(cell.arch), ours.tree, config) if on else []
        # Sparse is as slow as the compiler: what is added is checked in every cell, what is touched in one.
        plain = cell.variant == build.PLAIN and cell.compiler == compilers.GCC
        sparse = _sparse(cell, ours, notes, log) if plain or added else []

        def stock_says(names: list[str]) -> str:
            if not names:
                return ""
            with _unpatched():
                _configure_as(unpatched, config)
                _prepare(unpatched, log)
                return _compile(unpatched, names, sparse if plain else [], log)

        try:
            if not sparse:
                _prepare(ours, log)
            said = {"ours": _compile(ours, touched, sparse if plain else [], log) + _compile(ours, added, sparse, log)}
        except BuildFailed:
            stock_says(touched)
            raise
        whole = plain or not on
        said["stock"] = stock_says(touched if whole else gates.suspects(said["ours"], ours.tree, touched))
        if any(LEFT_OUT.search(text) for text in said.values()):
            notes["no sparse"] = "the kernel's Makefile refuses this sparse"
    built = gates.Built(cell, version, unpatched, ours, on, whole, touched, added, said, log, notes=notes)
    if cell.linked:
        built.linked = build.build(cell.kernel, cell.arch, True, build.LEAST, "vmlinux")
    return built


def _judge(cell: Cell, log: pathlib.Path, result: Result, seed: int) -> None:
    there = compilers.version(cell.compiler, cell.arch)
    if not there:
        raise _Skipped(f"{compilers.program(cell.compiler, cell.arch)} is not installed")
    result.compiler = f"{cell.compiler}-{there.split('.')[0]}"
    old = compilers.too_old(cell.compiler, there, sources.find(cell.kernel)[1], cell.arch)
    if old:
        raise _Skipped(old)
    built = _built(cell, log, seed)
    result.notes = built.notes
    if "again" in result.notes:
        result.digest = ""
    result.why = [f"{gate.__name__}: {problem}" for gate in gates.GATES for problem in gate(built)]
    result.state = FAILED if result.why else PASSED


def run(cell: Cell, into: pathlib.Path, seed: int) -> Result:
    """Run a cell; its result stands in the folder before, as "running", and after. What came of circumstances that pass has
    no digest, and is not kept."""
    started = time.monotonic()
    out = cells.folder(cell)
    log = out / "cell.log"
    random = cell.arch.variants()[cell.variant].base == "randconfig"
    again = cell.command(*(["--seed", str(seed)] if random else []))
    result = Result(cell.name, RUNNING, digest=digest(cell, seed), log=str(log), notes={"seed": seed} if random else {})
    try:
        with locks.held(out):
            results.write(into, result)
            out.mkdir(parents=True, exist_ok=True)
            log.write_text(f"$ {shlex.join(again)}\n")
            try:
                _judge(cell, log, result, seed if random else 0)
            except NotHere as error:
                result.state, result.why = SKIPPED, [error.needs]
                result.digest = "" if isinstance(error, NotNow) else result.digest
            except _Skipped as error:
                result.state, result.why = SKIPPED, [str(error)]
            except BuildFailed as error:
                result.state, result.why = BROKEN, [str(error)]
            except Killed as error:
                result.state, result.why = CRASHED, [str(error)]
            except (Unusable, rules.RuleError, subprocess.CalledProcessError) as error:
                result.state, result.why, result.digest = BROKEN, [f"could not run: {error}"], ""
            except OSError as error:
                if error.errno in FULL:
                    raise
                result.state, result.why, result.digest = BROKEN, [f"could not run: {error.filename}: {error.strerror}"], ""
            if any("No space left on device" in why for why in result.why):
                raise OSError(errno.ENOSPC, "No space left on device", str(out))
            result.seconds = round(time.monotonic() - started, 1)
            results.write(into, result)
    except OSError as error:
        if error.errno in FULL:
            raise DiskFull(f"{error.filename or out}: {error.strerror}; free some space and start it again, "
                           "it goes on from there") from error
        raise
    return result
