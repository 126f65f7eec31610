# SPDX-License-Identifier: GPL-2.0-only
"""Random cases: the seed alone decides, what is drawn can be judged, what fails is made smaller."""

import argparse
import contextlib
import io
import json
import pathlib
import re
import shlex
import tempfile
import unittest
from collections.abc import Callable
from types import SimpleNamespace
from unittest import mock

import paths
import archs
import cli
import evidence
import faults
import scenarios
import verdict
from errors import Unusable
from parts import campaign
from qemu import Transcript

ARCHES = archs.load()
X86, ARM64, S390 = ARCHES["x86_64"], ARCHES["arm64"], ARCHES["s390"]
RECORDED = paths.ROOT / "tests/boot/recorded"
SEEDS = range(1, 41)


def names(words: faults.Words) -> set[str]:
    """The words without their values."""
    return {w.partition("=")[0] for w in words}


class Drawn(unittest.TestCase):
    """What comes of a seed."""

    def test_a_seed_gives_the_same_words_everywhere(self) -> None:
        self.assertEqual(faults.draw(X86, "7.3", 3),
                         ("panic=3", "boot=nokaslr", "reboot=0", "alsonmi=1", "lock=2"))
        self.assertEqual(faults.draw(ARM64, "6.12", 2), ("hardirq=0", "kdump=yes", "boot=crash-smp",
                                                         "also=3", "dumper=bug", "last=panic", "stagger=265"))

    def test_seeds_differ(self) -> None:
        self.assertEqual(len({faults.draw(X86, "7.3", s) for s in SEEDS}), len(SEEDS))

    def test_what_is_drawn_can_be_judged(self) -> None:
        for arch in ARCHES.values():
            for seed in SEEDS:
                words = faults.draw(arch, "7.3", seed)
                self.assertEqual(faults.why_not(arch, "7.3", words), "", words)

    def test_every_word_is_drawn(self) -> None:
        seen = set().union(*(names(faults.draw(X86, "7.3", seed)) for seed in range(1, 101)))
        options = set(scenarios.options_of(X86)) - {"kernel"}
        self.assertEqual(seen, faults.DRIVER | options | {"gentle", "offline", "looping", "loading"})

    def test_a_cpu_does_one_thing(self) -> None:
        for seed in SEEDS:
            cpus = [w.partition("=")[2] for w in faults.draw(X86, "7.3", seed)
                    if w.partition("=")[0] in {*faults.CRASHES, *faults.ROLES} - {""}]
            self.assertEqual(len(cpus), len(set(cpus)), seed)

    def test_what_an_architecture_cannot_do_is_not_drawn(self) -> None:
        for seed in SEEDS:
            self.assertFalse(names(faults.draw(S390, "7.3", seed)) & {"nmi", "alsonmi", "late", "gentle"})
            words = faults.draw(ARM64, "7.3", seed)
            self.assertFalse({"nmi", "alsonmi"} & names(words) and "boot=nmi" not in words, words)


    def test_ci_has_some_wherever_its_slice_is_whole(self) -> None:
        for arch in ARCHES.values():
            self.assertEqual(bool(arch.get("tests", "campaign")), not arch.get("tests", "slice"), arch.name)


