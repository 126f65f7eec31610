# SPDX-License-Identifier: GPL-2.0-only
"""What the explorer prints of a failure is enough to see it again, and its document knows its scenarios."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import paths

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


if __name__ == "__main__":
    unittest.main()
