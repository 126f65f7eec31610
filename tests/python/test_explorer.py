# SPDX-License-Identifier: GPL-2.0-only
"""What the explorer prints of a failure is enough to see it again, and it has a choice where another CPU may come in between."""

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


if __name__ == "__main__":
    unittest.main()
