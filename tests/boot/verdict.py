# SPDX-License-Identifier: GPL-2.0-only
"""The contract, line by line, against the evidence of one run.

Every check starts as failed: what was not seen does not hold. A line that a
case does not exercise is None and is shown as a dot.
"""

from __future__ import annotations

import dataclasses
import re

import support
from archs import Arch
from evidence import HANGING, STAMP, Evidence
from scenarios import DEADLINE_MS, Case

CONTRACT = ("K1", "K2", "K3", "K4", "K5", "K6", "K7", "K8", "K9", "K10", "K11", "K12", "K14", "K15")

# A stop that takes longer than this in guest time waits for something; the
# ladder's own bounds are far below. Measured times are the benchmark's affair.
STOP_MAX_US = 2_500_000
# So is a takeover that comes so much later than its deadline: who stands by counts
# 10 ms at the most for each time that its host CPU was away, however long that was. A
# second becomes eleven where that is 110 ms each time, and a host's time slice some ms.
TAKEOVER_MAX_US = 10_000_000

# A loser that a rung has stopped first was interrupted while it saved its registers,
# or its host gave it no time; the rung that can do so comes after the first one's 10 ms.
LOSER_US = 10_000

# CRASH_STANDBYS in kernel/crash_stop_internal.h
TAKEOVERS_MAX = 2

# What a parked CPU runs through in kernel/; what it does in its backend is in the
# architecture's crash_stop.conf.
PARKED = r"crash_stop_(?:here|park|why|have_image)"
# Where one waits that is on its way down, to tell the CPU that takes it down, which has
# stopped: cpuhp_report_idle_dead().
OFFLINE = "(?:__)?smp_call_function_single"

# include/linux/crash_stop.h and kernel/crash_stop_dump.c
STATE_RUNNING, STATE_STOPPED, NOTE_REGS, PLACEHOLDER_PID = 0, 4, 4, -1
BOOTING = "booting the crash kernel"
BAD_IMAGE = "crash kernel not booted: the checksum of its image is wrong"
IMAGE = ("no crash kernel is loaded", "crash kernel not booted:", BOOTING)


@dataclasses.dataclass
class Verdict:
    """What held; for what did not, why."""

    lines: dict[str, bool | None]
    reasons: list[str]

    @property
    def passed(self) -> bool:
        """Nothing that was exercised failed."""
        return not self.reasons and any(v for v in self.lines.values())


class Judge:
    """Collects what fails, by contract line."""

    def __init__(self) -> None:
        self.lines: dict[str, bool | None] = dict.fromkeys(CONTRACT)
        self.reasons: list[str] = []

    def check(self, line: str, holds: bool, why: str) -> None:
        """One check of a contract line."""
        self.lines[line] = bool(holds) and self.lines[line] is not False
        if not holds:
            self.reasons.append(f"{line}: {why}")


def _owner(j: Judge, case: Case, e: Evidence) -> None:
    owners = set(case.scenario.owners)
    j.check("K1", {cpu for _, _, cpu in e.dumps} <= owners | {h.heir for h in e.hung} and e.owner in owners,
            f"the log was saved by CPU {sorted({c for _, _, c in e.dumps})}, expected one of {sorted(owners)}")
    purpose = [m for _, m in e.panics if "on purpose" in m or "in NMI" in m]
    j.check("K1", len(purpose) <= 1, f"{len(purpose)} CPUs went through a panic of their own")


def losers(j: Judge, case: Case, e: Evidence) -> None:
    """Who panics after the owner stops by itself, with the message of its own panic."""
    # One that was stopped on its way into panic() is no loser, nor who has taken the crash over meanwhile.
    losers = set(case.scenario.losers) & e.crashed - {e.owner} - {h.heir for h in e.hung}
    if case.scenario.redirected is not None and e.owner != case.scenario.redirected:
        losers.add(case.scenario.redirected)
    for cpu in losers:
        how, us, message = e.how.get(cpu, (None, 0, ""))
        j.check("K2", how == -1 or us >= LOSER_US, f"CPU {cpu} lost and did not stop by itself")
        j.check("K2", "crash_test" in message, f"CPU {cpu}: the message of its own panic was not kept")