class Case(unittest.TestCase):
    """What follows from the words."""

    def test_words_of_each_kind(self) -> None:
        words = ("panic=3", "kdump=yes", "also=1", "wedged=2", "late=0", "dumper=fault", "notifier=warn")
        c = faults.case(X86, "7.3", 7, words)
        self.assertEqual(c.scenario.act, "panic=3 also=1 wedged=2 late=0 dumper=fault notifier=warn slow=1")
        self.assertEqual((c.scenario.owners, set(c.scenario.losers)), ((3, 1), {1, 3}))
        self.assertEqual((c.unstopped, c.get("kdump"), c.scenario.nested), ({0, 2}, "yes", ("dumper",)))
        self.assertEqual(c.name, "seed-7-kdump")

    def test_a_fault_behind_the_store(self) -> None:
        s = faults.case(X86, "7.3", 1, ("panic=1", "dumper=hang", "last=bug", "notifier=panic")).scenario
        self.assertEqual((s.act, s.nested, s.hangs, s.warns),
                         ("panic=1 dumper=hang last=bug notifier=panic", ("last", "notifier"), "kmsg_dump", True))
        self.assertFalse(faults.case(X86, "7.3", 1, ("panic=1", "last=panic")).scenario.warns)

    def test_a_lock_costs_the_dump_where_a_cpu_runs_on(self) -> None:
        words = ("panic=1", "kdump=yes", "wedged=2", "hold=1")
        self.assertFalse(faults.case(X86, "7.3", 1, words).scenario.image_may_change)
        self.assertTrue(faults.case(ARM64, "7.3", 1, words).scenario.image_may_change)

    def test_a_store_that_is_the_dump_is_there_where_the_crash_kernel_boots(self) -> None:
        for arch, kdump, stored in ((S390, "yes", [True, False]), (S390, "no", [False, False]), (X86, "no", [True, True])):
            words = ("panic=1", "loading=1", *(["kdump=yes"] if kdump == "yes" else []))
            found = faults.case(arch, "7.3", 1, words)
            booted = [kdump == "yes", False]
            self.assertEqual([verdict.stored(found, b) for b in booted], stored, (arch.name, kdump))

    def test_hotplug(self) -> None:
        c = faults.case(X86, "7.3", 1, ("panic=1", "coming=3", "after=5"))
        self.assertEqual((c.scenario.before, c.scenario.act, c.scenario.hotplug),
                         (("loop-hotplug 3",), "panic=1 coming=3 after=5", (3,)))
        self.assertEqual(faults.case(X86, "7.3", 1, ("panic=1", "offline=2")).scenario.before,
                         ("write /sys/devices/system/cpu/cpu2/online 0",))

    def test_what_does_not_go_together(self) -> None:
        for words, why in ((("panic=1", "looping=3", "wedged=2"), "hotplug waits"),
                           (("panic=1", "coming=3", "going=2"), "one CPU"),
                           (("panic=1", "loading=1"), "kdump=yes"), (("nmi=1", "dumper=bug"), "nothing shows"),
                           (("nmi=1", "last=bug"), "nothing shows"),
                           (("panic=1", "coming=0"), "takes CPU 0")):
            self.assertIn(why, faults.why_not(X86, "7.3", words))


class Smaller(unittest.TestCase):
    """A case that fails."""

    WORDS = ("panic=1", "kdump=yes", "wedged=2", "also=3", "dumper=fault", "hold=1")

    def test_each_hang_needs_a_cpu_that_stands_by(self) -> None:
        for words, left in ((("dumper=hang", "wedged=0", "wedged=1"), True), (("dumper=hang", "wedged=0", "wedged=1", "offline=2"), False),
                            (("dumper=hang", "notifier=hang", "wedged=0"), True), (("dumper=hang", "notifier=hang", "wedged=0", "offline=1"), False)):
            self.assertEqual(faults.why_not(X86, "7.3", ("panic=3", *words)), "" if left else "nobody is left to stand by")

    def test_only_what_is_needed_stays(self) -> None:
        asked: list[faults.Words] = []

        def fails(words: faults.Words) -> bool:
            asked.append(words)
            return {"wedged=2", "hold=1"} <= set(words)

        self.assertEqual(faults.smaller(X86, "7.3", self.WORDS, fails, 20), ("panic=1", "wedged=2", "hold=1"))
        self.assertLessEqual(len(asked), 20)

    def test_it_ends(self) -> None:
        self.assertEqual(len(faults.smaller(X86, "7.3", self.WORDS, lambda words: True, 2)), len(self.WORDS) - 2)

    def test_nothing_impossible_is_tried(self) -> None:
        words = ("panic=1", "kdump=yes", "loading=1")
        faults.smaller(X86, "7.3", words, lambda w: self.assertEqual(faults.why_not(X86, "7.3", w), "") or True, 9)

    def test_a_stray_is_not_judged_where_it_writes_somewhere(self) -> None:
        power = archs.load()["powerpc"]
        words = ("panic=1", "kdump=yes", "boot=hash", "wedged=3", "gentle=1")
        self.assertIn("vectors", faults.why_not(power, "7.3", words))
        for left_out in words[1:]:
            self.assertEqual(faults.why_not(power, "7.3", tuple(w for w in words if w != left_out)), "")

    def test_a_machine_that_does_not_stand_two_things_at_once(self) -> None:
        words = ("panic=1", "kdump=yes", "coming=2", "loading=1")
        s390 = archs.load()["s390"]
        self.assertIn("QEMU", faults.why_not(s390, "7.3", words))
        self.assertEqual(faults.why_not(X86, "7.3", words), "")
        for less in (words[:3], words[:2] + words[3:], (*words[:2], "offline=2", words[3])):
            self.assertEqual(faults.why_not(s390, "7.3", less), "")

    def test_who_hangs_inside_bug_is_not_reached(self) -> None:
        words = ("panic=1", "boot=nmi", "dumper=bug", "notifier=hang")
        self.assertIn("PSTATE", faults.why_not(archs.load()["arm64"], "7.3", words))
        self.assertIn("PSTATE", faults.why_not(archs.load()["arm64"], "7.3", ("panic=1", "boot=nmi", "last=bug", "notifier=hang")))
        for less in (words[:1] + words[2:], ("panic=1", "boot=nmi", "dumper=fault", "notifier=hang")):
            self.assertEqual(faults.why_not(archs.load()["arm64"], "7.3", less), "")


