# SPDX-License-Identifier: GPL-2.0-only
"""The part about what others get: the series in each form, applied as they would, and built.

A fresh tree is given each form in the order in which that tool takes it, and has to
become what apply makes of it. What is built is the tree that git am has made of the
mails; with --all after each of them, and each is booted and panics, since each step is
to build and boot alone.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import subprocess
import tempfile

import apply
import boot
import build
import objects
import packages
import qemu
import scenarios
import series
import sources
import vendor
from archs import Arch
from errors import BuildFailed, DidNotSurvive
from packages import run
from parts.common import Results, chosen, native

# Who commits in the scratch tree, where this machine has no name.
WHO = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
       for what, value in (("NAME", "crash-stop tests"), ("EMAIL", "tests@crash-stop.invalid"))}
BASE = "pristine"


class Fresh:
    """A whole tree that is pristine again each time; git knows the files that the layer touches."""

    def __init__(self, kernel: str) -> None:
        source = sources.pristine(kernel)
        self.tree = sources.CACHE / "trees" / f"{kernel}-sent"
        self.touched = sorted(series.touched(kernel))
        self.new = [name for name, _ in apply.copies(apply.LAYER)]
        self.env = dict(os.environ, **WHO)
        if not (self.tree / ".git").exists():
            self.tree.mkdir(parents=True, exist_ok=True)
            run(["rsync", "-a", "--delete", f"--link-dest={source}", f"{source}/", f"{self.tree}/"])
            self.git("init", "-q")
            self.commit("a pristine tree")
        else:
            subprocess.run(["git", "am", "--abort"], cwd=self.tree, capture_output=True)
            self.reset()
            self.commit("what is touched besides")
        self.git("tag", "-f", BASE)

    def git(self, *args: str) -> str:
        """One git command in the tree."""
        return run(["git", "-c", "gc.auto=0", *args], self.tree, self.env)

    def commit(self, message: str) -> None:
        """The touched files as they are."""
        self.git("add", "-f", "--", *[n for n in self.touched if (self.tree / n).exists()])
        self.git("commit", "-q", "--allow-empty", "-m", message)

    def reset(self) -> None:
        """Pristine again, whatever a tool has made here that git does not know."""
        self.git("checkout", "-q", "-f", "--detach", BASE)
        made = [name + end for name in (*self.touched, *self.new) for end in ("", ".rej", ".orig")]
        self.git("clean", "-q", "-f", "-x", "--", *made)

    def differs(self, wanted: dict[str, bytes]) -> str:
        """The first file that is not what it is to be, or nothing."""
        for name, data in wanted.items():
            path = self.tree / name
            if not path.exists() or path.read_bytes() != data:
                return f"{name} is not what apply makes of it"
        left = [name + end for name in wanted for end in (".rej", ".orig") if (self.tree / (name + end)).exists()]
        return f"{left[0]} was left behind" if left else ""


def _as_yocto(fresh: Fresh, folder: pathlib.Path) -> str:
    """The lines of the .scc, in their order; the patches by git am, as kgit-s2q does."""
    patches, fragments = [], []
    for number, line in enumerate((folder / "crash-stop.scc").read_text().splitlines(), 1):
        verb, *words = line.split() or ["#"]
        if verb == "patch" and len(words) == 1:
            patches.append(words[0])
        elif verb == "kconf" and len(words) == 2 and words[0] in ("hardware", "non-hardware"):
            fragments.append(words[1])
        elif verb != "define" and not verb.startswith("#"):
            return f"crash-stop.scc:{number}: {line}"
    if fragments != ["crash-stop.cfg"] or sorted([*patches, *fragments, "crash-stop.scc"]) != sorted(os.listdir(folder)):
        return f"crash-stop.scc names {len(patches)} patches and {fragments}, the folder has {sorted(os.listdir(folder))}"
    for name in patches:
        fresh.git("am", "-q", str(folder / name))
    return ""


def _as_buildroot(fresh: Fresh, folder: pathlib.Path) -> str:
    """As support/scripts/apply-patches.sh does: *.patch in the C locale's order, without fuzz."""
    for path in sorted(folder.glob("*.patch"), key=lambda p: p.name.encode()):
        with path.open() as patch:
            done = subprocess.run(["patch", "-g0", "-p1", "-F0", "-E", "--no-backup-if-mismatch", "-d", str(fresh.tree), "-t", "-N"],
                                  stdin=patch, capture_output=True, text=True)
        if done.returncode:
            return f"{path.name}: {done.stdout.strip().splitlines()[-1]}"
    return ""