def _rungs(j: Judge, case: Case, e: Evidence) -> None:
    usable = (case.scenario.gentle and case.data("gentle_usable")) or case.data("usable")
    j.check("K3", [name for name, there in e.rungs.items() if there] == usable.split(),
            f"debugfs says {e.rungs}, and usable are to be {usable}")
    j.check("K3", e.rungs_at_boot == usable, f"the line at boot says {e.rungs_at_boot or 'nothing'}, expected {usable}")
    j.check("K3", set(e.rungs) == support.rungs_of_source(case.arch),
            f"debugfs lists {list(e.rungs)}, not all rungs of the backend")


def stop_in_time(j: Judge, e: Evidence) -> None:
    """K3: the ladder ended."""
    us = e.stop_us if e.stop_us is not None else STOP_MAX_US + 1
    j.check("K3", us <= STOP_MAX_US, f"the stop took {e.stop_us} us")


def ran_on(j: Judge, e: Evidence, running: set[int]) -> None:
    """K4: what the test driver saw of the others, if it is there."""
    if e.running_on is not None:
        j.check("K4", e.running_on <= running, f"CPUs {sorted(e.running_on)} ran on while the log was saved")


def left_over(running: set[int], e: Evidence) -> set[int]:
    """Whom the report line has to name: those that nothing stops, and an owner that hung before it was printed."""
    return running | {h.cpu for h in e.hung if not h.stopped and h.step == "stop"}


def cut_behind(case: Case, arch: Arch, e: Evidence, line: str | None) -> bool:
    """Has the store no room for this line: is its log what was printed last, from one on that the console shows behind it?"""
    if arch.get(f"store {case.get('store')}", "short") != "yes":
        return False
    behind = e.said[e.said.index(line) + 1:] if line in e.said else []
    first = next((text for line in e.store if (text := STAMP.sub("", line)) in e.said), None)
    return first in behind


def _parked(arch: Arch) -> str:
    return f"{PARKED}|{arch.get('registers', 'parked', '(?!)')}"


def _stop(j: Judge, case: Case, e: Evidence, arch: Arch, boots_crash_kernel: bool) -> None:
    running = case.unstopped - {e.owner}
    unreached = {h.cpu for h in e.hung if not h.stopped}
    stop_in_time(j, e)
    j.check("K4", e.running_on is not None, "nobody looked whether the others stand still")
    ran_on(j, e, running)
    j.check("K8", e.report is not None, "no report line")
    if e.report is not None:
        # One that comes up behind the last signal may be named.
        named = e.not_stopped - set(case.scenario.hotplug)
        left = left_over(running, e)
        j.check("K8", named == left, f"it names {sorted(named)} as not stopped, not {sorted(left)}")
        expected = case.cpus - 1
        others = {expected, expected - 1} if case.scenario.hotplug else {expected}
        j.check("K8", e.others in others, f"it speaks of {e.others} other CPUs, not of {expected}")
        shown = any(e.report in line for line in e.store) or cut_behind(case, arch, e, e.report)
        j.check("K8", shown or not stored(case, boots_crash_kernel), "the stored log has no report line")
        # Not those that a reboot has stopped, before there was anything to watch.
        how = set(re.findall(r"[(,] ?([a-z ]+) \d", e.report)) - set(arch.get("tests", "rungs_without_standby").split())
        willing = bool(how) and not arch.get("impossible", "standby")
        j.check("K14", ("; no standby" in e.report) != willing or case.scenario.reboot is not None,
                f"{'nobody' if willing else 'somebody'} stands by")
    parked = re.compile(_parked(arch))
    # Not online when the others were stopped, and where such a CPU is.
    gone = case.scenario.hotplug if e.others == case.cpus - 2 else ()
    offline = re.compile(f"{OFFLINE}|{arch.get('registers', 'offline', '(?!)')}")
    rungs, freezing = arch.get("arch", "rungs").split(), arch.get("registers", "frozen_by")
    freezes = rungs.index(freezing) if freezing else None
    stays = not boots_crash_kernel and case.get("end") == "hang"
    if case.scenario.late and stays:
        j.check("K5", bool(e.pcs), "QEMU did not show where the late CPU is")
    if stays:
        j.check("K4", len(e.pcs) == 2 and all(len(r) == case.cpus for r in e.pcs),
                "QEMU did not show every CPU twice")
        owner = e.hung[-1].heir if e.hung else e.owner
        for cpu in range(case.cpus):
            seen = [r[cpu] for r in e.pcs if len(r) == case.cpus]
            if cpu in case.scenario.strays:
                j.check("K14", set(seen) == {HANGING}, f"QEMU shows CPU {cpu} in {' and '.join(seen)}, not in {HANGING}")
            elif cpu != owner and (cpu not in running | unreached or cpu in case.scenario.late):
                frozen = e.how.get(cpu, (-1,))[0] == freezes and len(set(seen)) == 1
                j.check("K4", frozen or all(parked.fullmatch(f) or (cpu in gone and offline.fullmatch(f)) for f in seen),
                        f"QEMU shows CPU {cpu} in {' and '.join(seen)}")


