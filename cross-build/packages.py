# SPDX-License-Identifier: GPL-2.0-only
"""Debian packages: what is missing is installed when we may, or named; other suites are used beside ours."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

from errors import Unusable

BASE = ("make", "gcc", "libc6-dev", "coccinelle", "xz-utils", "tar", "rsync", "dpkg")
BUILD = ("flex", "bison", "bc", "libelf-dev", "libssl-dev", "cpio", "kmod", "ccache", "gzip")
BROWSER = ("chromium",)
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


def run(command: list[str], cwd: pathlib.Path | None = None, env: dict[str, str] | None = None, given: str = "") -> str:
    """What a command prints; when it fails, the last line of what it says."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=env, input=given)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "failed").splitlines()
        raise Unusable(f"{command[0]}: {lines[-1]}")
    return done.stdout


def _repositories() -> list[tuple[str, str]]:
    """Where this machine gets Debian from: (address, label)."""
    targets = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)", "Origin: Debian"])
    found = [tuple(line.split(" ", 1)) for line in targets.splitlines()]
    return sorted(set(found)) or []


def other_suites(suites: tuple[str, ...], folder: pathlib.Path, port: str = "") -> list[str]:
    """apt options for suites that this machine does not have, or another port of Debian, in lists of our own, which are
    fetched."""
    security = {uri for uri, label in _repositories() if label == "Debian-Security"}
    plain = {uri for uri, label in _repositories() if label == "Debian"}
    lines = [f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {uri} {suite} main"
             for suite in suites for uri in sorted(security if "security" in suite else plain)]
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text("\n".join(lines) + "\n")
    (folder / "status").touch()
    settings = {"Dir::Etc::SourceList": "sources.list", "Dir::State::Lists": "lists",
                "Dir::Cache": "cache", "Dir::Cache::archives": "cache/archives", "Dir::State::status": "status"}
    options = [a for k, v in settings.items() for a in ("-o", f"{k}={folder / v}")] + [
        "-o", "Dir::Etc::SourceParts=-", "-o", "APT::Sandbox::User=root"]
    options += ["-o", f"APT::Architecture={port}", "-o", f"APT::Architectures={port}"] if port else []
    run(["apt-get", "-qq", *options, "update"])
    return options


def download(package: str, suites: tuple[str, ...], into: pathlib.Path, lists: pathlib.Path, port: str = "") -> pathlib.Path:
    """The .deb of a package that this machine's release has, or one of the suites; of another port too."""
    options: list[str] = []
    policy = "" if port else subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True).stdout
    if not re.search(r"Candidate: \d", policy):
        options = other_suites(suites, lists, port)
    run(["apt-get", "-qq", *options, "-o", "APT::Sandbox::User=root", "download", package], into)
    found = sorted(into.glob(f"{package}_*.deb"))
    if not found:
        raise Unusable(f"{package}: apt-get downloaded nothing")
    return found[-1]
