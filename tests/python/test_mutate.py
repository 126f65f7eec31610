# SPDX-License-Identifier: GPL-2.0-only
"""tests/unit/mutate.sh, told of broken cores that it does not have."""

import os
import pathlib
import subprocess
import tempfile
import unittest

import paths

MUTATE = paths.ROOT / "tests/unit/mutate.sh"


class Names(unittest.TestCase):
    """A name that matches no line is an error."""

    def refuses(self, *names: str, tests: str = ".") -> None:
        with tempfile.TemporaryDirectory() as out:
            run = subprocess.run(["sh", str(MUTATE), out, *names], capture_output=True, text=True, env=dict(os.environ, TESTS=tests))
        self.assertEqual((run.returncode, run.stdout), (2, "no_such_thing: no such mutant\n"))

    def test_on_the_command_line(self) -> None:
        self.refuses("no_such_thing")
        self.refuses("forgets_to_capture", "no_such_thing", tests="../explore")

    def test_in_a_list(self) -> None:
        listed = (paths.ROOT / "tests/explore/mutants").read_text()
        with tempfile.TemporaryDirectory() as tests:
            pathlib.Path(tests, "mutants").write_text(f"{listed}no_such_thing|owner-2\n")
            self.refuses(tests=tests)


if __name__ == "__main__":
    unittest.main()