def in_order(j: Judge, e: Evidence, then: float | None) -> None:
    """K6: the message, the report line, and what comes then."""
    if e.report_at is not None and then is not None and e.panics:
        j.check("K6", e.panics[0][0] <= e.report_at <= then, "message, report and dump are out of order")


def _order(j: Judge, case: Case, e: Evidence, boots_crash_kernel: bool) -> None:
    first = e.panics[0][0] if e.panics else None
    j.check("K6", first is not None, "no panic message")
    # What is said behind the store's own dump is in no store.
    unseen = case.mute and boots_crash_kernel
    j.check("K6", bool(e.dumps) and (unseen or e.dump_end_us is not None), "kmsg_dump did not run through")
    j.check("K6", not stored(case, boots_crash_kernel) or bool(e.store), "the store holds no Panic record after the restart")
    in_order(j, e, e.dump_at)
    if e.dumps:
        post = case.get("post") == "yes"
        if post:
            j.check("K6", e.notifier_us is not None and e.notifier_us <= e.dumps[0][1],
                    "crash_kexec_post_notifiers: no notifier before the dump")
        elif e.notifier_us is not None:
            j.check("K6", e.dump_end_us is not None and e.notifier_us >= e.dumps[0][1], "a notifier ran before the dump")
        else:
            j.check("K6", boots_crash_kernel, "no notifier ran")
    if case.scenario.button:
        j.check("K6", e.button, "the NMI button was not pressed")
    if case.scenario.nmi_comes:
        # Once the NMI rung was raised, x86's handler swallows it, as its backend accepts.
        j.check("K1", e.nmi_came or (e.stop_us or 0) >= LOSER_US, "no NMI came while the log was saved")
    if boots_crash_kernel:
        j.check("K6", e.crash_kernel_at is not None, "the crash kernel did not boot")
    j.check("K6", e.restarted, "the machine did not restart")
    wanted = case.scenario.in_store
    if wanted and stored(case, boots_crash_kernel) and (not boots_crash_kernel or case.get("post") == "yes"):
        j.check("K6", any(wanted in line for line in e.store), f"the stored log lacks \"{wanted}\"")
    if case.data("decodes") == "yes" and stored(case, boots_crash_kernel):
        j.check("K6", e.decoded == "crash_test_panic",
                f"an address in the stored log decodes to {e.decoded or 'nothing'}, not to crash_test_panic")


def _nested(j: Judge, case: Case, e: Evidence, boots_crash_kernel: bool) -> None:
    j.check("K7", len(e.dumps) == 1, f"the first dumper ran {len(e.dumps)} times")
    j.check("K7", e.dump_end_us is not None, "a dumper behind the bad one did not run")
    j.check("K7", not stored(case, boots_crash_kernel) or bool(e.store), "the store behind the bad callback has no log")
    notified = case.get("post") == "yes" or not boots_crash_kernel
    reached = len([where for where in case.scenario.nested if where != "notifier" or notified])
    j.check("K7", e.nested == reached, f"{e.nested} nested panics instead of {reached}")


