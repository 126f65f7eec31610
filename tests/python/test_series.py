# SPDX-License-Identifier: GPL-2.0-only
"""The series: git am gives what apply gives, in an order in which each step stands alone."""

import concurrent.futures
import contextlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
from unittest import mock

import paths
import apply
import rules
import series
import sources
from errors import Unusable

# A configuration that would spoil patches, if it reached the git that makes them.
HOSTILE = """\
[user]
	name = A Maintainer
	email = maintainer@example.org
[commit]
	gpgsign = true
[diff]
	noprefix = true
[format]
	attach = true
	subjectPrefix = RFC
"""


def touched(kernel: str) -> set[str]:
    """The files of a kernel that the rules change."""
    return {r.file_in(kernel) for path in apply.rule_files(apply.LAYER_RULES) for r in rules.load(path, "")} - {None}


def copy(kernel: str, into: pathlib.Path, *more: str) -> pathlib.Path:
    """A tree that has nothing else."""
    for name in {"Makefile", "Kbuild", *touched(kernel), *more}:
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(sources.pristine(kernel) / name, into / name)
    return into


def content(tree: pathlib.Path) -> dict[str, bytes]:
    return {str(p.relative_to(tree)): p.read_bytes() for p in tree.rglob("*")
            if p.is_file() and p.relative_to(tree).parts[0] not in (".git", apply.STATE)}


