# SPDX-License-Identifier: GPL-2.0-only
"""The verdict on recorded consoles: a good one, and every way in which one can be bad."""

import dataclasses
import pathlib
import re
import unittest
from unittest import mock

import paths
import archs
import evidence
import scenarios
import verdict
from qemu import Transcript

RECORDED = paths.ROOT / "tests/boot/recorded"
ARCH = archs.load()["x86_64"]


def judge(name: str, text: str, **options: str) -> verdict.Verdict:
    """The verdict on a log, with the symbols of a recorded one."""
    folder, _, run = name.rpartition("/")
    scenario, dash, _ = run.partition("-kdump")
    case = scenarios.case(scenarios.BY_NAME[scenario], ARCH, kernel="7.3", kdump="yes" if dash else "no", **options)
    facts = evidence.gather(Transcript.parse(text), ARCH, evidence.Symbols(RECORDED / folder / "kernel.map"))
    return verdict.judge(case, facts, ARCH)


def log(name: str) -> str:
    """A recorded log."""
    return (RECORDED / f"{name}.log").read_text()


class Good(unittest.TestCase):
    """What was recorded passes, with every line exercised that the case can exercise."""

    def test_recorded_runs_pass(self) -> None:
        names = sorted(str(p.relative_to(RECORDED).with_suffix("")) for where in ("*.log", "x86_64/*.log") for p in RECORDED.glob(where))
        self.assertGreaterEqual(len(names), 8)
        for name in names:
            with self.subTest(name):
                self.assertEqual(judge(name, log(name)).reasons, [])

    def test_lines_that_are_exercised(self) -> None:
        lines = judge("wedged-kdump", log("wedged-kdump")).lines
        self.assertEqual({k for k, v in lines.items() if v}, {"K1", "K3", "K4", "K6", "K7", "K8", "K9", "K11", "K12", "K14"})