def _dump(j: Judge, case: Case, e: Evidence, arch: Arch) -> None:
    s = case.scenario
    cpus = {case.cpus, case.cpus - 1} if s.hotplug else {case.cpus}
    j.check("K9", len(e.notes) in cpus, f"{len(e.notes)} notes for {case.cpus} CPUs")
    j.check("K9", int(e.vmcoreinfo.get("NUMBER(crash_stop_cpus)", -1)) + 1 in cpus, "vmcoreinfo has no count of CPUs")
    j.check("K9", len(e.states) in cpus, "the states of the CPUs were not found through vmcoreinfo")
    if case.data("crash_cpus"):
        lost = case.unstopped - {e.owner} - set(s.late) | {h.cpu for h in e.hung if not h.stopped} | set(s.strays)
        free = min(int(case.data("crash_cpus")), case.cpus) - len(lost)
        j.check("K4", e.crash_cpus == free, f"the crash kernel has {e.crash_cpus} CPUs, and {free} were free for it")
    if len(e.notes) != case.cpus:
        return
    # Where the owner takes its registers itself, it does so as a loser does.
    expected = {e.owner: r"__crash_kexec|crash_test_\w+|crash_stop_\w+|sysrq\w*|vpanic|panic|"
                + arch.get("registers", "loser", "-")}
    spins = "|".join(filter(None, ("crash_test_wedged", arch.get("registers", "clock"))))
    expected |= {cpu: spins for cpu in s.wedged}
    if not s.loser_in_nmi:
        expected |= {cpu: arch.get("registers", "loser") for cpu in set(s.losers) & e.crashed - {e.owner}
                     if e.how.get(cpu, (-1,))[0] == -1}
    if s.all_wedged:
        expected |= {cpu: r"panic_stop_irqoff_fn|lkdtm_\w+|\w*stop_irqoff\w*" for cpu in range(case.cpus) if cpu != e.owner}
    # Who has taken the crash over, whatever it did before, and who has lost it.
    expected |= {h.heir: expected[e.owner] for h in e.hung}
    expected |= {h.cpu: r"crash_test_\w+" if h.stopped else "" for h in e.hung}
    for cpu in s.late:
        state, note, _, _ = e.states.get(cpu, (0, 0, 0, ""))
        j.check("K5", state == STATE_STOPPED and note == NOTE_REGS,
                f"CPU {cpu} answered late: state {state}, note {note} in the dump")
    for cpu in case.unstopped - {e.owner} - set(s.late):
        j.check("K9", e.notes[cpu].pid == PLACEHOLDER_PID and not e.notes[cpu].function,
                f"CPU {cpu} did not stop and its note is no placeholder")
        expected[cpu] = ""
    # Who takes a CPU off may be stopped in the firmware, where others are parked.
    parked = rf"{PARKED}|\w+_park" if s.hotplug else _parked(arch)
    # A program that goes on meanwhile has no symbols.
    programs = r"|\?" if any(line.startswith("loop-") for line in s.before) else ""
    for cpu, note in enumerate(e.notes):
        pattern = expected.get(cpu, rf"(?!{parked})\w.*{programs}")
        if pattern and arch.get("registers", "restarted"):
            pattern += "|" + arch.get("registers", "restarted")
        j.check("K9", note.shows(pattern), f"note {cpu} shows {note.function or 'no registers'}, expected {pattern}")


def _hotplug(j: Judge, case: Case, e: Evidence) -> None:
    """A CPU that comes or goes parks, or is named, or is offline."""
    for cpu in case.scenario.hotplug:
        j.check("K15", e.running_on is not None and cpu not in e.running_on, f"CPU {cpu} slipped through and runs")
        if e.others == case.cpus - 1:
            heir = cpu in {h.heir for h in e.hung}
            j.check("K15", heir or cpu in e.how or cpu in e.not_stopped, f"CPU {cpu} was online, and neither stopped nor is named")
        if cpu in e.states:
            j.check("K15", e.states[cpu][0] in (STATE_RUNNING, STATE_STOPPED),
                    f"CPU {cpu} has state {e.states[cpu][0]} in the dump")


def _log(j: Judge, e: Evidence) -> None:
    j.check("K8", e.report is not None and any(e.report in line for line in e.log), "the log in the dump has no report line")


def heirs(j: Judge, e: Evidence) -> None:
    """K14: who goes on is another CPU each time, and the next to hang, if one does; not for ever."""
    if e.hung:
        j.check("K14", len(e.hung) <= TAKEOVERS_MAX, f"the crash was taken over {len(e.hung)} times")
    for n, h in enumerate(e.hung):
        j.check("K14", h.cpu != h.heir, f"CPU {h.heir} took over from itself")
        j.check("K14", not n or h.cpu == e.hung[n - 1].heir, f"CPU {h.cpu} hung, and did not own the crash")


