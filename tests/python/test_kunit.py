# SPDX-License-Identifier: GPL-2.0-only
"""KTAP as it is read back, and the cases of the suite."""

import unittest

import paths  # noqa: F401
from parts import kunit

KTAP = """KTAP version 1
1..1
    KTAP version 1
    # Subtest: crash_stop
    # module: crash_stop_test
    1..3
    ok 1 clock_counts
    # nobody_parks: EXPECTATION FAILED at kernel/crash_stop_test.c:116
    Expected received to be false, but is true
    not ok 2 nobody_parks
    ok 3 late_cpu_replaces_its_placeholder # SKIP there is one CPU only
# crash_stop: pass:1 fail:1 skip:1 total:3
not ok 1 crash_stop
"""
NAMES = ["clock_counts", "nobody_parks", "late_cpu_replaces_its_placeholder"]


class Read(unittest.TestCase):
    """kunit.read()"""

    def test_cases(self):
        results, skipped = kunit.read(KTAP, NAMES)
        self.assertEqual(dict(results), {
            "clock_counts": "",
            "nobody_parks": "kernel/crash_stop_test.c:116: Expected received to be false, but is true",
            "late_cpu_replaces_its_placeholder": "", "crash_stop": "failed"})
        self.assertEqual(skipped, ["late_cpu_replaces_its_placeholder: there is one CPU only"])

    def test_what_says_nothing_has_failed(self):
        """A kernel that dies on the way."""
        cut = KTAP[:KTAP.index("    not ok 2")]
        results, _ = kunit.read(cut, NAMES)
        self.assertEqual([bool(why) for _, why in results], [False, True, True, True])
        self.assertEqual(results[2][1], "did not run")

    def test_a_failure_without_a_cause(self):
        results, _ = kunit.read(KTAP.replace("EXPECTATION", "SOMETHING"), NAMES)
        self.assertEqual(results[1], ("nobody_parks", "failed"))

    def test_cases_of_the_suite(self):
        source = kunit.SUITE.read_text()
        names = kunit.cases(source)
        self.assertEqual(len(names), source.count("KUNIT_CASE("))
        for name in names:
            self.assertIn(f"static void {name}(struct kunit *test)", source)


if __name__ == "__main__":
    unittest.main()
