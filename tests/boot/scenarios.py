# SPDX-License-Identifier: GPL-2.0-only
"""What is done to a guest, and what must be seen of each CPU afterwards.

A scenario is run with options (crash kernel or not, which store, ...). What one
kernel or architecture cannot do is said with a reason, never skipped in silence.
"""

from __future__ import annotations

import dataclasses
import itertools

from archs import Arch

LKDTM = "/sys/kernel/debug/provoke-crash/DIRECT"
PROC = "/proc/crash_test"
SYSCTL = "/proc/sys/kernel/"


@dataclasses.dataclass(frozen=True)
class Scenario:
    """One way to crash."""

    name: str
    what: str
    act: str  # written to the driver; words as crash_test.c explains
    owners: tuple[int, ...] = (1,)  # CPUs that may own the crash
    losers: tuple[int, ...] = ()
    wedged: tuple[int, ...] = ()
    late: tuple[int, ...] = ()  # these answer when the ladder has ended
    gentle: bool = False  # no rung is to reach masked CPUs
    before: tuple[str, ...] = ()  # commands for init before the act
    after: tuple[str, ...] = ()  # the command that crashes, when the driver does not
    append: str = ""
    append_old: str = ""  # instead of append before 7.3
    kernels: tuple[str, ...] = ()  # empty: all
    why_not: str = ""  # for the other kernels
    nested: tuple[str, ...] = ()  # the callbacks that fault: dumper, last, notifier
    redirected: int | None = None  # CPU whose panic another one runs
    image_may_change: bool = False  # the crash kernel may be missing for a reason that is printed
    image_is_bad: bool = False  # it is loaded, and is not booted
    all_wedged: bool = False
    hotplug: tuple[int, ...] = ()  # CPUs that come and go, and may be offline
    reboot: int | None = None
    button: bool = False  # the operator's NMI, or a machine check, comes while the log is saved
    nmi_comes: bool = False  # so does an NMI that the owner sends to itself
    in_store: str = ""  # what the saved log has, unless a crash kernel will have it
    warns: bool = False  # a splat belongs to it
    panics: bool = True  # False: an ordinary reboot
    loser_in_nmi: bool = False  # its registers are those that the NMI interrupted
    hangs: str = ""  # a pattern of the step in which the owner hangs, and which one of the stopped CPUs goes on behind
    moves: bool = False  # a step is longer than its deadline, and says that it moves
    strays: tuple[int, ...] = ()  # CPUs that hang as well, while they stand by
    cpus: int = 0  # so many, and not as many as the architecture says
    rare: bool = False  # the slice leaves it to --all
    in_nmi: bool = False  # the CPU that hangs does so in an NMI, where no other reaches it
    mute: bool = False  # a legacy console cannot print there: before a crash kernel only the store shows anything
    post: bool = False  # each case of "full" has crash_kexec_post_notifiers, or a crash kernel would spare the notifiers


def _callbacks() -> list[Scenario]:
    found = []
    for where, how in itertools.product(("dumper", "notifier"), ("fault", "bug", "panic")):
        found.append(Scenario(f"{where}-{how}", f"a {where} that is called first meets a {how}",
                              f"panic=1 {where}={how}", nested=(where,), warns=how != "panic"))
    found.append(Scenario("last-fault", "the dumper behind the store meets a fault", "panic=1 last=fault", nested=("last",),
                          warns=True, rare=True))
    return found


# So that a hang takes less time than the defaults: kmsg dumpers, notifiers, and the rest.
DEADLINE_MS = 1000
DEADLINES = " ".join(f"crash_stop.{what}_ms={DEADLINE_MS}" for what in ("dumper", "notifier", "step"))


def _hangs() -> list[Scenario]:
    def hang(name: str, what: str, act: str, step: str, **more) -> Scenario:
        return Scenario(name, what, act, hangs=step, append=DEADLINES, append_old=DEADLINES, **more)

    return [
        hang("dumper-hang", "a dumper hangs with interrupts off", "panic=1 dumper=hang", "kmsg_dump"),
        hang("dumper-hang-lock", "a dumper hangs with the console's lock", "panic=1 dumper=hanglock", "kmsg_dump",
             mute=True, rare=True),
        hang("dumper-hang-nmi", "a dumper hangs in NMI context, where nothing reaches it", "nmi=1 dumper=hang", "kmsg_dump",
             in_nmi=True, mute=True, rare=True),
        # Of three CPUs both that have stopped stand by.
        hang("standby-hang", "a dumper hangs, and one of the two CPUs that stand by", "panic=1 dumper=hang", "kmsg_dump",
             strays=(0,), cpus=3),
        hang("notifier-hang", "a notifier hangs", "panic=1 notifier=hang", "notifiers", post=True, rare=True),
        hang("console-hang", "a console hangs", "panic=1 console=hang", "stop|report", owners=(0, 1, 2, 3), mute=True),
        hang("dumper-notifier-hang", "a dumper and then a notifier hang", "panic=1 dumper=hang notifier=hang", "kmsg_dump",
             post=True),
        Scenario("dumper-moves", "a dumper takes longer than its deadline, but says that it moves", "panic=1 dumper=moves",
                 append=DEADLINES, append_old=DEADLINES, moves=True),
    ]