class Bad(unittest.TestCase):
    """One thing is wrong at a time."""

    def fails(self, name: str, line: str, text: str, **options: str) -> None:
        self.assertNotEqual(text, log(name), "the recording was not changed")
        found = judge(name, text, **options)
        self.assertFalse(found.passed)
        self.assertTrue(any(r.startswith(line) for r in found.reasons), found.reasons)

    def without(self, name: str, pattern: str) -> str:
        return "".join(l for l in log(name).splitlines(keepends=True) if not re.search(pattern, l))

    def test_silent(self) -> None:
        self.fails("plain", "K6", "$ recorded\n# end: silent\n")

    def test_empty(self) -> None:
        self.fails("plain", "K6", "")

    def test_cut_short(self) -> None:
        text = log("wedged-kdump")
        self.fails("wedged-kdump", "K6", text[: text.index("crash_test: dump 1 begins")])

    def test_ended_by_a_clock(self) -> None:
        self.fails("plain", "the run ended timeout", log("plain").replace("# end: done", "# end: timeout"))

    def test_note_of_a_cpu_is_missing(self) -> None:
        self.fails("wedged-kdump", "K9", self.without("wedged-kdump", r"guest: note 2"))

    def test_note_has_no_registers(self) -> None:
        self.fails("wedged-kdump", "K9: note 2", re.sub(r"(guest: note 2 )[0-9a-f]+", lambda m: m[1] + "00" * 336, log("wedged-kdump")))

    def test_cpu_runs_on(self) -> None:
        self.fails("wedged-kdump", "K4: CPUs [2] ran on", log("wedged-kdump").replace("running on: []", "running on: [2]"))

    def test_nobody_looked(self) -> None:
        self.fails("plain", "K4: nobody looked", self.without("plain", "running on"))

    def test_qemu_sees_a_cpu_elsewhere(self) -> None:
        pcs = re.findall(r"RIP=([0-9a-f]+)", log("plain"))
        self.fails("plain", "K4: QEMU shows", log("plain").replace(f"RIP={pcs[0]}", f"RIP={pcs[1]}"))

    def test_no_report_line(self) -> None:
        self.fails("plain", "K8: no report line", self.without("plain", "other CPUs stopped"))

    def test_report_line_is_not_in_the_store(self) -> None:
        self.fails("plain", "K8: the stored log", self.without("plain", r"store\| .*other CPUs stopped"))

    def test_report_line_counts_wrongly(self) -> None:
        self.fails("plain", "K8: it speaks of 2", log("plain").replace("3/3 other", "2/2 other"))

    def test_nothing_in_the_store(self) -> None:
        self.fails("plain", "K6: the store holds", self.without("plain", r"store\|"))

    def test_an_oops_record_is_no_panic_record(self) -> None:
        self.fails("plain", "K6: the store holds", log("plain").replace("Panic#", "Oops#"))

    def test_two_owners(self) -> None:
        line = next(l for l in log("three").splitlines() if "Kernel panic - not" in l and "store|" not in l and "end Kernel" not in l)
        self.fails("three", "K1: 2 CPUs", log("three").replace(line, line + "\n" + line, 1))

    def test_wrong_owner(self) -> None:
        self.fails("plain", "K1", log("plain").replace("us on cpu 1", "us on cpu 3"))

    def test_loser_did_not_stop_by_itself(self) -> None:
        self.fails("three", "K2", log("three").replace("how -1", "how 1"))

    def test_loser_lost_its_message(self) -> None:
        self.fails("three", "K2", re.sub(r'(cpu \d how -1 .*msg ").*"', r'\1"', log("three")))

    def test_dumper_ran_twice(self) -> None:
        line = next(l for l in log("dumper-fault-kdump").splitlines() if "dump 1 begins" in l and "store|" not in l)
        self.fails("dumper-fault-kdump", "K7: the first dumper ran 2 times",
                   log("dumper-fault-kdump").replace(line, line + "\n" + line.replace("dump 1", "dump 2"), 1))

    def test_no_crash_kernel(self) -> None:
        self.fails("wedged-kdump", "K6: the crash kernel did not boot", self.without("wedged-kdump", "guest: (crash kernel|note|state|vmcore)"))

    def test_notifier_before_the_dump(self) -> None:
        self.fails("plain", "K6: a notifier ran before", re.sub(r"notifier at \d+ us", "notifier at 1 us", log("plain")))

    def test_slow_stop(self) -> None:
        self.fails("plain", "K3", re.sub(r"stopped in \d+ us", "stopped in 9000000 us", log("plain")))

    def test_nobody_stands_by(self) -> None:
        self.fails("plain", "K14", re.sub(r"(other CPUs stopped in \d+ us \([^)]*\))", r"\1; no standby", log("plain")))

    def test_a_takeover_though_nothing_hangs(self) -> None:
        hung = 'crash_stop: CPU 1 hung in step "kmsg_dump" (first_dump) for 10000 ms, CPU 2 goes on behind it\n[   1.0] '
        self.fails("plain", "K14", log("plain").replace("crash_test: dump ends", hung + "crash_test: dump ends", 1))

    def test_a_hang_behind_which_nobody_goes_on(self) -> None:
        found = judge("dumper-hang", log("plain"))
        self.assertTrue(any(r.startswith("K14: reported as hung: []") for r in found.reasons), found.reasons)

    def test_a_hang_that_costs_the_crash_kernel(self) -> None:
        self.fails("x86_64/dumper-hang-kdump", "K14: the crash kernel did not boot",
                   self.without("x86_64/dumper-hang-kdump", "guest: (crash kernel|note|state|vmcore)|^\\[ .*Linux version"))

    def test_a_hang_that_nobody_reports(self) -> None:
        self.fails("x86_64/notifier-hang", "K14: reported as hung: []", self.without("x86_64/notifier-hang", "hung in step"))

    def test_a_hang_that_is_not_in_the_store(self) -> None:
        self.fails("x86_64/dumper-hang", "K14: the stored log does not say", self.without("x86_64/dumper-hang", "store.*hung in step"))

    def test_a_hang_whose_registers_are_not_shown(self) -> None:
        self.fails("x86_64/dumper-hang", "K14: where CPU 1 hung is not shown", log("x86_64/dumper-hang").replace("RIP: 0010:crash_test_hang", "RIP: 0010:another"))

    def test_a_hang_that_the_console_does_not_say(self) -> None:
        self.fails("x86_64/dumper-hang", "K14: the console does not say", self.without("x86_64/dumper-hang", "^[^|]*hung in step"))

    def test_a_hang_that_only_the_dump_shows(self) -> None:
        """What the successor could not print is taken from the log, to its end."""
        lines = log("x86_64/dumper-hang-kdump").splitlines(keepends=True)
        hung = next(n for n, line in enumerate(lines) if "hung in step" in line)
        crash = next(n for n, line in enumerate(lines) if "Linux version" in line and n > hung)
        found = judge("x86_64/dumper-hang-kdump", "".join(lines[:hung] + lines[crash:]))
        self.assertEqual(found.reasons, ["K14: the console does not say what hung"])

    def test_a_hang_that_is_not_in_the_dump(self) -> None:
        self.fails("x86_64/dumper-hang-kdump", "K14: the log in the dump", self.without("x86_64/dumper-hang-kdump", "log.*hung in step"))

    def test_no_nmi(self) -> None:
        self.fails("x86_64/dumper-nmi", "K1: no NMI came", self.without("x86_64/dumper-nmi", "an NMI while"))

    def test_a_machine_check_that_does_not_come(self) -> None:
        self.fails("x86_64/button", "K7: 0 nested panics instead of 1", self.without("x86_64/button", "nested panic"))

    def test_a_hang_that_takes_longer(self) -> None:
        self.fails("x86_64/dumper-hang", "K14: the next dumper ended 11", re.sub(r"dump ends at \d+ us", "dump ends at 12100000 us", log("x86_64/dumper-hang")))

    def test_a_hang_that_is_given_up_early(self) -> None:
        self.fails("x86_64/dumper-hang", "K14: the next dumper ended 9", re.sub(r"dump ends at \d+ us", "dump ends at 99999 us", log("x86_64/dumper-hang")))

    def test_a_clock_that_the_kernel_has_given_up_ends_a_deadline_early(self) -> None:
        early = re.sub(r"dump ends at \d+ us", "dump ends at 99999 us", log("x86_64/dumper-hang"))
        said = early.replace("guest: first kernel", "[    1.4] tsc: Marking TSC unstable due to clocksource watchdog\n[ 1.0] guest: first kernel", 1)
        self.assertNotEqual(said, early)
        self.assertEqual(judge("x86_64/dumper-hang", said).reasons, [])

    def test_a_hang_behind_which_the_wrong_cpu_goes_on(self) -> None:
        self.fails("x86_64/standby-hang-kdump", "K14: CPU 1 took over from itself",
                   re.sub(r"CPU \d goes on behind it", "CPU 1 goes on behind it", log("x86_64/standby-hang-kdump")))

    def test_whom_the_report_names(self) -> None:
        """A console may hang before the report line and behind it."""
        for step, stopped, left in ("stop", False, {1, 3}), ("report", False, {3}), ("stop", True, {3}):
            hung = evidence.Evidence(hung=[evidence.Hang(1, step, 1000, stopped, 2)])
            self.assertEqual(verdict.left_over({3}, hung), left)

    def test_who_was_stopped_by_an_nmi_may_stay(self) -> None:
        for report, rough in ("crash_stop: 3/3 other CPUs stopped in 7 us (ipi 2, nmi 1)", True), ("crash_stop: 3/3 other CPUs stopped in 7 us (ipi 3)", False):
            self.assertEqual(verdict.stopped_roughly(ARCH, evidence.Evidence(report=report)), rough)

    def test_who_goes_on(self) -> None:
        hung = [evidence.Hang(1, "kmsg_dump", 1000, True, 2), evidence.Hang(2, "kmsg_dump", 1000, True, 0)]
        bad = {"CPU 1 took over from itself": [evidence.Hang(1, "kmsg_dump", 1000, True, 1)],
               "CPU 3 hung, and did not own": [hung[0], evidence.Hang(3, "kmsg_dump", 1000, True, 0)],
               "was taken over 3 times": [*hung, evidence.Hang(0, "kmsg_dump", 1000, True, 3)]}
        for why, hangs in {"": hung, **bad}.items():
            j = verdict.Judge()
            verdict.heirs(j, evidence.Evidence(hung=hangs))
            self.assertEqual(any(why in r for r in j.reasons), bool(why), j.reasons)

    def test_who_has_taken_over_is_no_loser(self) -> None:
        lost = scenarios.case(scenarios.BY_NAME["two"], archs.load()["x86_64"])
        for hung, reasons in ([], 2), ([evidence.Hang(1, "notifiers", 1000, True, 2)], 0):
            j = verdict.Judge()
            verdict.losers(j, lost, evidence.Evidence(owner=1, crashed={1, 2}, hung=hung))
            self.assertEqual(len(j.reasons), reasons)

    def test_a_store_that_has_room_for_the_end_only(self) -> None:
        said = ["Kernel panic", "crash_stop: 3/3 other CPUs stopped", "dump begins", "BUG: in a dumper"]
        powerpc = archs.load()["powerpc"]
        short, long = (scenarios.case(scenarios.BY_NAME["plain"], arch) for arch in (powerpc, ARCH))
        for stored, behind in ((said[3:], True), (said[:1] + said[3:], False), ([], False)):
            lines = ["Panic#1 Part1", *(f"<0>[    1.000000] {line}" for line in stored)]
            found = evidence.Evidence(said=said, store=lines)
            self.assertEqual(verdict.cut_behind(short, powerpc, found, said[1]), behind, stored)
            self.assertFalse(verdict.cut_behind(short, powerpc, found, None))
            self.assertFalse(verdict.cut_behind(long, ARCH, found, said[1]))

    def test_what_hung_is_in_a_store_that_has_room_for_it(self) -> None:
        name, hung = "x86_64/notifier-hang", "hung in step"
        text = "".join(line for line in log(name).splitlines(keepends=True) if not ("store|" in line and hung in line))
        case = scenarios.case(scenarios.BY_NAME["notifier-hang"], ARCH, kernel="7.3", post="yes")
        facts = evidence.gather(Transcript.parse(text), ARCH, evidence.Symbols(RECORDED / "x86_64/kernel.map"))
        last = max(n for n, line in enumerate(facts.said) if hung in line)
        end = dataclasses.replace(facts, store=["Panic#1 Part1", f"<0>[    1.000000] {facts.said[last + 1]}"])
        for room, found, missing in (("no", facts, True), ("yes", facts, True), ("yes", end, False)):
            with mock.patch.dict(ARCH.conf[f"store {case.get('store')}"], short=room):
                reasons = verdict.judge(case, found, ARCH).reasons
            self.assertEqual("K14: the stored log does not say what hung" in reasons, missing, (room, reasons))

    def test_note_of_a_cpu_that_runs_a_program(self) -> None:
        scenario, symbols = scenarios.BY_NAME["wedged"], evidence.Symbols(RECORDED / "kernel.map")
        facts = evidence.gather(Transcript.parse(log("wedged-kdump")), ARCH, symbols)
        busy = min(set(range(4)) - {facts.owner, *scenario.wedged})
        for cpu, before, right in ((busy, (), False), (busy, ("loop-kexec",), True), (scenario.wedged[0], ("loop-kexec",), False)):
            with self.subTest(cpu=cpu, before=before):
                case = scenarios.case(dataclasses.replace(scenario, before=before), ARCH, kernel="7.3", kdump="yes")
                notes = [dataclasses.replace(note, function="?") if n == cpu else note for n, note in enumerate(facts.notes)]
                reasons = verdict.judge(case, dataclasses.replace(facts, notes=notes), ARCH).reasons
                self.assertEqual(not reasons, right, reasons)

    def test_who_can_print(self) -> None:
        facts = evidence.Evidence(how={1: (-1, 0, "crash_test: in NMI"), 2: (-1, 0, "crash_test: on purpose"), 3: (1, 9, ""), 4: (0, 9, "")})
        self.assertEqual([cpu for cpu in range(6) if verdict.can_print(facts, cpu)], [0, 2, 4, 5])
        # Where no dumper has said it, the crash kernel does.
        facts = evidence.Evidence(how={1: (-1, 0, "")}, states={
            cpu: (4, 4, *facts.how[cpu][::2]) for cpu in facts.how} | {4: (4, 4, 0, "crash_test: in NMI")})
        self.assertEqual([cpu for cpu in range(6) if verdict.can_print(facts, cpu)], [0, 1, 2, 5])

    def test_a_successor_that_cannot_print(self) -> None:
        panic, hung, end = (f"[    1.{n}00000] {text}" for n, text in enumerate((
            "Kernel panic - not syncing: crash_test: on purpose",
            'crash_stop: CPU 0 hung in step "kmsg_dump" (first_dump) for 1000 ms, CPU 2 goes on behind it',
            "crash_test: dump ends at 1000030 us")))
        lines = ["guest: first kernel, 4 CPUs", panic, "[    1.000001] crash_test: dump 1 begins at 5 us on cpu 0",
                 "guest: crash kernel, 1 CPUs", *(f"log| {line}" for line in (panic, hung, end)), "guest: restart",
                 "guest: first kernel, 4 CPUs", "guest: record dmesg-ramoops-1", "store| Panic#1 Part1", f"store| <0>{hung}", "guest: record ends"]
        facts = evidence.gather(Transcript("", [(0.0, line) for line in lines]), ARCH, evidence.Symbols(RECORDED / "kernel.map"))
        self.assertEqual((facts.hung[0].heir, facts.dump_end_us), (2, 1000030))

    def test_what_hung_in_a_module(self) -> None:
        line = 'crash_stop: CPU 1 hung in step "kmsg_dump" (mtdoops_do_dump [mtdoops]) for 10000 ms and did not stop, CPU 2 goes on behind it'
        facts = evidence.gather(Transcript("", [(0.0, "guest: first kernel"), (0.0, line)]), ARCH, evidence.Symbols(RECORDED / "kernel.map"))
        self.assertEqual(facts.hung, [evidence.Hang(1, "kmsg_dump", 10000, False, 2)])

    def test_a_rung_is_not_usable(self) -> None:
        self.fails("plain", "K3: debugfs says", log("plain").replace("rung nmi: usable", "rung nmi: not usable"))
        self.fails("unreachable-kdump", "K3: debugfs says", log("unreachable-kdump").replace("rung nmi: not usable", "rung nmi: usable"))

    def test_a_rung_is_not_said(self) -> None:
        self.fails("plain", "K3: debugfs lists", self.without("plain", "rung xen"))
        self.fails("plain", "K3: debugfs says", self.without("plain", "guest: rung"))

    def test_the_line_at_boot_says_something_else(self) -> None:
        self.fails("plain", "K3: the line at boot says ipi,", log("plain").replace("rungs: ipi nmi;", "rungs: ipi;"))
        self.fails("plain", "K3: the line at boot says nothing", self.without("plain", "crash_stop: rungs"))

    def test_splat(self) -> None:
        self.fails("plain", "K12", log("plain").replace("crash_test: dump ends", "BUG: sleeping function called from invalid context\n[   1.0] crash_test: dump ends", 1)
                   .replace("] BUG", "] \n[   1.0] BUG", 1))

    def test_no_word_about_the_crash_kernel(self) -> None:
        self.fails("plain", "K11", self.without("plain", "no crash kernel is loaded"))

    def test_machine_did_not_restart(self) -> None:
        text = log("plain")
        self.fails("plain", "K6: the machine did not restart", text[: text.rindex("guest: ready")] )


if __name__ == "__main__":
    unittest.main()
