# SPDX-License-Identifier: GPL-2.0-only
"""Cells as a Slurm job array. Slurm decides where and when, and runs again what a node that is lost was running.

The nodes share this checkout and the cache, and take their locks there. What came
of a cell is its JSON, as on one machine.
"""

from __future__ import annotations

import os
import pathlib
import shlex
import subprocess
import time
from typing import TYPE_CHECKING

import cells
import files
import packages
import results
from cells import Cell
from errors import Unusable
from results import CRASHED, RUNNING, Result

if TYPE_CHECKING:
    from matrix import Progress

POLL_S = 1


def script(todo: list[Cell], into: pathlib.Path, seed: int) -> str:
    """What a task runs: its own cell, by number."""
    options = ["--results", str(into), *(["--seed", str(seed)] if seed else [])]
    lines = [shlex.join(cell.command(*options)) for cell in todo]
    cases = "\n".join(f"{number}) exec {line} ;;" for number, line in enumerate(lines))
    return f"#!/bin/sh\nexport XDG_CACHE_HOME={shlex.quote(os.environ.get('XDG_CACHE_HOME', ''))}\n" \
           f'case "$SLURM_ARRAY_TASK_ID" in\n{cases}\nesac\n'


def run(todo: list[Cell], into: pathlib.Path, jobs: int, seed: int, progress: "Progress") -> None:
    """Submit the cells, at most so many at a time, and follow them until Slurm has no more of them."""
    packages.need("slurm-client")
    into = into.absolute()
    for cell in todo:
        (into / f"{cell.file}.json").unlink(missing_ok=True)
    into.mkdir(parents=True, exist_ok=True)
    files.whole(into / "slurm.sh", script(todo, into, seed))
    line = ["sbatch", "--parsable", "--wait", "--requeue", f"--array=0-{len(todo) - 1}%{jobs}", "--job-name=crash-stop",
            "--open-mode=append", f"--output={into}/slurm-%a.log", str(into / "slurm.sh")]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waits:
        number = (waits.stdout.readline() if waits.stdout else "").strip()
        if not number:
            said = (waits.stderr.read() if waits.stderr else "").strip().splitlines()
            raise Unusable(f"sbatch: {(said or ['failed'])[-1]}; is slurmctld running, and this machine one of its own?")
        print(f"Slurm job {number}: {len(todo)} tasks", flush=True)
        try:
            left = {c.name for c in todo}
            while True:
                ended = waits.poll() is not None
                for name, one in results.read(into, cells.FOLDER).items():
                    if name in left and one.state not in (RUNNING, CRASHED):
                        left.discard(name)
                        progress.show(one)
                if ended:
                    break
                time.sleep(POLL_S)
        except BaseException:
            subprocess.run(["scancel", number.split(";")[0]], capture_output=True)
            raise
    found = results.read(into, cells.FOLDER)
    for cell in (c for c in todo if c.name in left):
        one = found.get(cell.name)
        if not one or one.why == [results.KILLED]:
            log = f"{into}/slurm-{todo.index(cell)}.log"
            one = Result(cell.name, CRASHED, ["Slurm ended its task without a result"], log=log)
            results.write(into, one)
        progress.show(one)
