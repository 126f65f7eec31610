# SPDX-License-Identifier: GPL-2.0-only
"""Applying to a tree: all or nothing, once, and one clear line when it cannot."""

import pathlib
import shutil
import tempfile
import unittest

import paths  # noqa: F401
import apply
import rules
import sources
from errors import Unusable


def _snapshot(tree: pathlib.Path) -> dict[str, bytes]:
    return {str(p.relative_to(tree)): p.read_bytes() for p in tree.rglob("*") if p.is_file()}


class Apply(unittest.TestCase):
    """On a tree that has only the files which the rules touch."""

    def setUp(self) -> None:
        self._tmp = tempfile.TemporaryDirectory()
        self.tree = pathlib.Path(self._tmp.name)
        full = sources.pristine("6.12")
        names = {"Makefile", "Kbuild"}
        for pattern in apply.LAYER_RULES:
            for path in paths.ROOT.glob(pattern):
                names |= {r.file_in("6.12") for r in rules.load(path, path.name)} - {None}
        for name in names:
            (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(full / name, self.tree / name)

    def tearDown(self) -> None:
        self._tmp.cleanup()

    def test_twice_is_once(self) -> None:
        self.assertTrue(apply.apply_layer(self.tree))
        before = _snapshot(self.tree)
        self.assertFalse(apply.apply_layer(self.tree))
        self.assertEqual(before, _snapshot(self.tree))

    def test_rule_that_does_not_match_leaves_the_tree(self) -> None:
        path = self.tree / "kernel/exit.c"
        path.write_text(path.read_text().replace("make_task_dead(int signr)", "make_task_deader(int signr)"))
        before = _snapshot(self.tree)
        with self.assertRaises(rules.RuleError) as caught:
            apply.apply_layer(self.tree)
        for word in ("exit-owner", "kernel/exit.c", "6.12", "does not match"):
            self.assertIn(word, str(caught.exception))
        self.assertEqual(before, _snapshot(self.tree))

    def test_rule_that_matches_twice_leaves_the_tree(self) -> None:
        path = self.tree / "lib/nmi_backtrace.c"
        line = "\tcpumask_copy(to_cpumask(backtrace_mask), mask);\n"
        text = path.read_text()
        self.assertIn(line, text)
        path.write_text(text + "\nvoid again(const cpumask_t *mask)\n{\n" + line + "}\n")
        before = _snapshot(self.tree)
        with self.assertRaisesRegex(rules.RuleError, "backtrace-mask makes 2 changes"):
            apply.apply_layer(self.tree)
        self.assertEqual(before, _snapshot(self.tree))

    def test_anchor_that_is_gone(self) -> None:
        path = self.tree / "init/Kconfig"
        path.write_text(path.read_text().replace('source "kernel/Kconfig.locks"', ""))
        with self.assertRaisesRegex(rules.RuleError, "rule kconfig does not match in init/Kconfig"):
            apply.apply_layer(self.tree)

    def test_edits_after_applying_are_kept(self) -> None:
        apply.apply_layer(self.tree)
        path = self.tree / "kernel/panic.c"
        path.write_text(path.read_text() + "/* mine */\n")
        with self.assertRaisesRegex(Unusable, "kernel/panic.c: edited since"):
            apply.apply_layer(self.tree)
        self.assertIn("/* mine */", path.read_text())

    def test_no_kernel_tree(self) -> None:
        with tempfile.TemporaryDirectory() as empty, self.assertRaisesRegex(Unusable, "not a kernel tree"):
            apply.apply_layer(pathlib.Path(empty))

    def test_unknown_version(self) -> None:
        path = self.tree / "Makefile"
        path.write_text(path.read_text().replace("PATCHLEVEL = 12", "PATCHLEVEL = 13"))
        with self.assertRaisesRegex(Unusable, "Linux 6.13 is not known to the rules; they know 6.1, 6.12, 7.3"):
            apply.apply_layer(self.tree)

    def test_a_write_that_fails_is_undone(self) -> None:
        before = _snapshot(self.tree)
        real, calls = apply._write, []

        def full_disk(path: pathlib.Path, data: bytes) -> None:
            calls.append(path)
            if ".crash-stop" not in str(path) and len([c for c in calls if ".crash-stop" not in str(c)]) == 9:
                raise OSError(28, "No space left on device")
            real(path, data)

        apply._write = full_disk
        try:
            with self.assertRaisesRegex(Unusable, "No space left on device; the tree is as it was"):
                apply.apply_layer(self.tree)
        finally:
            apply._write = real
        after = {n: d for n, d in _snapshot(self.tree).items() if not n.startswith(".crash-stop")}
        self.assertEqual(before, after)


if __name__ == "__main__":
    unittest.main()
