# SPDX-License-Identifier: GPL-2.0-only
"""What the explorer prints of a failure is enough to see it again, where it has a choice, and what its document says of it."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import paths
from parts import common

EXPLORE = paths.ROOT / "tests/explore"
MUTANT = "claim_is_not_atomic"  # needs two CPUs that take turns
FAILS = re.compile(r"^# (K\d+ does not hold, .*)\n# replay: (\S+/(\S*))$", re.M)


class Replay(unittest.TestCase):
    """The string behind "# replay:"."""

    def test_it_fails_as_it_did(self) -> None:
        with tempfile.TemporaryDirectory() as out:
            subprocess.run(["sh", str(paths.ROOT / "tests/unit/mutate.sh"), out, MUTANT], capture_output=True, check=True,
                           env=dict(os.environ, TESTS="../explore", PROVEN="1"))
            found = FAILS.search(pathlib.Path(out, "mutant/log").read_text())
            self.assertTrue(found and found[3], "no moves were printed")
            again = subprocess.run([f"{out}/mutant/explore", found[2]], capture_output=True, text=True)
        self.assertEqual(again.returncode, 1, again.stdout)
        self.assertEqual(FAILS.findall(again.stdout), [found.groups()])


class Bounds(unittest.TestCase):
    """A search with more states than it may see says so."""

    def explore(self, words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["make", "-s", "-C", str(EXPLORE), f"O={common.outputs('explore')}", "check", f"ARGS={words}"],
                              capture_output=True, text=True)

    def test_too_many_states(self) -> None:
        run = self.explore("-b 1 -m 1 standbys-2")
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("not ok 1 - standbys-2 # 1 surprises, more than 1000000 states", run.stdout)

    def test_as_many_surprises_as_can_be(self) -> None:
        run = self.explore("-a -m 1 losers-3 owner-2")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertRegex(run.stdout, r"(?m)^ok 1 - owner-2 # all, ")
        self.assertRegex(run.stdout, r"(?m)^ok 2 - losers-3 # [12] surprises, ")

    def test_no_number(self) -> None:
        run = self.explore("-m many")
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("-m many: give it millions of states", run.stderr)


class Points(unittest.TestCase):
    """Before which accesses another CPU may go on."""

    def has(self, file: str, *uses: str) -> None:
        run = subprocess.run(["make", "-s", "-C", str(EXPLORE), f"O={common.outputs('explore')}", "check", "ARGS=owner-2/"],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        points = {int(n) for n in re.findall(rf" {re.escape(file)}:(\d+)", run.stdout)}
        lines = (paths.ROOT / "kernel" / file).read_text().splitlines()
        for use in uses:
            with self.subTest(use=use):
                self.assertTrue(points & {n for n, line in enumerate(lines, 1) if use in line})

    def test_words(self) -> None:
        self.has("crash_stop_cpu.c", "atomic_try_cmpxchg(&me->state", "atomic_set_release(&me->state", "atomic_read(&crash_stopper)")

    def test_masks(self) -> None:
        self.has("crash_stop.c", "cpumask_test_and_set_cpu(cpu, &l->seen)", "cpumask_set_cpu(cpu, &l->left)",
                 "cpumask_clear_cpu(cpu, &l->left)", "cpumask_empty(&l->left)", "for_each_cpu(cpu, &l->left)",
                 "for_each_online_cpu(cpu)", "cpumask_andnot(&l->seen", "cpumask_copy(&l->left")

    def test_who_is_online(self) -> None:
        self.has("crash_stop_report.c", "for_each_online_cpu(cpu)", "set_cpu_online(cpu, false)")


class Document(unittest.TestCase):
    """Documentation/explorer.rst"""

    def setUp(self) -> None:
        self.text = " ".join((paths.ROOT / "Documentation/explorer.rst").read_text().split())

    def test_every_scenario_has_been_searched(self) -> None:
        scenarios = len(re.findall(r'^\t\{ "', (EXPLORE / "scenarios.c").read_text(), re.M))
        said = re.findall(r"(\d+) of (\d+)", self.text)
        self.assertTrue(said)
        self.assertEqual({of for _, of in said}, {str(scenarios)})

    def test_bounds(self) -> None:
        """What the default search is said to be."""
        text = (EXPLORE / "main.c").read_text()
        bounds = dict(re.findall(r"^#define (BOUND_OF\w+)\t+(\d)", text, re.M))
        words = ("without", "with at most one", "with at most two", "with at most three", "with at most four")
        for name, said in (("BOUND_OF_2", "With two CPUs all executions {} surprises are seen"), ("BOUND_OF_3", "with three those {}")):
            with self.subTest(bound=name):
                self.assertIn(said.format(words[int(bounds[name])]), self.text)
        millions = re.search(r"^#define MILLIONS\t+(\d+)", text, re.M)
        self.assertTrue(millions)
        self.assertIn(f"more than {millions[1]} million are", self.text)

    def test_how_much_less_a_takeover_has(self) -> None:
        """One surprise, whatever the scenario."""
        dear = set(re.findall(r'^\t\{ ".*, (\d+) \},$', (EXPLORE / "scenarios.c").read_text(), re.M))
        self.assertEqual(dear, {"0", "1"})
        self.assertIn("one surprise less is searched", self.text)


if __name__ == "__main__":
    unittest.main()
