# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages: what is missing is installed when we may, or named."""

from __future__ import annotations

import os
import shutil
import subprocess

from errors import Unusable

BASE = ("make", "gcc", "libc6-dev", "coccinelle", "xz-utils", "tar", "rsync", "dpkg")
BUILD = ("flex", "bison", "bc", "libelf-dev", "libssl-dev", "cpio", "kmod", "ccache", "gzip")
TEST = ("gcc", "make", "libc6-dev", "git", "perl", "diffutils", "binutils")


def _missing(packages: tuple[str, ...]) -> list[str]:
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages],
                           capture_output=True, text=True)
    there = {line.split()[0] for line in query.stdout.splitlines() if line.endswith(" installed")}
    return [p for p in packages if p not in there]


def need(*packages: str) -> None:
    """Make sure that these packages are installed."""
    if not shutil.which("dpkg-query"):
        return  # not Debian: a missing program will name itself
    missing = _missing(packages)
    if not missing:
        return
    line = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if os.geteuid():
        raise Unusable(f"packages are missing; as root: {line}")
    print(f"installing {' '.join(missing)}", flush=True)
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    for command in (["apt-get", "-qq", "update"], line.split()):
        run = subprocess.run(command, env=env, capture_output=True, text=True)
    if run.returncode:
        why = (run.stderr.strip() or run.stdout.strip()).splitlines()[-1:]
        raise Unusable(f"packages could not be installed ({''.join(why)}); try: {line}")