SCENARIOS = [
    Scenario("plain", "one CPU panics", "panic=1"),
    Scenario("lock-held", "it holds the kexec lock itself", "panic=1 hold=1"),
    Scenario("lock-other", "another CPU holds the kexec lock", "panic=1 lock=2"),
    Scenario("two", "two CPUs panic at the same time", "panic=1 also=2", owners=(1, 2), losers=(1, 2)),
    Scenario("three", "three CPUs panic at the same time", "panic=1 also=2,3", owners=(1, 2, 3), losers=(1, 2, 3)),
    Scenario("wedged", "one CPU spins with interrupts off", "panic=1 wedged=2", wedged=(2,)),
    Scenario("all-wedged", "all other CPUs do", "panic=1 wedged=0,2,3", wedged=(0, 2, 3)),
    Scenario("unreachable", "one CPU is wedged and no rung reaches it", "panic=1 wedged=2", wedged=(2,), gentle=True),
    Scenario("late", "one CPU answers when the ladder has ended", "panic=1 late=2 slow=1", late=(2,), gentle=True),
    Scenario("lkdtm-irqoff", "LKDTM's PANIC_STOP_IRQOFF", "", owners=(0, 1, 2, 3), all_wedged=True,
             after=(f"write {LKDTM} PANIC_STOP_IRQOFF",), kernels=("6.12", "7.3"),
             why_not="LKDTM has no PANIC_STOP_IRQOFF before 6.12"),
    Scenario("button", "an operator presses the NMI button while the log is saved, or a machine check hits the owner",
             "panic=1 slow=1", button=True),
    Scenario("dumper-nmi", "an NMI hits the owner while the log is saved, and panics", "panic=1 dumper=nmi", nmi_comes=True),
    Scenario("loser-nmi", "a second CPU loses in NMI context", "panic=1 alsonmi=2", losers=(2,), loser_in_nmi=True),
    Scenario("panic-nmi", "the panic is in NMI context", "nmi=1 wedged=2", wedged=(2,), mute=True),
    Scenario("hardirq", "the panic is in hard interrupt context", "hardirq=1"),
    Scenario("in-reboot", "another CPU is inside reboot, and one is wedged", "panic=1 reboot=3 wedged=2",
             wedged=(2,), reboot=3),
    Scenario("in-oops-dump", "another CPU is inside kmsg_dump(OOPS)", "panic=1 dumping=3"),
    Scenario("all-bt", "a backtrace of all CPUs is asked for", "panic=1 wedged=2", wedged=(2,),
             append="panic_sys_info=all_bt", append_old="panic_print=0x40"),
    Scenario("ftrace", "ftrace is to dump its buffers into the log", "panic=1", in_store="Dumping ftrace buffer",
             append="ftrace_dump_on_oops trace_event=sched:sched_process_exec"),
    Scenario("sysrq", "sysrq-c", "", owners=(0, 1, 2, 3), after=("write /proc/sysrq-trigger c",)),
    Scenario("oops", "an oops with panic_on_oops", "oops=1", append="oops=panic", warns=True),
    Scenario("two-oops", "two CPUs oops at the same time", "oops=1,2", owners=(1, 2), append="oops=panic", warns=True),
    Scenario("oops-dumper", "an oops, and then a dumper faults", "oops=1 dumper=fault", append="oops=panic", warns=True,
             nested=("dumper",)),
    Scenario("kexec-load", "a crash kernel is being loaded meanwhile", "panic=1", image_may_change=True,
             before=("loop-kexec",)),
    Scenario("bad-image", "the crash kernel's image has changed since it was loaded", "panic=1 spoil=1", image_is_bad=True),
    Scenario("crash-hotplug", "a CPU goes and comes meanwhile", "panic=1", image_may_change=True, hotplug=(3,),
             before=("loop-hotplug 3",)),
    Scenario("reboot-force", "reboot=force, which once switched the stop off", "panic=1 wedged=2", wedged=(2,),
             append="reboot=force"),
    Scenario("force-cpu", "panic_force_cpu= moves the panic", "panic=1", owners=(0,), redirected=1,
             append="panic_force_cpu=0", kernels=("7.3",), why_not="panic_force_cpu= is new in 7.x"),
    Scenario("force-cpu-wedged", "the CPU that it is moved to is wedged", "panic=1 wedged=0", wedged=(0,),
             append="panic_force_cpu=0", kernels=("7.3",), why_not="panic_force_cpu= is new in 7.x"),
    Scenario("warn-limit", "a dumper warns where one warning is one too many", "panic=1 dumper=warn", warns=True,
             before=(f"write {SYSCTL}warn_limit 1", f"write {SYSCTL}panic_on_warn 1")),
    Scenario("reboot", "an ordinary reboot", "none=1", after=("reboot",), panics=False),
    Scenario("reboot-wedged", "machine_restart() with a wedged CPU", "reboot=1 wedged=2", wedged=(2,), panics=False),
] + _callbacks() + _hangs()