def stopped_roughly(arch: Arch, e: Evidence) -> bool:
    """Did more than the first, gentle rung stop anybody?"""
    rough = arch.get("arch", "rungs").split()[1:]
    return bool(set(rough) & set(re.findall(r"[(,] ?(\w+) \d", e.report or "")))


def shows_registers(lines: list[str], number: int) -> bool:
    """Do the registers below a line that says what hung show where that was?"""
    hung = [n for n, line in enumerate(lines) if "hung in step" in line] + [len(lines)]
    return any(HANGING in line for line in lines[hung[number]:hung[number + 1]]) if number + 1 < len(hung) else False


def can_print(e: Evidence, heir: int) -> bool:
    """Did it stand by outside NMI context, in which there is no printing to a legacy console?"""
    # What a dumper says of it is missing there as well; the crash kernel knows it.
    how, msg = e.states.get(heir, (0, 0, 0, ""))[2:]
    if heir in e.how:
        how, _, msg = e.how[heir]
    return how <= 0 and "in NMI" not in msg


def _hang(j: Judge, case: Case, e: Evidence, arch: Arch, boots_crash_kernel: bool) -> None:
    s = case.scenario
    steps = [h.step for h in e.hung]
    if not s.hangs:
        if s.moves or e.hung:
            j.check("K14", not e.hung, f"a step that moves was given up: {steps}")
        return
    expected = _hanging(case, boots_crash_kernel)
    as_expected = len(steps) == len(expected) and all(map(re.fullmatch, expected, steps))
    j.check("K14", as_expected, f"reported as hung: {steps}, expected {expected}")
    j.check("K14", len(e.hangs_us) == len(expected), f"{len(e.hangs_us)} things hung")
    heirs(j, e)
    for n, h in enumerate(e.hung):
        stays = case.stays or (n > 0 and arch.get("tests", "heir_stays") == "yes")
        # Who was stopped by an NMI has taken over in it, and is reached by no other; who it was is not said.
        either = n > 0 and stopped_roughly(arch, e)
        j.check("K14", either or h.stopped != stays, f"CPU {h.cpu} hung and was {'' if h.stopped else 'not '}stopped")
        j.check("K14", h.heir not in s.strays, f"CPU {h.heir} hung while it stood by, and took over")
    lines = [STAMP.sub("", line) for line in e.store] if case.mute else e.said
    for n, h in enumerate(e.hung):
        if h.stopped and not (case.mute and not stored(case, boots_crash_kernel)):
            j.check("K14", shows_registers(lines, n), f"where CPU {h.cpu} hung is not shown")
    j.check("K14", case.mute or not all(can_print(e, h.heir) for h in e.hung) or e.hung_is_said or not e.hung,
            "the console does not say what hung")
    j.check("K14", e.strays == set(s.strays), f"CPUs {sorted(e.strays)} were made to hang, not {sorted(s.strays)}")
    if e.hung and e.dumps and expected[0] == "kmsg_dump" and e.dump_end_us is not None and len(e.hangs_us) == 1:
        # The dumper's time begins when it is entered; it prints before it hangs, which takes a busy host long.
        entered, late = (e.dump_end_us - since - 1000 * DEADLINE_MS for since in (e.dumps[0][1], e.hangs_us[0]))
        early = case.data("counts_delays") == "yes" or e.clock_lost
        j.check("K14", early or entered >= 0, f"the next dumper ended {-entered} us before the deadline")
        j.check("K14", early or late <= TAKEOVER_MAX_US, f"the next dumper ended {late} us behind the deadline")
    behind_store = s.hangs == "notifiers" and case.get("post") != "yes"
    last = next((line for line in reversed(e.said) if "hung in step" in line), None)
    shown = any("hung in step" in line for line in e.store) or behind_store or cut_behind(case, arch, e, last)
    j.check("K14", shown or not stored(case, boots_crash_kernel), "the stored log does not say what hung")
    if boots_crash_kernel:
        j.check("K14", e.crash_kernel_at is not None, "the crash kernel did not boot")
        j.check("K14", not e.hung or not e.log or any("hung in step" in line for line in e.log),
                "the log in the dump does not say what hung")
    j.check("K14", e.restarted, "the machine did not restart")


