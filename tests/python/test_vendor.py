# SPDX-License-Identifier: GPL-2.0-only
"""The forms for Yocto and Buildroot: what the part "sent" must notice in a folder that is wrong."""

import pathlib
import tempfile
import unittest

import paths
import vendor
from errors import Unusable
from parts import sent

TEXT = [f"line {n}\n" for n in range(30)]


class Tree(sent.Fresh):
    """A tree of one file, and two patches that need each other."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.tree, self.touched, self.new, self.env = folder / "tree", ["file"], [], dict(sent.os.environ, **sent.WHO)
        self.tree.mkdir()
        self.git("init", "-q")
        self.write(*TEXT)
        self.commit("base")
        self.git("tag", sent.BASE)
        for number in (1, 2):
            self.write(*TEXT[:10], *(f"patch {n}\n" for n in range(1, number + 1)), *TEXT[10:])
            self.commit(f"patch {number}")
        self.wanted = {"file": (self.tree / "file").read_bytes()}
        self.patches = folder / "patches"
        self.git("format-patch", "-q", "-o", str(self.patches), sent.BASE)
        self.reset()

    def write(self, *lines: str) -> None:
        (self.tree / "file").write_text("".join(lines))


class Forms(unittest.TestCase):
    """A folder is applied as the tool would, and has to give the tree that is wanted."""

    def setUp(self) -> None:
        self.fresh = Tree(pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())))
        self.folder = self.fresh.patches
        self.names = sorted(p.name for p in self.folder.iterdir())

    def make(self, form: str) -> None:
        vendor.FORMS[form](self.folder, self.names)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.folder / name).read_text()
        self.assertIn(old, text)
        (self.folder / name).write_text(text.replace(old, new))

    def test_yocto(self) -> None:
        self.make("yocto")
        self.assertEqual(sent._as_yocto(self.fresh, self.folder), "")
        self.assertEqual(self.fresh.differs(self.fresh.wanted), "")

    def test_buildroot(self) -> None:
        self.make("buildroot")
        self.assertEqual(sent._as_buildroot(self.fresh, self.folder), "")
        self.assertEqual(self.fresh.differs(self.fresh.wanted), "")
        (self.fresh.tree / "file.rej").write_text("")
        self.fresh.reset()
        self.assertEqual(self.fresh.git("status", "--porcelain"), "")
        self.assertEqual((self.fresh.tree / "file").read_text(), "".join(TEXT))

    def test_patches_in_another_order(self) -> None:
        self.names.reverse()
        self.make("yocto")
        with self.assertRaises(Unusable):
            sent._as_yocto(self.fresh, self.folder)

    def test_a_patch_that_the_scc_does_not_name(self) -> None:
        self.make("yocto")
        self.edit("crash-stop.scc", f"patch {self.names[1]}\n", "")
        self.assertIn("crash-stop.scc names 1 patches", sent._as_yocto(self.fresh, self.folder))

    def test_an_scc_with_a_line_that_the_tool_does_not_know(self) -> None:
        self.make("yocto")
        self.edit("crash-stop.scc", "kconf non-hardware", "konf non-hardware")
        self.assertRegex(sent._as_yocto(self.fresh, self.folder), r"crash-stop.scc:5: konf")

    def test_a_patch_that_is_missing(self) -> None:
        self.make("buildroot")
        (self.folder / self.names[0]).unlink()
        self.assertIn(self.names[1], sent._as_buildroot(self.fresh, self.folder))

    def test_a_patch_that_needs_fuzz(self) -> None:
        self.make("buildroot")
        self.edit(self.names[0], " line 7\n", " line seven\n")
        self.assertIn(self.names[0], sent._as_buildroot(self.fresh, self.folder))

    def test_a_tree_that_is_something_else(self) -> None:
        self.assertIn("is not what apply makes", self.fresh.differs(self.fresh.wanted))
        (self.fresh.tree / "file").write_bytes(self.fresh.wanted["file"])
        (self.fresh.tree / "file.rej").write_text("")
        self.assertIn("file.rej was left behind", self.fresh.differs(self.fresh.wanted))


if __name__ == "__main__":
    unittest.main()
