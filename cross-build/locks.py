# SPDX-License-Identifier: GPL-2.0-only
"""One build folder, tree or source is changed by one process at a time.

The lock is a file in locks/, beside what has the folder; the kernel drops it when
its owner ends, however it ends. Who waits says so once. Order, so that nobody waits in a circle:
source, trees by name, build folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import sys
from collections.abc import Iterator


def _path(folder: pathlib.Path) -> pathlib.Path:
    locks = folder.parent.parent / "locks"
    locks.mkdir(parents=True, exist_ok=True)
    return locks / f"{folder.parent.name}-{folder.name}"


def free(folder: pathlib.Path) -> bool:
    """Does nobody hold the folder?"""
    with _path(folder).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@contextlib.contextmanager
def held(folder: pathlib.Path, shared: bool = False) -> Iterator[None]:
    """Hold a folder: shared with others that only read it, or alone."""
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with _path(folder).open("a+") as file:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip()
            print(f"waiting for {folder}: in use{f' by process {owner}' if owner else ''}", file=sys.stderr, flush=True)
            fcntl.flock(file, how)
        if not shared:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
        yield
