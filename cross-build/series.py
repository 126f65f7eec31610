# SPDX-License-Identifier: GPL-2.0-only
"""The layer as patches that a maintainer applies with git am and sends.

One patch per file of rules, in the order in which apply.py takes them: it has the
rules and the copied files of that folder; the first, the core, has all that no
other claims. X.commit beside X.cocci is the commit message. Git makes the patches,
in a scratch repository that holds nothing but the files which they touch.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import apply
import archs
import rules
import sources
import support
import vendor
from archs import ROOT
from errors import Unusable
from packages import run

MAILS = "mails"
MAIL = ("git", "format-patch", "--abbrev=12", "base")
COVER = ROOT / "cross-build/cover.txt"
# For a port that has not written its message.
MESSAGE = """\
{0}: Stop the other CPUs of a crash through crash_stop

Add the backend and select ARCH_HAS_CRASH_STOP, so that panic, kdump and
restart stop the other CPUs through one ladder. Its rungs: {1}.
"""
# What checkpatch does not know: one text of the layer serves several kernels, and
# KERNEL_VERSION() is a constant; whether a stopped CPU holds a lock is a question, not
# an assertion. In a patch: the last one is the entry of MAINTAINERS, for all files of
# the others; and a BUG_ON() whose condition becomes narrower was there before.
CHECKPATCH = ("--no-tree", "--strict", "--terse", "--no-summary", "--ignore=LINUX_VERSION_CODE,CONSTANT_COMPARISON,USE_LOCKDEP")
IN_PATCHES = "--ignore=FILE_PATH_CHANGES,AVOID_BUG"


@dataclasses.dataclass(frozen=True)
class Part:
    """What goes into one patch."""

    rules: pathlib.Path
    copied: apply.Copied

    @property
    def message(self) -> str:
        """The commit message."""
        path = self.rules.with_suffix(".commit")
        if path.exists():
            return path.read_text()
        for arch in archs.load().values():
            if arch.folder == path.parent:
                return MESSAGE.format(arch.folder.name, arch.get("arch", "rungs"))
        raise Unusable(f"{path}: missing; write the message of that patch there")


def parts() -> list[Part]:
    """The patches, in their order."""
    ruled = apply.rule_files(apply.LAYER_RULES)
    folders = [str(path.parent.relative_to(ROOT)) for path in ruled]
    copied: list[list[tuple[pathlib.Path, str]]] = [[] for _ in ruled]
    for name, _ in apply.copies(apply.LAYER):
        owner = next((i for i, folder in enumerate(folders) if name.startswith(folder + "/")), 0)
        copied[owner].append((ROOT, name))
    return [Part(path, tuple(files)) for path, files in zip(ruled, copied)]


def touched(version: str) -> set[str]:
    """The files of that kernel which the rules change."""
    return {rule.file_in(version) or "" for part in parts() for rule in rules.load(part.rules, "")} - {""}


def identity() -> dict[str, str]:
    """Who signs off: git's identity, as the environment of a git that has no other configuration."""
    ident = subprocess.run(["git", "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT"],
                           capture_output=True, text=True)
    found = re.match(r"(.+) <(.+)> \d+ ", ident.stdout)
    if not found:
        raise Unusable("git knows no name to sign off with; git config --global user.name NAME, and user.email ADDRESS")
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    for role in ("AUTHOR", "COMMITTER"):
        env |= {f"GIT_{role}_NAME": found[1], f"GIT_{role}_EMAIL": found[2]}
    return env | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def _base(kernel: str, tree: pathlib.Path, touched: list[str]) -> str:
    """The line that says what the patches are made for."""
    head = subprocess.run(["git", "rev-parse", "--show-prefix", "HEAD"], cwd=tree, capture_output=True, text=True)
    if not head.returncode and head.stdout.startswith("\n"):  # the tree is the top of a checkout
        changed = run(["git", "diff", "--name-only", "HEAD", "--", *touched], tree).split()
        if changed:
            raise Unusable(f"{tree}/{changed[0]}: has changes that are not committed; commit or stash them")
        return f"base-commit: {head.stdout.strip()}"
    makefile = dict(re.findall(r"^(\w+) = ?(.*)$", (tree / "Makefile").read_text()[:400], re.M))
    version = "{VERSION}.{PATCHLEVEL}.{SUBLEVEL}{EXTRAVERSION}".format(**makefile)
    return f"Base: Linux {version}" + (f", Debian's linux-source-{kernel}" if kernel in apply.KERNELS else "")