class Alone(unittest.TestCase):
    """What failed, run again and made smaller."""

    WORDS = ("panic=1", "kdump=yes", "wedged=2", "hold=1")

    def record(self, why: Callable[[faults.Words], list[str]], given: bool = False) -> list[dict]:
        """What the record has of a case on guests whose words alone decide why they fail."""
        def boots(kernel: None, case: scenarios.Case, mark: str) -> SimpleNamespace:
            reasons = why(tuple(case.scenario.what.split()))
            return SimpleNamespace(verdict=verdict.Verdict({"K1": True}, reasons), log=mock.Mock())

        def outcome(run: SimpleNamespace) -> dict:
            return {"passed": run.verdict.passed, "reasons": run.verdict.reasons}

        job = object.__new__(campaign._Campaign)
        job.__dict__ |= {"arch": X86, "version": "7.3", "kernel": None, "digest": "new", "given": given, "number": 1,
                         "started": 0.0, "done": 0}
        with (tempfile.TemporaryDirectory() as folder, mock.patch("boot.run", boots), contextlib.redirect_stdout(io.StringIO()),
              mock.patch.multiple(campaign, RECORD=pathlib.Path(folder, "jsonl"), outcome=outcome)):
            job.alone(job.run(1, self.WORDS, campaign.DRAWN), True)
            return [json.loads(line) for line in campaign.RECORD.read_text().splitlines()]

    def smallest(self, why: Callable[[faults.Words], list[str]]) -> faults.Words:
        """What is left of a case."""
        last = self.record(why)[-1]
        self.assertEqual(last["as"], campaign.SMALLEST)
        return tuple(last["words"])

    def test_no_smaller_than_the_same_failure(self) -> None:
        def why(words: faults.Words) -> list[str]:
            other = f"K9: {len(words)} notes for 4 CPUs"
            return [f"K9: note {len(words)} shows vpanic, expected crash_test_wedged" if "wedged=2" in words else other]

        self.assertEqual(self.smallest(why), ("panic=1", "wedged=2"))

    def test_which_cpus_and_how_many_is_no_difference(self) -> None:
        cpus = {"wedged=2": "[0, 2, 3]", "hold=1": "[3]"}
        self.assertEqual(self.smallest(lambda words: [f"K4: CPUs {cpus.get(words[-1], '[1, 2]')} ran on after {len(words)}.5 ms"]),
                         ("panic=1",))

    def test_what_is_given_is_no_draw(self) -> None:
        """In the record nothing of it looks like something of the seed that stands beside it."""
        for given, kinds in (False, {campaign.DRAWN, campaign.ALONE, campaign.LESS, campaign.SMALLEST}), (True, {campaign.GIVEN}):
            self.assertEqual({x["as"] for x in self.record(lambda words: ["K4: ran on"], given)}, kinds)


