# SPDX-License-Identifier: GPL-2.0-only
"""Source and litmus tests that are out of step are noticed; a tool that cannot be had is one line."""

import argparse
import contextlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import paths
from parts import litmus

WEAKER = (("smp_mb();", ";"), ("_release(", "("), ("_acquire(", "("), ("try_cmpxchg(", "cmpxchg_relaxed("),
          ("atomic_dec_and_test(", "crash_dec("), ("dsb(ishst);", ";"), ("mb();", ";"), ("cpumask_test_and_", "crash_"))

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

NEEDLESS = """
static bool seen(void)
{
	/* Needs no order: it is ours. */
	return cpumask_test_and_set_cpu(0, &mask);
}
"""

BARRIER = """
static void call(void)
{
	/* Pairs with the look in give(). Not in the memory model: a call into
	 * firmware.
	 */
	dsb(ishst);
}
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

    def test_comments_that_say_why_there_is_no_test(self) -> None:
        self.assertEqual(litmus.mismatches({"core.c": CORE + NEEDLESS + BARRIER}, TESTS), [])
        self.notices("seen(): the comment above names no litmus test", CORE + NEEDLESS.replace("Needs no order", "Needs none"))
        self.notices("call(): the comment above names no litmus test", CORE + BARRIER.replace("Not in the", "As in the"))
        self.notices("nothing below it orders", CORE + NEEDLESS.replace("cpumask_test_and", "cpumask"))
        self.notices("nothing below it orders", CORE + BARRIER.replace("dsb", "dsp"))

    def test_no_reason_at_all(self) -> None:
        self.notices("names no litmus test", CORE + NEEDLESS.replace(": it is ours", ""))
        self.notices("names no litmus test", CORE + BARRIER.replace("a call into\n\t * firmware.", ""))

    def test_every_order_that_a_machine_has_of_its_own(self) -> None:
        for barrier in ("mb()", "rmb()", "wmb()", "dma_wmb()", "dsb(sy)", "dmb(ish)", "isb()"):
            self.notices(f"{barrier.split('(')[0]}() in call(): the comment", CORE + f"\nstatic void call(void)\n{{\n\t{barrier};\n}}\n")

    def test_barrier_that_needs_no_order(self) -> None:
        self.notices("dsb() in call(): is there for its order alone", CORE + BARRIER.replace("Not in the memory model", "Needs no order"))
        self.notices("is there for its order alone", CORE.replace("hand-over.litmus", "Needs no order: none"))

    def test_what_the_memory_model_has(self) -> None:
        self.notices("smp_mb() in call(): is in the memory model", CORE + BARRIER.replace("dsb(ishst)", "smp_mb()"))

    def test_partners(self) -> None:
        self.notices("does not say which function it pairs with", CORE + BARRIER.replace("Pairs with the look in give()", "Good"))
        self.notices("does not say which function it pairs with", CORE + BARRIER.replace("the look in give()", "smp_mb()"))
        self.notices("call(): there is no gave()", CORE + BARRIER.replace("give()", "gave()"))
        self.notices("give(): there is no gave()", CORE.replace("goes first:", "goes first, which pairs with gave():"))

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

    def result(self, core: str, good: str, function: str, verdict: str) -> str:
        """What the part says of the one order in a function, where herd7 gives this verdict of what is made weaker."""
        tests = {"hand-over": good, "hand-over-broken": TWIN}

        def herd(model: object, all_tests: dict[str, str]) -> dict[str, str]:
            return {name: verdict if "-weak-" in name else litmus._result(text) for name, text in all_tests.items()}

        with mock.patch.object(litmus, "load", return_value=({"core.c": core}, tests)), mock.patch.object(litmus, "herd", herd), \
             mock.patch("sources.pristine", return_value=pathlib.Path()):
            said = litmus.litmus(argparse.Namespace(quick=True))
        return next((why or "holds" for name, why in said if f"in {function}() " in name), "silent")

    def test_order_that_is_needed(self) -> None:
        self.assertEqual(self.result(CORE, GOOD, "give", "Sometimes"), "holds")
        self.assertEqual(self.result(CORE, GOOD, "give", "Never"), "no test notices when it is weaker")

    def test_order_that_is_said_not_to_be_needed(self) -> None:
        core = CORE.replace("hand-over.litmus.", "hand-over.litmus. Needs no order: none.").replace("atomic_set_release(&flag, 1)",
                                                                                                 "atomic_dec_and_test(&flag)")
        good = GOOD.replace("atomic_set_release(flag, 1)", "atomic_dec_and_test(flag)")
        self.assertEqual(self.result(core, good, "give", "Never"), "holds")
        self.assertEqual(self.result(core, good, "give", "Sometimes"), "a test notices when it is weaker")

    def test_order_that_nobody_can_make_weaker(self) -> None:
        core, good = (t.replace("atomic_set_release(", "smp_store_release(") for t in (CORE, GOOD))
        self.assertEqual(self.result(core, good, "give", "Sometimes"), "no way to make smp_store_release() weaker is known")

    def test_order_that_is_in_no_test_is_listed(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(self.result(CORE + NEEDLESS + BARRIER, GOOD, "seen", "Sometimes"), "silent")
        self.assertIn("cpumask_test_and_set_cpu() in seen(): Needs no order: it is ours.", out.getvalue())
        self.assertIn("dsb() in call(): Not in the memory model: a call into firmware.", out.getvalue())


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
