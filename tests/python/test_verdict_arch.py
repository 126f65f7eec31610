# SPDX-License-Identifier: GPL-2.0-only
"""The verdict where an architecture's data decides: recorded/ARCH/SCENARIO[-kdump][--BOOT].log."""

import re
import unittest

import paths
import archs
import evidence
import scenarios
import verdict
from qemu import Transcript

RECORDED = paths.ROOT / "tests/boot/recorded"


def log(arch: str, name: str) -> str:
    """A recorded log."""
    return (RECORDED / arch / f"{name}.log").read_text()


def judge(arch: str, name: str, text: str) -> verdict.Verdict:
    """The verdict on a log, with the symbols of the recorded kernel."""
    found = archs.load()[arch]
    words, _, boot = name.partition("--")
    case = scenarios.case(scenarios.BY_NAME[words.removesuffix("-kdump")], found, kernel="7.3",
                          kdump="yes" if words.endswith("-kdump") else "no", boot=boot or scenarios.DEFAULT_BOOT)
    facts = evidence.gather(Transcript.parse(text), found, evidence.Symbols(RECORDED / arch / "kernel.map"))
    return verdict.judge(case, facts, found)


class Good(unittest.TestCase):
    """What was recorded passes."""

    def test_recorded_runs_pass(self) -> None:
        names = sorted((p.parent.name, p.stem) for p in RECORDED.glob("*/*.log"))
        self.assertGreaterEqual(len(names), 3)
        for arch, name in names:
            with self.subTest(f"{arch} {name}"):
                self.assertEqual(judge(arch, name, log(arch, name)).reasons, [])


class Bad(unittest.TestCase):
    """One thing is wrong at a time."""

    def fails(self, name: str, why: str, text: str, arch: str = "arm64") -> None:
        self.assertNotEqual(text, log(arch, name), "the recording was not changed")
        found = judge(arch, name, text).reasons
        self.assertTrue(any(r.startswith(why) for r in found), found)

    def test_masked_cpu_that_nothing_reaches_is_not_named(self) -> None:
        self.fails("wedged", "K8: it names []", re.sub(r"2/3 other(.*)\(ipi 2\); not stopped: 2", r"3/3 other\1(ipi 3)",
                                                       log("arm64", "wedged")))

    def test_its_note_is_no_placeholder(self) -> None:
        text = log("arm64", "wedged-kdump")
        other = re.search(r"guest: note 0 ([0-9a-f]+)", text)[1]
        self.fails("wedged-kdump", "K9: CPU 2 did not stop", re.sub(r"(guest: note 2 )[0-9a-f]+", r"\g<1>" + other, text))

    def test_a_warning_of_another_kind(self) -> None:
        self.fails("wedged-kdump", "K12: a splat", log("arm64", "wedged-kdump").replace("arm64/kernel/machine_kexec.c", "arm64/kernel/smp.c"))

    def test_a_rung_that_this_way_to_boot_does_not_have(self) -> None:
        self.fails("wedged", "K3: debugfs says", log("arm64", "wedged").replace("rung nmi: not usable", "rung nmi: usable"))

    def test_online_cpu_is_not_in_firmware(self) -> None:
        text = log("powerpc", "crash-hotplug").replace("2/2 other", "3/3 other").replace("(ipi 2)", "(ipi 3)")
        self.fails("crash-hotplug", "K4: QEMU shows CPU 3 in ?", text, "powerpc")

    def test_a_cpu_that_is_stopped_where_it_was(self) -> None:
        stopped = {"rung": 1, "seen": ("arch_spin_lock_wait", "arch_spin_lock_wait")}
        for change, why in (({}, []), ({"seen": ("arch_spin_lock_wait", "delay_loop")}, ["K4"]), ({"rung": 0}, ["K4"])):
            found = archs.load()["s390"]
            case = scenarios.case(scenarios.BY_NAME["wedged"], found, kernel="7.3", end="hang")
            rung, seen = ({**stopped, **change}[key] for key in ("rung", "seen"))
            e = evidence.Evidence(report="-", owner=1, others=3, running_on=set(), stop_us=1, how={2: (rung, 1, "")},
                                  pcs=[["s390_park", "s390_park", one, "s390_park"] for one in seen])
            j = verdict.Judge()
            verdict._stop(j, case, e, found, False)
            self.assertEqual([r.split(":")[0] for r in j.reasons if "QEMU shows" in r], why)

    def test_a_cpu_that_waits_on_its_way_up(self) -> None:
        found = archs.load()["powerpc"]
        case = scenarios.case(scenarios.BY_NAME["crash-hotplug"], found, kernel="7.3", end="hang")
        for others, where, why in ((2, "generic_secondary_common_init", []), (3, "generic_secondary_common_init", ["K4"]),
                                   (2, "start_secondary", ["K4"])):
            e = evidence.Evidence(report="-", owner=1, others=others, running_on=set(), stop_us=1,
                                  pcs=[["ppc_park", "ppc_park", "ppc_park", where]] * 2)
            j = verdict.Judge()
            verdict._stop(j, case, e, found, False)
            self.assertEqual([r.split(":")[0] for r in j.reasons if "QEMU shows" in r], why)

    def test_no_cpu_powered_itself_off(self) -> None:
        self.fails("plain-kdump--crash-smp", "K4: the crash kernel has 1 CPUs",
                   log("arm64", "plain-kdump--crash-smp").replace("crash kernel, 4 CPUs", "crash kernel, 1 CPUs"))

    def test_parked_cpu_seen_elsewhere(self) -> None:
        text = log("arm64", "wedged")
        owner, parked = re.findall(r"PC=([0-9a-f]+)", text)[1], re.findall(r"PC=([0-9a-f]+)", text)[0]
        self.fails("wedged", "K4: QEMU shows CPU 0", text.replace(f"PC={parked}", f"PC={owner}"))

    def test_nothing_says_that_the_image_is_bad(self) -> None:
        text = log("s390", "bad-image-kdump").replace("crash kernel not booted: the checksum", "the checksum")
        self.fails("bad-image-kdump", "K11: nothing says what became of the crash kernel", text, "s390")

    def test_each_architecture_misses_what_was_taken_away(self) -> None:
        for path in sorted(RECORDED.glob("*/*.log")):
            arch, name = path.parent.name, path.stem
            with self.subTest(f"{arch} {name}"):
                if "guest: note " in log(arch, name):
                    note = re.search(r"guest: note 0 [0-9a-f]+", log(arch, name))[0]
                    self.fails(name, "K9: note 0 shows no registers",
                               re.sub(r"guest: stack 0 .*", "guest: stack 0", log(arch, name))
                               .replace(note, note[:14] + "0" * len(note[14:])), arch)
                report = re.search(r"crash_stop: \d+/\d+ other CPUs stopped.*", log(arch, name))[0]
                self.fails(name, "K8: no report line", log(arch, name).replace(report, ""), arch)

    def test_way_to_boot_decides_what_is_possible(self) -> None:
        arm64 = archs.load()["arm64"]
        self.assertIn("pseudo-NMI", scenarios.case(scenarios.BY_NAME["panic-nmi"], arm64, kernel="7.3").impossible)
        self.assertEqual(scenarios.case(scenarios.BY_NAME["panic-nmi"], arm64, kernel="7.3", boot="nmi").impossible, "")


if __name__ == "__main__":
    unittest.main()