def _commit_all(tree: pathlib.Path, version: str, touched: list[str], repo: pathlib.Path, env: dict[str, str]) -> None:
    """The base, then a commit for each part, of what apply.py writes for it."""
    for name in [n for n in (*touched, ".gitattributes") if (tree / n).exists()]:
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / name, repo / name)
    for command in ("init -q -b series", "add -A", "commit -q -m base", "tag base"):
        run(["git", *command.split()], repo, env)
    done: dict[str, bytes | None] = {}
    for part in parts():
        new = apply.compute(tree, version, part.copied, (str(part.rules.relative_to(ROOT)),), done)
        done |= new
        for name, data in new.items():
            (repo / name).parent.mkdir(parents=True, exist_ok=True)
            (repo / name).write_bytes(data)
        run(["git", "add", "-A"], repo, env)
        if run(["git", "status", "--porcelain"], repo, env):  # empty when all rules are for other kernels
            run(["git", "commit", "-q", "-s", "-F", "-"], repo, env, part.message)
            print(f"  {part.message.splitlines()[0]}", flush=True)


def _recipients(tree: pathlib.Path, patches: list[str]) -> list[str]:
    """Maintainers get the whole series, their lists and reviewers a copy."""
    script = ["perl", "scripts/get_maintainer.pl", "--no-tree", "--no-git", "--no-git-fallback", "--no-rolestats"]
    to = run([*script, "--no-l", "--no-r", *patches], tree).splitlines()
    return [f"--{'to' if who in to else 'cc'}={who}" for who in run([*script, *patches], tree).splitlines()]


def _write(form: str, plain: list[str], tree: pathlib.Path, repo: pathlib.Path, out: pathlib.Path, env: dict[str, str]) -> list[str]:
    """Write the patches in one form into a folder, which is made; what the tree's checkpatch says about them."""
    with tempfile.TemporaryDirectory(dir=out.parent) as tmp:
        new = pathlib.Path(tmp, form)
        new.mkdir()
        if form == MAILS:
            letter = ["--cover-letter", "--cover-from-description=subject", *_recipients(tree, plain)]
            run([*MAIL, *letter, "-o", str(new)], repo, env)
        else:
            for path in plain:
                shutil.copy(path, new)
            vendor.FORMS[form](new, [os.path.basename(path) for path in plain])
        patches = [str(new / os.path.basename(path)) for path in plain]
        check = subprocess.run(["perl", tree / "scripts/checkpatch.pl", *CHECKPATCH, IN_PATCHES, *patches],
                               cwd=tmp, capture_output=True, text=True)
        os.replace(new, out)
    says = (check.stdout + check.stderr).replace(str(new), str(out)).splitlines()
    return says or ["checkpatch failed"] * bool(check.returncode)


def make(kernel: str, outs: dict[str, pathlib.Path]) -> list[str]:
    """Write the series into folders, which are made: form to folder; what the tree's checkpatch says about it.

    A form is mails, with a cover letter and recipients, or one of vendor.FORMS.
    """
    outs = {form: out.absolute() for form, out in outs.items()}
    for out in outs.values():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise Unusable(f"{out}: is there already and not an empty folder; give another one")
    env, (_, tree) = identity(), sources.find(kernel)
    version = apply.kernel_version(tree)
    if (tree / apply.STATE / "layer").exists():
        raise Unusable(f"{tree}: the layer is applied there; give a tree that does not have it")
    if not (tree / "scripts/checkpatch.pl").exists():
        raise Unusable(f"{tree}: not a whole kernel tree (no scripts/checkpatch.pl)")
    changed = sorted(touched(version))
    base = _base(kernel, tree, changed)
    rungs = "\n".join(f"  {arch.name:8} {support.rungs(arch, version)}" for arch in archs.load().values())
    with tempfile.TemporaryDirectory() as tmp, tempfile.TemporaryDirectory() as folder:
        repo = pathlib.Path(tmp)
        _commit_all(tree, version, changed, repo, env)
        cover = f"{COVER.read_text().format(backends=rungs)}\n{base}\n"
        run(["git", "config", "branch.series.description", cover], repo, env)
        plain = run([*MAIL, "-o", folder], repo, env).splitlines()
        says = []
        for form, out in outs.items():
            out.parent.mkdir(parents=True, exist_ok=True)
            says += _write(form, plain, tree, repo, out, env)
    return says