BY_NAME = {s.name: s for s in SCENARIOS}

# Options that every architecture has; the first value is the default. Its stores
# and its ways to boot come from its crash_stop.conf.
COMMON: dict[str, tuple[str, ...]] = {
    "kdump": ("no", "yes"),
    "kernel": ("7.3", "6.12"),
    "post": ("no", "yes"),  # crash_kexec_post_notifiers
    "poo": ("0", "1"),  # panic_on_oops
    "end": ("hang", "restart"),
}
DEFAULT_BOOT = "plain"


def options_of(arch: Arch) -> dict[str, tuple[str, ...]]:
    """Every option of an architecture and its values, the default first."""
    kernels = tuple(arch.get("tests", "kernels").split()) or COMMON["kernel"]
    boots = tuple(name for name in arch.names("option") if not arch.get(f"option {name}", "on_request"))
    return COMMON | {"kernel": kernels, "store": tuple(arch.names("store")), "boot": (DEFAULT_BOOT, *boots)}


@dataclasses.dataclass(frozen=True)
class Case:
    """A scenario on an architecture, with a value for each option, and the variant of the kernel.

    smp: how many CPUs, if not as many as the architecture says. counted: the guest's
    clock is the number of instructions, of all CPUs together.
    """

    scenario: Scenario
    arch: Arch
    options: tuple[tuple[str, str], ...] = ()
    variant: str = "plain"
    smp: int = 0
    counted: bool = False

    def get(self, option: str) -> str:
        """The value of an option."""
        return dict(self.options).get(option, options_of(self.arch)[option][0])

    def data(self, key: str) -> str:
        """What the architecture says of the way that the case boots, or of booting at all."""
        return self.arch.get(f"option {self.get('boot')}", key, self.arch.get("qemu", key))

    @property
    def cpus(self) -> int:
        """How many CPUs the guest has."""
        return self.smp or self.scenario.cpus or int(self.data("cpus"))

    @property
    def name(self) -> str:
        """wedged-kdump and whatever else is not the default."""
        words = [self.scenario.name] + (["kdump"] if self.get("kdump") == "yes" else [])
        words += [v if k != "post" and k != "poo" else k for k, v in self.options
                  if k not in ("kdump", "kernel") and v != options_of(self.arch)[k][0]]
        words += [f"{self.smp}cpus"] if self.smp else []
        words += ["counted"] if self.counted else []
        return "-".join(words + ([self.variant] if self.variant != "plain" else []))

    @property
    def unstopped(self) -> set[int]:
        """The CPUs that the report line has to name: masked ones, when no rung reaches them."""
        s = self.scenario
        if self.data("reaches_masked") == "yes" and not s.gentle:
            return set()
        everyone = set(range(self.cpus)) if s.all_wedged else set()
        return set(s.wedged) | set(s.late) | everyone

    @property
    def stays(self) -> bool:
        """Does a CPU that hangs run on? A panic has its interrupts off."""
        s = self.scenario
        return bool(s.hangs) and (s.in_nmi or self.data("reaches_masked") != "yes")

    @property
    def nests(self) -> int:
        """How many nested panics there are, where no callback faults: the operator's NMI may be one."""
        return int(self.scenario.button and "nested" in self.arch.get("tests", "button"))

    @property
    def mute(self) -> bool:
        """Does the panic end where a legacy console cannot print?"""
        return self.scenario.mute or (self.scenario.button and "mute" in self.arch.get("tests", "button"))

    @property
    def store_needs(self) -> str:
        """The option without which the store has nothing: kdump, if it is the dump itself."""
        return self.arch.get(f"store {self.get('store')}", "needs")

    @property
    def impossible(self) -> str:
        """Why this case cannot be run, or nothing."""
        if self.scenario.kernels and self.get("kernel") not in self.scenario.kernels:
            return self.scenario.why_not
        if not self.scenario.panics and self.get("kdump") == "yes":
            return "a reboot boots no crash kernel"
        if self.scenario.image_is_bad and self.get("kdump") == "no":
            return "no image is loaded"
        if self.scenario.hangs and (why := self.arch.get("impossible", "standby")):
            return why
        why = self.arch.get("impossible", self.scenario.name)
        if why and self.scenario.name not in self.data("can").split():
            return why
        if self.get("kdump") == "yes" and (why := self.arch.get("impossible", "kdump")):
            return why
        if self.get("kdump") == "yes" and self.unstopped and (why := self.data("strays_end")):
            return f"a CPU that runs on ends {why}"
        if self.data(f"not_on_{self.get('kernel')}"):
            return self.data(f"not_on_{self.get('kernel')}")
        return ""


