# SPDX-License-Identifier: GPL-2.0-only
"""crash-stop matrix: which cells have to be run, several at a time, and what is shown of it."""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import pathlib
import threading
import time

import apply
import archs
import build
import cellrun
import cells
import compilers
import files
import objects
import packages
import results
import sources
from cells import Cell
from errors import EXIT_HELD, Unusable
from results import BAD, CRASHED, RUNNING, Result

PACKAGES = ("binutils", "diffutils", "perl", "python3-minimal")


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:02}:{int(seconds) % 60:02}"


class Progress:
    """One line for each cell that ends."""

    def __init__(self, total: int) -> None:
        self._total, self._done, self._started, self._lock = total, 0, time.monotonic(), threading.Lock()

    def show(self, result: Result) -> None:
        """Say what came of a cell, and since when the run goes."""
        with self._lock:
            self._done += 1
            width = len(str(self._total))
            seed = f" (seed {result.notes['seed']})" if "seed" in result.notes else ""
            shown = result.state if result.state not in BAD else result.state.upper()
            why = f": {result.why[0]}" if result.why else ""
            since = _clock(time.monotonic() - self._started)
            print(f"[{self._done:{width}}/{self._total}] {result.title}{seed} ... {since} {shown}{why}", flush=True)


def kept(chosen: list[Cell], before: dict[str, Result], seed: int) -> list[Result]:
    """What an earlier run has shown of these cells and is still true."""
    found = []
    for cell in chosen:
        one = before.get(cell.name)
        if not one or one.state in (CRASHED, RUNNING) or not one.digest:
            continue
        if one.digest == cellrun.digest(cell, int(str(one.notes.get("seed", 0))) if not seed else seed):
            found.append(one)
    return found


def _prepare(chosen: list[Cell]) -> None:
    """What all cells need, once. A compiler that cannot be had is said by its cells."""
    packages.need(*packages.BASE, *packages.BUILD, *PACKAGES)
    for compiler, arch in {(c.compiler, c.arch.name): (c.compiler, c.arch) for c in chosen}.values():
        try:
            compilers.need(compiler, arch)
        except Unusable as error:
            print(f"{compiler} for {arch.name}: {error}", flush=True)

    def trees(kernel: str) -> None:
        with sources.using(kernel, False) as (_, stock), sources.using(kernel, True) as (_, patched):
            objects.lined(stock, patched)

    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(trees, dict.fromkeys(c.kernel for c in chosen)))


def _here(todo: list[Cell], into: pathlib.Path, jobs: int, seed: int) -> None:
    """Run cells on this machine; one that is bad does not stop the others, a full disk does."""
    progress, stop = Progress(len(todo)), threading.Event()

    def one(cell: Cell) -> None:
        if stop.is_set():
            return
        try:
            progress.show(cellrun.run(cell, into, seed))
        except BaseException:
            stop.set()
            raise

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        # Those that link a kernel take longest: begun last, one of them would leave a processor idle.
        running = [pool.submit(one, cell) for cell in sorted(todo, key=lambda cell: not cell.linked)]
        try:
            for future in running:
                future.result()
        except BaseException:
            stop.set()
            raise


def _write(args: argparse.Namespace, found: list[Result]) -> None:
    for path, form in ((args.junit, results.junit), (args.ktap, results.ktap)):
        if path:
            files.whole(pathlib.Path(path), form(found))


def _show(args: argparse.Namespace, found: list[Result]) -> int:
    print(results.summary(found), flush=True)
    _write(args, found)
    return results.exit_code(found)


def run(args: argparse.Namespace) -> int:
    """Run the matrix, or merge what shards have written."""
    if args.jobs < 1:
        raise Unusable(f"--jobs {args.jobs}: give 1 or more")
    files.writable(args.junit, args.ktap)
    if args.cell[:1] == ["merge"]:
        if not args.cell[1:]:
            raise Unusable("matrix merge: give the folders of results")
        return _show(args, results.merge([pathlib.Path(f) for f in args.cell[1:]]))
    kernels = args.kernel or list(apply.KERNELS)
    for kernel in kernels:
        if kernel not in apply.KERNELS and not pathlib.Path(kernel).is_dir():
            archs.choose("kernel", kernel, list(apply.KERNELS))
    every, (k, n) = cells.choose(kernels, args.cell, args.all or args.rerun_failed), cells.shard(args.shard)
    chosen = results.dealt(every, k, n)
    if args.list:
        print(*(c.name for c in chosen), sep="\n")
        return EXIT_HELD
    into = pathlib.Path(args.results) if args.results else cells.FOLDER / "results"
    before = results.read(into, cells.FOLDER)
    if args.rerun_failed:
        if not before:
            raise Unusable(f"{into}: has no results of an earlier run")
        chosen = [c for c in chosen if c.name in before and before[c.name].state in BAD]
        if not chosen:
            print("nothing has failed")
            return EXIT_HELD
    else:
        results.plan(into, [c.name for c in every], k, n, bool(args.cell) and not args.shard)
    done = [] if args.again or args.rerun_failed else kept(chosen, before, args.seed)
    names, there = [c.name for c in chosen], {one.cell for one in done}
    todo = [c for c in chosen if c.name not in there]
    if done:
        print(f"{len(done)} of {len(chosen)} cells are as an earlier run has left them (--again runs them all)", flush=True)
    try:
        if todo:
            _prepare(todo)
            if args.on == "slurm":
                import slurm

                slurm.run(todo, into, args.jobs, args.seed, Progress(len(todo)))
            else:
                _here(todo, into, args.jobs, args.seed or int(time.time()))
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            print("interrupted; what is done is kept, start it again to go on", flush=True)
        there = results.read(into, cells.FOLDER)
        print(results.summary([there[name] for name in names if name in there]), flush=True)
        with contextlib.suppress(OSError):  # of a full disk, which has ended the run
            _write(args, results.of(names, there))
        raise
    return _show(args, results.of(names, results.read(into, cells.FOLDER)))
