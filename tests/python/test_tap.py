# SPDX-License-Identifier: GPL-2.0-only
"""What programs print as TAP, and unittest of its tests; programs that run in more parts than they have something for."""

import unittest
from unittest import mock

import paths  # noqa: F401
from parts import code, common

TAP = "ok 1 - first # 7 executions\nnot ok 2 - second # survives\n1..2\n"


class Tap(unittest.TestCase):
    """common.from_tap()"""

    def test_results(self) -> None:
        self.assertEqual(common.from_tap(TAP, 1, "all of it"),
                         [("first", ""), ("second", "failed # survives"), ("all of it", "exit code 1")])

    def test_an_empty_part_is_none_that_failed(self) -> None:
        self.assertEqual(common.from_tap("1..0\n0 passed, 0 failed\n", 0, "all of it"), [])

    def test_what_says_nothing_has_failed(self) -> None:
        self.assertEqual(common.from_tap("", 0, "all of it"), [("all of it", "exit code 0")])
        self.assertEqual(common.from_tap("1..0\n", 1, "all of it"), [("all of it", "exit code 1")])


PYTHON = """test_a (test_s.A.test_a)
There are words above it. ... skipped 'no browser'
test_b (test_s.A.test_b) ... ok
test_c (test_s.A.test_c) ... skipped "it's late"
test_d (test_s.A.test_d)
And here. ... ERROR
test_e (test_s.A.test_e) ...{space}
  test_e (test_s.A.test_e) (i=1) ... FAIL
test_f (test_s.A.test_f) ... expected failure
test_g (test_s.A.test_g) ... unexpected success
setUpClass (test_s.B) ... skipped 'no compiler'
test_h (test_s.C.test_h) ... ok

----------------------------------------------------------------------
""".replace("{space}", " ")


class Python(unittest.TestCase):
    """code.read_python()"""

    def test_each_has_its_own_result(self) -> None:
        results, _ = code.read_python(PYTHON)
        self.assertEqual(results, [("test_b", ""), ("test_d", "ERROR"), ("test_e", "FAIL"), ("test_f", ""),
                                   ("test_g", "unexpected success"), ("test_h", "")])

    def test_what_is_skipped_is_named_with_its_cause(self) -> None:
        _, skipped = code.read_python(PYTHON)
        self.assertEqual(skipped, ["test_s.A.test_a: no browser", "test_s.A.test_c: it's late", "test_s.B: no compiler"])


class Parts(unittest.TestCase):
    """common.in_parts(), with more processors than there is to do."""

    def test_explorer(self) -> None:
        with mock.patch("os.cpu_count", return_value=3):
            results, said = common.in_parts("explore", "ARGS=owner-2 image-2 -b0")
        self.assertEqual(results, [("owner-2", ""), ("image-2", "")])
        self.assertEqual(len(said), 3)

    def test_unit_tests(self) -> None:
        with mock.patch("os.cpu_count", return_value=2), mock.patch.dict("os.environ", TEST="capture_that_faults", SEEDS="0"):
            results, said = common.in_parts("unit")
        self.assertEqual(results, [("capture_that_faults", "")])
        self.assertEqual(said[1], "0 passed, 0 failed")

    def test_nothing_of_that_name(self) -> None:
        with mock.patch("os.cpu_count", return_value=2):
            results, _ = common.in_parts("explore", "ARGS=ower-2")
        self.assertEqual([bool(why) for _, why in results], [True, True])


if __name__ == "__main__":
    unittest.main()