def case(scenario: Scenario, arch: Arch, variant: str = "plain", **options: str) -> Case:
    """A case with these options."""
    return Case(scenario, arch, tuple(sorted(options.items())), variant)


def full(arch: Arch, kernel: str) -> list[Case]:
    """Each scenario with and without a crash kernel, booted in the first way that can do it.

    And in the first way in which another set of CPUs is left running.
    """
    found: list[Case] = []
    for scenario, kdump in itertools.product(SCENARIOS, COMMON["kdump"]):
        post = {"post": "yes"} if scenario.post else {}
        ways = [case(scenario, arch, kernel=kernel, kdump=kdump, boot=b, **post) for b in options_of(arch)["boot"]]
        ways = [c for c in ways if not c.impossible]
        found += ways[:1] + [c for c in ways if (c.unstopped, c.stays) != (ways[0].unstopped, ways[0].stays)][:1]
    return found


def in_slice(arch: Arch) -> list[Scenario]:
    """The scenarios that the slice runs on this architecture."""
    named = arch.get("tests", "slice").split()
    return [s for s in SCENARIOS if (s.name in named if named else not s.rare)]


def _named(arch: Arch, kernels: tuple[str, ...]) -> list[Case]:
    """The scenarios that a way to boot is there for, on each kernel."""
    found = []
    for boot in arch.names("option"):
        for name in arch.get(f"option {boot}", "scenarios").split():
            base = name.removesuffix("-kdump")
            kdump = "no" if name == base else "yes"
            found += [case(BY_NAME[base], arch, kernel=k, kdump=kdump, boot=boot) for k in kernels]
    return found


def pairwise(arches: list[Arch], kernels: dict[str, str] | None = None) -> list[Case]:
    """Each scenario on each architecture, options spread so that every pair of values occurs.

    kernels: the only kernel to boot, for architectures that are to have one only.

    Greedy: of the rows that a scenario and an architecture allow, take the one
    whose pairs have occurred least so far. Scenario and crash kernel are a pair
    too; the other options are paired within each architecture.
    """
    slice_: list[Case] = []
    with_kdump = {(s.name, k): 0 for s in SCENARIOS for k in COMMON["kdump"]}
    for arch in arches:
        options = options_of(arch)
        if kernels and arch.name in kernels:
            options["kernel"] = (kernels[arch.name],)
        rows = [dict(zip(options, values)) for values in itertools.product(*options.values())]
        usable = {s: [r for r in rows if not case(s, arch, **r).impossible] for s in in_slice(arch)}
        seen = {p: 0 for rs in usable.values() for r in rs for p in itertools.combinations(r.items(), 2)}
        for scenario, allowed in usable.items():
            if not allowed:
                continue
            best = max(allowed, key=lambda r: sum(1 / (1 + 9 * seen[p]) for p in itertools.combinations(r.items(), 2))
                       + 3 / (1 + with_kdump[scenario.name, r["kdump"]]))
            for pair in itertools.combinations(best.items(), 2):
                seen[pair] += 1
            with_kdump[scenario.name, best["kdump"]] += 1
            slice_.append(case(scenario, arch, **best))
        if not arch.get("tests", "slice") and (missing := sorted(p for p, times in seen.items() if not times)):
            raise AssertionError(f"{arch.name}: pairs of options that no case of the slice has: {missing[:3]}")
        slice_ += [c for c in _named(arch, options["kernel"]) if not c.impossible]
    return slice_