class Given(unittest.TestCase):
    """Words that somebody gives, and no seed."""

    def test_what_is_drawn_can_be_given(self) -> None:
        for arch in ARCHES.values():
            for seed in SEEDS:
                words = faults.draw(arch, "7.3", seed)
                self.assertEqual(faults.given(arch, "7.3", " ".join(words)), words)

    def test_what_cannot_be_drawn_cannot(self) -> None:
        for text, why in (("panic=1 wegded=2", "wegded=2: unknown word; known: wedged=2"), ("panic=4", "panic=4: unknown word"),
                          ("panic=1 boot=many", "boot=many: unknown"), ("panic=1 kernel=6.12", "kernel=6.12: unknown"),
                          ("panic=1 also=2,3", "also=2,3: unknown"), ("panic=1 =", "=: unknown"), ("panic=1 also", "also: unknown"),
                          ("panic=1 stagger=700", "stagger=700: unknown word; known: stagger=0..699"), ("panic=1 after=x", "after=x: unknown"),
                          ("panic=1 also=2 stagger=\u0667", "unknown word"), ("", "no words: the first word"), ("kdump=yes panic=1", "crash"),
                          ("panic=1 oops=2", "crash"), ("panic=1 slow=1 slow=1", "slow= is given twice"),
                          ("panic=1 kdump=yes kdump=no", "kdump= is given twice"), ("panic=1 wedged=1", "CPU 1 has two things to do"),
                          ("panic=1 also=2 late=2", "CPU 2 has two things"), ("panic=1 loading=1", "panic=1 loading=1: loading=1 is for"),
                          ("panic=1 last=hang", "last=hang: unknown"), ("panic=1 last=warn", "last=warn: unknown")):
            with self.subTest(text), self.assertRaisesRegex(Unusable, re.escape(why)):
                faults.given(X86, "7.3", text)

    def test_the_same_words_each_time(self) -> None:
        args = argparse.Namespace(seed=7, words=["panic=1 kdump=yes", "wedged=2"])
        words = ("panic=1", "kdump=yes", "wedged=2")
        self.assertEqual(campaign._todo(args, X86, "7.3", 2), [(7, words), (8, words)])
        args.words = None
        self.assertEqual(campaign._todo(args, X86, "7.3", 2), [(s, faults.draw(X86, "7.3", s)) for s in (7, 8)])

    def test_the_command_says_it_all(self) -> None:
        """What is printed is taken by the command, and makes the same case."""
        words = ("nmi=0", "kdump=yes", "coming=1", "lock=2")
        printed = shlex.split(campaign.command({"arch": "powerpc", "version": "7.3"}, words))
        args = cli._parser().parse_args(printed[1:])
        self.assertEqual((printed[0], args.arch, args.kernel, args.campaign), ("./crash-stop", ["powerpc"], "7.3", 1))
        self.assertEqual([w for _, w in campaign._todo(args, ARCHES["powerpc"], "7.3", 1)], [words])


def judge(words: faults.Words, recorded: str, change: tuple[str, str] = ("", "")) -> verdict.Verdict:
    """The verdict on a recorded console, as if the case had been drawn."""
    text = (RECORDED / f"{recorded}.log").read_text()
    facts = evidence.gather(Transcript.parse(re.sub(*change, text) if change[0] else text), X86,
                            evidence.Symbols(RECORDED / "kernel.map"))
    return verdict.judge(faults.case(X86, "7.3", 1, words), facts, X86)


class Judged(unittest.TestCase):
    """The words say what must be seen."""

    WEDGED = ("panic=1", "kdump=yes", "wedged=2")

    def test_recorded_runs_pass(self) -> None:
        for words, recorded in ((self.WEDGED, "wedged-kdump"), (("panic=1", "also=2", "also=3"), "three"),
                                (("panic=1", "kdump=yes", "dumper=fault"), "dumper-fault-kdump")):
            self.assertEqual(judge(words, recorded).reasons, [])

    def test_two_callbacks_fault_twice(self) -> None:
        found = judge(("panic=1", "kdump=yes", "post=yes", "dumper=fault", "notifier=bug"), "dumper-fault-kdump")
        self.assertIn("K7: 1 nested panics instead of 2", found.reasons)

    def test_the_dumper_behind_the_store_runs_before_a_crash_kernel(self) -> None:
        self.assertEqual(judge(("panic=1", "kdump=yes", "last=fault"), "dumper-fault-kdump").reasons, [])
        found = judge(("panic=1", "kdump=yes", "dumper=fault", "last=bug", "notifier=bug"), "dumper-fault-kdump")
        self.assertIn("K7: 1 nested panics instead of 2", found.reasons)

    def test_another_owner(self) -> None:
        self.assertTrue(any(r.startswith("K1: the log was saved") for r in judge(("panic=0",), "plain").reasons))

    def test_a_cpu_that_comes_up_stops(self) -> None:
        self.assertIs(judge(("panic=1", "kdump=yes", "coming=3"), "wedged-kdump").lines["K15"], True)

    def test_a_cpu_that_comes_up_and_runs(self) -> None:
        found = judge(("panic=1", "coming=3"), "plain", (r"running on: \[\]", "running on: [3]"))
        self.assertIn("K15: CPU 3 slipped through and runs", found.reasons)

    def test_a_cpu_that_comes_up_and_nobody_knows(self) -> None:
        found = judge(("panic=1", "coming=3"), "plain", (r".*crash_test: cpu 3 how.*\n", ""))
        self.assertIn("K15: CPU 3 was online, and neither stopped nor is named", found.reasons)

    def test_a_cpu_that_comes_up_half_stopped(self) -> None:
        found = judge(("panic=1", "kdump=yes", "coming=3"), "wedged-kdump", (r"(guest: state 3 state) \d", r"\1 1"))
        self.assertIn("K15: CPU 3 has state 1 in the dump", found.reasons)