def _configured(tree: pathlib.Path, fragment: pathlib.Path, arch: Arch) -> str:
    """Does the fragment count, and survive, over what the guests have without it? Merged as both tools do, by the kernel's script."""
    out = sources.CACHE / "build" / f"{tree.name}-fragment"
    out.mkdir(parents=True, exist_ok=True)
    off = out / "off.cfg"
    off.write_text(build.fragment(arch).replace("CONFIG_CRASH_STOP=y", "# CONFIG_CRASH_STOP is not set"))
    make = ["make", "-s", *arch.get("arch", "make").split(), f"O={out}"]
    run([*make, "allnoconfig"], tree)
    run([str(tree / "scripts/kconfig/merge_config.sh"), "-m", "-O", str(out), str(out / ".config"), str(off), str(fragment)], tree)
    run([*make, "olddefconfig"], tree)
    lines = (out / ".config").read_text().splitlines()
    wanted = [l for l in fragment.read_text().splitlines() if l.startswith("CONFIG_")]
    lost = [l for l in wanted if l not in lines]
    return f"{lost[0]} did not survive" if lost or not wanted else ""


def _kernel(fresh: Fresh, kernel: str, arch: Arch) -> build.Kernel:
    out = sources.CACHE / "build" / f"sent-{kernel}-{arch.name}"
    return build.Kernel(kernel, kernel, True, build.PLAIN, arch, fresh.tree, out)


def _boots(one: build.Kernel) -> str:
    """Link the kernel, boot it, let it panic: it has to come up again. The tree has no test driver, but sysrq."""
    with build.folder(one.out) as log:
        try:
            build.make(one, os.path.basename(one.arch.get("arch", "image")), log=log)
        except BuildFailed as error:
            return str(error)
    case = scenarios.case(scenarios.BY_NAME["plain"], one.arch, kernel=one.version)
    with tempfile.TemporaryDirectory() as tmp:
        line = boot.command(one, case, pathlib.Path(tmp, "store"), pathlib.Path(tmp, "files"))
        seen = qemu.run(line, ["write /proc/sysrq-trigger c"], boot.LAST_WORD)
    console = one.out / "crash-stop.console"
    console.write_text(seen.text())
    panics = sum(bool(re.search(r"(?<!end )Kernel panic - not syncing: sysrq triggered crash", said))
                 for _, said in seen.lines if not said.startswith("store|"))
    return "" if seen.end == "done" and panics == 1 else f"{panics} panics, the guest's end: {seen.end} (log: {console})"


def _builds(fresh: Fresh, one: build.Kernel) -> str:
    """Compile what is new and what the patches have changed so far."""
    arch, out = one.arch, one.out
    build.need_compiler(arch)
    with build.folder(out) as log:
        (out / "crash-stop.config").unlink(missing_ok=True)  # a step has symbols that the one before had not
        try:
            build.configure(one, log)
        except DidNotSurvive as error:
            # The core alone: no architecture selects what its option depends on.
            backend = fresh.tree / "arch" / arch.folder.name / "kernel/crash_stop.c"
            if not error.needs.startswith("CONFIG_CRASH_STOP ") or backend.exists():
                return str(error)
        changed = fresh.git("diff", "--name-only", BASE, "HEAD", "--", "kernel", f"arch/{arch.folder.name}").split()
        wanted = objects.selected([n[:-2] + ".o" for n in changed if n.endswith(".c")], fresh.tree, (out / ".config").read_text())
        try:
            build.make(one, *wanted, log=log)
        except BuildFailed as error:
            return str(error)
    return "" if wanted else "nothing was built"


def sent(args: argparse.Namespace) -> Results:
    """The series as mails, for Yocto and for Buildroot: applied to a fresh tree as they would; the mails built."""
    packages.need(*packages.BASE, *packages.BUILD, *packages.TEST, "patch")
    results: Results = []
    for kernel in apply.KERNELS[1:] if args.all else apply.KERNELS[-1:]:
        fresh = Fresh(kernel)
        wanted = apply.compute(fresh.tree, kernel, apply.LAYER, apply.LAYER_RULES, {})
        with tempfile.TemporaryDirectory() as tmp:
            folders = {form: pathlib.Path(tmp, form) for form in (*vendor.FORMS, series.MAILS)}
            says = series.make(kernel, folders)
            results.append((f"{kernel} in each form: checkpatch --strict is silent", says[0] if says else ""))
            for form, tool in (("buildroot", _as_buildroot), ("yocto", _as_yocto)):
                fresh.reset()
                why = tool(fresh, folders[form]) or fresh.differs(wanted)
                results.append((f"{kernel} for {form}: applied in the tool's order to a fresh tree", why))
                fragment = next(p for p in sorted(folders[form].iterdir()) if p.suffix in (".cfg", ".fragment"))
                results += [(f"{kernel} for {form}: the fragment survives on {arch.name}", _configured(fresh.tree, fragment, arch))
                            for arch in chosen(args)]
            fresh.reset()
            mails = sorted(folders[series.MAILS].glob("*.patch"))[1:]
            for mail in mails:
                fresh.git("am", "-q", str(mail))
                if args.all or mail is mails[-1]:
                    for one in (_kernel(fresh, kernel, arch) for arch in native(args)):
                        why = _builds(fresh, one)
                        results.append((f"{kernel} {one.arch.name} builds after {mail.name}", why))
                        if args.all and not why:
                            results.append((f"{kernel} {one.arch.name} boots and panics after {mail.name}", _boots(one)))
            results.append((f"{kernel} by mail: applied to a fresh tree", fresh.differs(wanted)))
            fresh.reset()
    return results