def _hanging(case: Case, boots_crash_kernel: bool) -> list[str]:
    """The steps in which something hangs, in order."""
    found = [case.scenario.hangs] if case.scenario.hangs != "notifiers" else []
    if "notifier=hang" in case.scenario.act and (case.get("post") == "yes" or not boots_crash_kernel):
        found.insert(0 if case.get("post") == "yes" else len(found), "notifiers")
    return found


def said_of_the_image(lines: list[str], words: tuple[str, ...] = IMAGE) -> list[str]:
    """Those that say what became of the crash kernel."""
    return [line for line in lines if any(w in line for w in words)]


def image(j: Judge, e: Evidence, words: tuple[str, ...] = IMAGE) -> None:
    """K11: it is said what became of the crash kernel."""
    j.check("K11", bool(said_of_the_image(e.said, words)), "nothing says what became of the crash kernel")


def splats(e: Evidence) -> list[str]:
    """What lock debugging says of the crash path."""
    return [l for l in e.said if re.search(r"BUG: (sleeping|using|scheduling)|possible .*deadlock|suspicious RCU|"
                                           r"inconsistent lock|bad unlock balance|INFO: rcu", l)]


def _reboot(j: Judge, case: Case, e: Evidence, arch: Arch) -> None:
    j.check("K10", not e.panics, "a reboot became a panic")
    j.check("K10", e.restarted, "the machine did not restart")
    # A wedged CPU can hold the console's lock, which a reboot does not break.
    if not case.scenario.wedged and arch.get("tests", "reboot_reports", "yes") == "yes":
        j.check("K8", e.stopped == e.others == case.cpus - 1, f"the report line says {e.report}")


def stored(case: Case, booted: bool) -> bool:
    """Is there a store that shows the log afterwards? One that is the dump has it where the crash kernel boots."""
    return booted if case.store_needs == "kdump" else not case.store_needs or case.get(case.store_needs) == "yes"


def boots_crash_kernel(case: Case, e: Evidence) -> bool:
    """Is a crash kernel to boot? Where it may be missing for a reason, what the kernel said of it counts."""
    if case.scenario.image_is_bad:
        return False
    if case.scenario.image_may_change:
        return any(BOOTING in line for line in e.said)
    return case.get("kdump") == "yes"


def judge(case: Case, e: Evidence, arch: Arch) -> Verdict:
    """The verdict on one run."""
    j = Judge()
    s = case.scenario
    if not s.panics:
        _reboot(j, case, e, arch)
        return Verdict(j.lines, j.reasons + ([] if e.end == "done" else [f"the run ended {e.end}"]))
    booted = boots_crash_kernel(case, e)
    _rungs(j, case, e)
    _owner(j, case, e)
    losers(j, case, e)
    _stop(j, case, e, arch, booted)
    _order(j, case, e, booted)
    _hang(j, case, e, arch, booted)
    if s.nested:
        _nested(j, case, e, booted)
    else:
        nests = 0 if case.mute and booted and not e.nested else case.nests
        j.check("K7", e.nested == nests, f"{e.nested} nested panics instead of {nests}")
    _hotplug(j, case, e)
    if booted:
        _dump(j, case, e, arch)
        if arch.get("tests", "log_in_dump") == "yes":
            _log(j, e)
    if s.reboot is not None:
        j.check("K10", e.owner in s.owners and bool(e.dumps), "the panic's owner did not get to save the log")
    if not case.mute or e.crash_kernel_at is None:
        image(j, e, (BAD_IMAGE,) if s.image_is_bad else IMAGE)
    found = splats(e)
    stays = bool(case.unstopped) or any(not h.stopped for h in e.hung)
    allowed = case.data("warns_unstopped") if stays else ""
    if not s.warns:
        found += [l for l in e.said if l.startswith("WARNING:") and not (allowed and re.search(allowed, l))]
    j.check("K12", not found, f"a splat: {found[:1]}")
    if e.end != "done":
        j.reasons.append(f"the run ended {e.end}")
    return Verdict(j.lines, j.reasons)