class Table(unittest.TestCase):
    """The report is what the record says."""

    @staticmethod
    def entry(seed: int, passed: bool = True, run_as: str = campaign.DRAWN, **more: object) -> dict:
        return {"arch": "x86_64", "version": "7.3", "kernel": "new", "seed": seed, "as": run_as,
                "words": ["panic=1", "kdump=yes", "wedged=2"], "panicked": True, "passed": passed,
                "reasons": [] if passed else ["K4: ran on"], "stop_us": 1000 * seed, "store": True, "saved": passed,
                "dump": True, "dumped": passed, "notes": passed} | more

    def test_sums(self) -> None:
        text = campaign.table([self.entry(1), self.entry(2), self.entry(3, False),
                               self.entry(9, kernel="old") | {"arch": "arm64"}])
        self.assertRegex(text, r"x86_64 7.3 new +3 +2 of 3 +2 of 3 +2 of 3 +2 of 2 +3\.0 ms +0\n")
        self.assertRegex(text, r"all +4 +3 of 4 ")
        self.assertIn("failed once, and not in 2 runs alone:\n  x86_64 7.3 seed 3: K4: ran on", text)

    def test_another_kernel_does_not_count(self) -> None:
        self.assertRegex(campaign.table([self.entry(1, kernel="old"), self.entry(2)]), r"x86_64 7.3 new +1 +1 of 1 ")

    def test_a_seed_that_is_repeated_counts_once(self) -> None:
        text = campaign.table([self.entry(1, False), self.entry(2), self.entry(1, False, campaign.ALONE), self.entry(1)])
        self.assertRegex(text, r"x86_64 7.3 new +2 +2 of 2 +2 of 2 +2 of 2 +2 of 2 +2\.0 ms +0\n")
        self.assertNotIn("K4", text)
        text = campaign.table([self.entry(1), self.entry(1, False), self.entry(1, False, campaign.ALONE)])
        self.assertRegex(text, r"x86_64 7.3 new +1 +0 of 1 .* 1\n")
        self.assertEqual(text.count("K4: ran on"), 1)

    def test_what_another_case_of_the_seed_did_says_nothing(self) -> None:
        other = {"words": ["panic=1", "late=2"]}
        text = campaign.table([self.entry(1, False) | other, self.entry(1, False, campaign.ALONE) | other,
                               self.entry(1, False, campaign.SMALLEST, words=["panic=1", "late=2"]), self.entry(1, False)])
        self.assertRegex(text, r"x86_64 7.3 new +1 +0 of 1 .* 0\n")
        self.assertNotIn("late=2", text)

    def test_a_run_without_a_panic_is_none(self) -> None:
        text = campaign.table([self.entry(1, False, panicked=False), self.entry(2)])
        self.assertRegex(text, r"new +1 +1 of 1 +1 of 1 +1 of 1 +1 of 1 ")
        self.assertIn("x86_64 7.3 seed 1", text)

    def test_a_failure_that_repeats_has_its_command(self) -> None:
        text = campaign.table([self.entry(3, False), self.entry(3, False, campaign.ALONE),
                               self.entry(3, False, campaign.SMALLEST, words=["panic=1", "wedged=2"])])
        self.assertRegex(text, r"x86_64 7.3 new +1 +0 of 1 .* 1\n")
        self.assertIn("x86_64 7.3 seed 3: K4: ran on\n"
                      "  ./crash-stop test --campaign 1 --arch x86_64 --kernel 7.3 --words \"panic=1 wedged=2\"\n", text)

    def test_what_failed_once_has_its_command(self) -> None:
        self.assertIn("seed 3: K4: ran on\n    ./crash-stop test --campaign 1 --arch x86_64 --kernel 7.3 "
                      "--words \"panic=1 kdump=yes wedged=2\"\n", campaign.table([self.entry(3, False)]))


if __name__ == "__main__":
    unittest.main()