class Made(unittest.TestCase):
    """A series for each kernel, that for 6.12 from a checkout, and what a maintainer does with it."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        home = cls.tmp / "home"
        home.mkdir()
        (home / ".gitconfig").write_text(HOSTILE)
        cls.env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {
            "HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(sources.CACHE.parent)}
        cls.checkout = copy("6.12", cls.tmp / "checkout", "MAINTAINERS", "scripts/get_maintainer.pl", "scripts/checkpatch.pl",
                            "scripts/spelling.txt", "scripts/const_structs.checkpatch")
        cls.commit_all(cls.checkout)
        given = {k: str(cls.checkout) if k == "6.12" else k for k in apply.KERNELS}
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            cls.printed = dict(zip(given, pool.map(cls.crash_stop, given.keys(), given.values())))

    @classmethod
    def git(cls, tree: pathlib.Path, *args: str) -> str:
        plain = ["-c", "commit.gpgsign=false", "-c", "diff.noprefix=false"]
        return subprocess.run(["git", *plain, *args], cwd=tree, env=cls.env, capture_output=True, text=True, check=True).stdout

    @classmethod
    def commit_all(cls, tree: pathlib.Path) -> None:
        cls.git(tree, "init", "-q")
        cls.git(tree, "add", "-A")
        cls.git(tree, "commit", "-q", "-m", "the kernel")

    @classmethod
    def crash_stop(cls, kernel: str, given: str) -> str:
        run = subprocess.run([str(paths.ROOT / "crash-stop"), "series", "--kernel", given, "-o", str(cls.tmp / f"series/{kernel}")],
                             env=cls.env, capture_output=True, text=True)
        assert not run.returncode, run.stdout + run.stderr
        return run.stdout

    def patches(self, kernel: str) -> list[pathlib.Path]:
        return sorted((self.tmp / "series" / kernel).glob("*.patch"))

    def test_git_am_gives_what_apply_gives(self) -> None:
        for kernel in apply.KERNELS:
            with self.subTest(kernel), tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
                applied, mailed = copy(kernel, pathlib.Path(one)), copy(kernel, pathlib.Path(two))
                apply.apply_layer(applied)
                self.commit_all(mailed)
                self.git(mailed, "am", "-q", "--empty=drop", *map(str, self.patches(kernel)))
                wanted, found = content(applied), content(mailed)
                self.assertEqual(wanted.keys(), found.keys())
                self.assertEqual([n for n, data in wanted.items() if found[n] != data], [])

    def test_each_step_stands_alone(self) -> None:
        for kernel in apply.KERNELS:
            with self.subTest(kernel), tempfile.TemporaryDirectory() as tmp:
                tree = copy(kernel, pathlib.Path(tmp))
                before = content(tree)
                self.commit_all(tree)
                selected = []
                for patch in self.patches(kernel)[1:]:
                    self.git(tree, "am", "-q", str(patch))
                    selected.append(self.stands(tree, before))
                self.assertEqual(selected[0], 0, "the core alone is selected by nobody")
                self.assertEqual(selected[-1], len(list(paths.ROOT.glob("arch/*/crash_stop.conf"))))

    def stands(self, tree: pathlib.Path, before: dict[str, bytes]) -> int:
        """What is built, sourced and included is there. How many architectures have a backend by now."""
        selected = 0
        for name in [n for n, data in content(tree).items() if before.get(n) != data]:
            folder, old = (tree / name).parent, set(before.get(name, b"").decode().splitlines())
            for line in (tree / name).read_text().splitlines():
                if line in old:
                    continue
                needs = [folder / f"{o}.c" for o in re.findall(r"(\w+)\.o\b", line) if name.endswith("/Makefile")]
                needs += [tree / s for s in re.findall(r'^source "(.+)"', line)]
                needs += [tree / "include" / i for i in re.findall(r"^#include <(linux/crash_stop\S*)>", line)]
                needs += [folder / i for i in re.findall(r'^#include "(.*crash_stop\S*)"', line)]
                if line.startswith("\tselect ARCH_HAS_CRASH_STOP"):
                    needs.append(folder / "kernel/crash_stop.c")
                    selected += 1
                for path in needs:
                    self.assertTrue(path.exists(), f"{name}: {line}")
        return selected

    def test_what_is_in_which_patch(self) -> None:
        for kernel in apply.KERNELS:
            mine = {path.parent.name: {r.file_in(kernel) for r in rules.load(path, "")} - {None}
                    for path in paths.ROOT.glob("arch/*/crash_stop.cocci")}
            for patch in self.patches(kernel)[1:]:
                names = re.findall(r"^\+\+\+ b/(.+)", patch.read_text(), re.M)
                arches = {n.split("/")[1] for n in names if n.startswith("arch/")}
                self.assertLessEqual(len(arches), 1, f"{patch.name}: one architecture in a patch")
                for arch in arches:
                    other = [n for n in names if n not in mine[arch] and not n.startswith(f"arch/{arch}/")]
                    self.assertEqual(other, [], patch.name)
            self.assertEqual([n for p in self.patches(kernel) for n in re.findall(r"^\+\+\+ b/(.*crash_test.*)", p.read_text(), re.M)], [])

    def test_the_mails(self) -> None:
        head = self.git(self.checkout, "rev-parse", "HEAD").strip()
        for kernel in apply.KERNELS:
            cover, *patches = [p.read_text() for p in self.patches(kernel)]
            count = len(patches)
            self.assertIn(f"Subject: [PATCH 0/{count}] panic: One way to stop", cover)
            self.assertRegex(cover, f"\n\nbase-commit: {head}\n" if kernel == "6.12" else rf"\n\nBase: Linux {re.escape(kernel)}\.\d+, Debian's")
            for number, mail in enumerate(patches, 1):
                self.assertIn(f"Subject: [PATCH {number}/{count}] ", mail)
                self.assertIn("\nFrom: A Maintainer <maintainer@example.org>\n", mail)
                self.assertIn("\n\nSigned-off-by: A Maintainer <maintainer@example.org>\n---\n", mail)
                self.assertRegex(mail, r"(?m)^(To|Cc|   ).* linux-kernel@vger\.kernel\.org")
                self.assertIn("\ndiff --git a/", mail)
            self.assertRegex(cover, r"(?ms)^To: .*^Cc: .*linux-doc@vger\.kernel\.org")

    def test_every_new_file_has_a_maintainer(self) -> None:
        for kernel in apply.KERNELS:
            with self.subTest(kernel), tempfile.TemporaryDirectory() as tmp, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
                tree = copy(kernel, pathlib.Path(tmp))
                before = content(tree)
                apply.apply_layer(tree)
                ask = ["perl", sources.pristine(kernel) / "scripts/get_maintainer.pl", "--no-tree", "--no-git", "--no-git-fallback",
                       "--mpath", tree / "MAINTAINERS", "--sections", "-f"]
                new = sorted(content(tree).keys() - before.keys())
                for name, run in zip(new, pool.map(lambda n: subprocess.run([*ask, n], cwd=tree, capture_output=True, text=True), new)):
                    self.assertIn("CRASH STOP", run.stdout, name)

    def test_it_ends_with_what_to_do(self) -> None:
        for text in self.printed.values():
            self.assertIn("checkpatch --strict is silent", text)
            self.assertIn("git am --empty=drop /", text)
            self.assertIn("crash-stop@kernel.invalid has to become a person", text)


class Refused(unittest.TestCase):
    """One line, and nothing is left behind."""

    def setUp(self) -> None:
        self.tmp = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.out = self.tmp / "out"

    def refuses(self, kernel: str, says: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()), self.assertRaisesRegex(Unusable, says) as caught:
            series.make(kernel, {series.MAILS: self.out})
        self.assertEqual(len(str(caught.exception).splitlines()), 1)

    def test_a_folder_that_has_something(self) -> None:
        self.out.mkdir()
        (self.out / "mine").write_text("")
        self.refuses("7.3", "out: is there already and not an empty folder")
        self.assertEqual([p.name for p in self.out.iterdir()], ["mine"])

    def test_a_file(self) -> None:
        self.out.write_text("mine")
        self.refuses("7.3", "out: is there already and not an empty folder")
        self.assertEqual(self.out.read_text(), "mine")

    def test_a_kernel_that_is_none(self) -> None:
        self.refuses("7.4", "7.4: neither a kernel that is known")
        self.refuses(str(self.tmp), "not a kernel tree")
        self.assertFalse(self.out.exists())

    def test_a_tree_that_has_the_layer(self) -> None:
        tree = copy("7.3", self.tmp / "tree")
        (tree / ".crash-stop/layer").mkdir(parents=True)
        self.refuses(str(tree), "the layer is applied there")

    def test_a_tree_that_is_not_whole(self) -> None:
        self.refuses(str(copy("7.3", self.tmp / "tree")), "not a whole kernel tree")

    def test_a_checkout_with_changes(self) -> None:
        tree = copy("7.3", self.tmp / "tree", "scripts/checkpatch.pl", "scripts/get_maintainer.pl")
        Made.env = dict(os.environ, GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a", GIT_COMMITTER_EMAIL="a@b")
        Made.commit_all(tree)
        with (tree / "kernel/panic.c").open("a") as file:
            file.write("\n")
        self.refuses(str(tree), "tree/kernel/panic.c: has changes that are not committed")
        self.assertFalse(self.out.exists())

    def test_nobody_to_sign_off(self) -> None:
        nobody = {"HOME": str(self.tmp), "XDG_CONFIG_HOME": str(self.tmp), "GIT_CONFIG_NOSYSTEM": "1"}
        with mock.patch.dict(os.environ, nobody):
            for name in [n for n in os.environ if n.startswith(("GIT_AUTHOR", "GIT_COMMITTER", "EMAIL"))]:
                del os.environ[name]
            self.refuses("7.3", "git knows no name to sign off with")

    def test_a_rule_that_does_not_match(self) -> None:
        tree = copy("7.3", self.tmp / "tree", "scripts/checkpatch.pl", "scripts/get_maintainer.pl")
        path = tree / "init/Kconfig"
        path.write_text(path.read_text().replace('source "kernel/Kconfig.locks"', ""))
        with contextlib.redirect_stdout(io.StringIO()), self.assertRaisesRegex(rules.RuleError, "rule kconfig does not match"):
            series.make(str(tree), {series.MAILS: self.out})
        self.assertEqual([p.name for p in self.tmp.iterdir()], ["tree"])


class Checked(unittest.TestCase):
    """checkpatch is heard."""

    def test_a_bad_message_is_not_silent(self) -> None:
        last = series.parts()[-1:]
        bad = mock.PropertyMock(return_value="x\n\n" + "A line that is far too long for a commit message. " * 3 + "\n")
        with (tempfile.TemporaryDirectory() as tmp, contextlib.redirect_stdout(io.StringIO()),
              mock.patch.object(series, "parts", lambda: last), mock.patch.object(series.Part, "message", bad)):
            says = series.make("7.3", {series.MAILS: pathlib.Path(tmp, "out")})
        self.assertRegex("\n".join(says), r"out/0001-x\.patch:\d+: WARNING: .*75 ch")


if __name__ == "__main__":
    unittest.main()
