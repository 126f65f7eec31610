# SPDX-License-Identifier: GPL-2.0-only
"""Source and litmus tests that are out of step are noticed; a tool that cannot be had is one line."""

import os
import subprocess
import sys
import tempfile
import unittest

import paths
from parts import litmus

WEAKER = (("smp_mb();", ";"), ("_release(", "("), ("_acquire(", "("), ("try_cmpxchg(", "cmpxchg_relaxed("),
          ("atomic_dec_and_test(", "crash_dec("))

CORE = """static void give(void)
{
	data = 1;
	/* The data goes first: hand-over.litmus. */
	atomic_set_release(&flag, 1);
}
"""

GOOD = """C hand-over

(*
 * Result: Never
 *)

{}

P0(int *data, atomic_t *flag) // give()
{
	*data = 1;
	atomic_set_release(flag, 1);
}

P1(int *data, atomic_t *flag) // the reader
{
	int r0;
	int r1;

	r0 = atomic_read_acquire(flag);
	r1 = READ_ONCE(*data);
}

exists (1:r0=1 /\\ 1:r1=0)
"""

TWIN = GOOD.replace("C hand-over", "C hand-over-broken").replace("Never", "Sometimes").replace("set_release", "set")
TESTS = {"hand-over": GOOD, "hand-over-broken": TWIN}


class InStep(unittest.TestCase):
    """What the check notices."""

    def notices(self, says: str, core: str = CORE, **tests: str) -> None:
        wrong = litmus.mismatches({"core.c": core}, {**TESTS, **{n.replace("_", "-"): t for n, t in tests.items()}})
        self.assertTrue(any(says in w for w in wrong), wrong)

    def test_nothing_is_wrong_with_what_is_right(self) -> None:
        self.assertEqual(litmus.mismatches({"core.c": CORE}, TESTS), [])

    def test_every_order_of_the_core_that_is_made_weaker_is_noticed(self) -> None:
        core, tests = litmus.load()
        self.assertEqual(litmus.mismatches(core, tests), [])
        broken = 0
        for file, text in core.items():
            for order in litmus.orders_of(file, text)[0]:
                lines = text.split("\n")
                line = lines[order.line - 1]
                for strong, weak in WEAKER:
                    line = line.replace(strong, weak)
                self.assertNotEqual(line, lines[order.line - 1], f"{order}: the table above does not know it")
                lines[order.line - 1] = line
                wrong = litmus.mismatches({**core, file: "\n".join(lines)}, tests)
                self.assertTrue(wrong, f"{order} is weaker and nobody says so")
                broken += 1
        self.assertGreater(broken, 10)

    def test_every_name_in_the_core_counts(self) -> None:
        core, tests = litmus.load()
        for file, text in core.items():
            for match in litmus.NAMED.finditer(text):
                without = text[:match.start()] + "x" * len(match[0]) + text[match.end():]
                self.assertTrue(litmus.mismatches({**core, file: without}, tests), f"{file}: {match[0]}")

    def test_no_comment(self) -> None:
        self.notices("names no litmus test", CORE.replace("hand-over.litmus", "of course"))

    def test_comment_of_another_function(self) -> None:
        self.notices("names no litmus test", CORE + "\nstatic void other(void)\n{\n\tsmp_mb();\n}\n")

    def test_comment_names_no_file(self) -> None:
        self.notices("there is no hand.litmus", CORE.replace("hand-over.litmus", "hand.litmus"))

    def test_comment_over_nothing(self) -> None:
        self.notices("nothing below it orders", CORE.replace("atomic_set_release(&flag", "atomic_set(&flag"))

    def test_order_outside_a_function(self) -> None:
        self.notices("outside a function", "#define give() smp_mb()\n" + CORE)

    def test_order_that_the_test_does_not_have(self) -> None:
        self.notices("smp_mb() in give(): not in hand-over.litmus", CORE.replace("atomic_set_release(&flag, 1)", "smp_mb()"))

    def test_order_that_the_source_does_not_have(self) -> None:
        self.notices("hand-over.litmus: smp_mb() is not in give()", hand_over=GOOD.replace("*data = 1;", "*data = 1;\n\tsmp_mb();"))

    def test_function_that_is_gone(self) -> None:
        self.notices("there is no give()", CORE.replace("give(void)", "gave(void)"))

    def test_process_that_says_nothing(self) -> None:
        self.notices("does not say what it stands for", hand_over=GOOD.replace(" // the reader", ""))

    def test_test_that_nothing_names(self) -> None:
        self.notices("take.litmus: no comment names it", take=GOOD.replace("hand-over", "take"), take_broken=TWIN.replace("hand-over", "take"))

    def test_test_without_a_twin(self) -> None:
        tests = {"hand-over": GOOD}
        self.assertIn("hand-over.litmus has no broken twin", litmus.mismatches({"core.c": CORE}, tests))

    def test_twin_without_a_test(self) -> None:
        self.notices("the twin of nothing", take_broken=TWIN.replace("hand-over", "take"))

    def test_twin_that_is_not_broken(self) -> None:
        self.notices("differs in 0 lines", hand_over_broken=TWIN.replace("atomic_set(", "atomic_set_release("))

    def test_twin_that_ends_elsewhere(self) -> None:
        self.notices("ends in something else", hand_over_broken=TWIN.replace("1:r1=0", "1:r1=1"))

    def test_result_and_name(self) -> None:
        self.notices('does not say "Result: Never"', hand_over=GOOD.replace("Never", "Sometimes"))
        self.notices("its first line is not", hand_over=GOOD.replace("C hand-over", "C handover"))

    def test_weaker_variants(self) -> None:
        weak = litmus.weakened("hand-over", GOOD, "give", "atomic_set_release")
        self.assertEqual(len(weak), 1)
        self.assertEqual([t.count("atomic_set(flag, 1);") for t in weak.values()], [1])
        self.assertEqual(litmus.weakened("hand-over", GOOD, "take", "atomic_set_release"), {})


class Tools(unittest.TestCase):
    """Programs of another suite."""

    def test_nothing_cached_and_no_network(self) -> None:
        with tempfile.TemporaryDirectory() as empty:
            nowhere = os.path.join(empty, "apt.conf")
            with open(nowhere, "w") as conf:
                conf.write('Acquire::http::Proxy "http://127.0.0.1:9";\nAcquire::https::Proxy "http://127.0.0.1:9";\nAcquire::Retries "0";\n')
            run = subprocess.run([sys.executable, "-c", "import paths, shutil, tools\nshutil.which = lambda name: None\n"
                                  "try: tools.command('herd7')\nexcept tools.Unusable as error: print(error)"],
                                 capture_output=True, text=True, cwd=paths.ROOT / "tests/python",
                                 env=dict(os.environ, XDG_CACHE_HOME=empty, APT_CONFIG=nowhere))
            self.assertEqual(run.stderr, "")
            self.assertIn("herd7 is neither installed nor in", run.stdout.splitlines()[-1])
            self.assertIn("go online once, or install herdtools7", run.stdout.splitlines()[-1])
            self.assertEqual(os.listdir(os.path.join(empty, "crash-stop", "tools")), [], "something half-written was left behind")


if __name__ == "__main__":
    unittest.main()
