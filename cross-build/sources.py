# SPDX-License-Identifier: GPL-2.0-only
"""Kernel sources: Debian's packages, fetched once into the cache, or a folder.

The pristine tree stays as it is. What is built is a copy of it, of hard links,
stock or patched; apply.py replaces files and never writes into one.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

import apply
import packages
from errors import Unusable

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "crash-stop"

# The suites that have a kernel which the release that runs us may not have.
SUITES = {"6.1": ["bookworm", "bookworm-security"], "6.12": ["bookworm-security", "trixie"],
          "7.3": ["trixie-backports"]}
NOT_SOURCE = ("*.o", "*.cmd", "*.ko", "*.a", ".git", "/.config", "/vmlinux", "/vmlinux.[ao]", "vmlinux.lds", "/include/config",
              "/include/generated", "/arch/*/include/generated", "/.crash-stop")


def run(command: list[str], cwd: pathlib.Path | None = None, env: dict[str, str] | None = None, given: str = "") -> str:
    """What a command prints; one line about it when it fails."""
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


def _other_suite(version: str, folder: pathlib.Path) -> list[str]:
    """apt options for suites that this machine does not have, in lists of our own."""
    security = {uri for uri, label in _repositories() if label == "Debian-Security"}
    plain = {uri for uri, label in _repositories() if label == "Debian"}
    lines = [f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {uri} {suite} main"
             for suite in SUITES[version] for uri in sorted(security if "security" in suite else plain)]
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text("\n".join(lines) + "\n")
    (folder / "status").touch()
    options = {"Dir::Etc::SourceList": "sources.list", "Dir::State::Lists": "lists",
               "Dir::Cache": "cache", "Dir::State::status": "status"}
    return [a for k, v in options.items() for a in ("-o", f"{k}={folder / v}")] + [
        "-o", "Dir::Etc::SourceParts=-", "-o", "APT::Sandbox::User=root"]


def _fetch(version: str, into: pathlib.Path) -> pathlib.Path:
    """Download linux-source-VERSION; the .deb."""
    package = f"linux-source-{version}"
    options: list[str] = []
    policy = subprocess.run(["apt-cache", "policy", package], capture_output=True, text=True).stdout
    if not re.search(r"Candidate: \d", policy):
        options = _other_suite(version, CACHE / "apt")
        run(["apt-get", "-qq", *options, "update"])
    run(["apt-get", "-qq", *options, "-o", "APT::Sandbox::User=root", "download", package], into)
    found = sorted(into.glob(f"{package}_*.deb"))
    if not found:
        raise Unusable(f"{package}: apt-get downloaded nothing")
    return found[-1]


def pristine(version: str) -> pathlib.Path:
    """The unpacked source of a Debian kernel, fetched when the cache has none."""
    tree = CACHE / "sources" / f"linux-{version}"
    if tree.exists():
        return tree
    packages.need(*packages.BASE)
    print(f"fetching linux-source-{version}", flush=True)
    work = CACHE / "sources" / f".new-{version}"
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        try:
            deb = _fetch(version, work)
        except Unusable as error:
            raise Unusable(f"linux-source-{version} is not in {CACHE / 'sources'} and could not be fetched: "
                           f"{error}; go online once, or give --kernel DIR") from error
        run(["dpkg-deb", "-x", str(deb), str(work / "deb")])
        archive = work / f"deb/usr/src/linux-source-{version}.tar.xz"
        run(["tar", "-xf", str(archive), "-C", str(work)])
        os.replace(work / f"linux-source-{version}", tree)
    except OSError as error:
        raise Unusable(f"{CACHE}: {error.strerror}; free some space or set XDG_CACHE_HOME") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return tree


def find(kernel: str) -> tuple[str, pathlib.Path]:
    """The source of a kernel that is known, or a folder: (its name for files, folder)."""
    if kernel in apply.KERNELS:
        return kernel, pristine(kernel)
    source = pathlib.Path(kernel).resolve()
    if not source.is_dir():
        raise Unusable(f"{kernel}: neither a kernel that is known ({', '.join(apply.KERNELS)}) nor a folder")
    return "dir-" + re.sub(r"\W+", "-", str(source)).strip("-"), source


def tree(kernel: str, patched: bool) -> tuple[str, pathlib.Path]:
    """A tree to build, with the test driver in it: (version, folder)."""
    label, source = find(kernel)
    version = apply.kernel_version(source)
    copy = CACHE / "trees" / f"{label}-{'patched' if patched else 'stock'}"
    if not copy.exists() or kernel not in apply.KERNELS:
        packages.need(*packages.BASE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        keep = ["--exclude=" + e for e in NOT_SOURCE]
        new = copy.with_name(copy.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        run(["rsync", "-a", *keep, f"--link-dest={source}", f"{source}/", f"{new}/"])
        shutil.rmtree(copy, ignore_errors=True)
        os.replace(new, copy)
    if patched:
        apply.apply_layer(copy)
    apply.apply_driver(copy)
    return version, copy
