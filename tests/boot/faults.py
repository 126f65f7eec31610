# SPDX-License-Identifier: GPL-2.0-only
"""Random cases: what each CPU does and what else goes wrong, drawn from a seed.

A case is a list of words, NAME=VALUE, of which the first one is the crash. Most
are the driver's (see crash_test.c), some are options of the case, and these are
for init or for the kernel's command line:

	gentle=1	no rung is to reach masked CPUs
	offline=N	CPU N has been taken off
	looping=N	CPU N goes and comes all the time
	loading=1	a crash kernel is loaded over and over

Words are drawn one by one, and one that does not go with those before it is not
taken: what has to be seen must follow from the words alone. Any but the first can
be left out, which is how a case that fails is made smaller.
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable, Iterable

import scenarios
from archs import Arch, choose
from errors import Unusable
from scenarios import BY_NAME, COMMON, Case, Scenario

Words = tuple[str, ...]

# What a callback does that does not come back.
HANG = "hang"
# How often each is drawn, in parts of the sum.
CRASHES = {"panic": 10, "oops": 3, "hardirq": 2, "nmi": 2}
ROLES = {"": 8, "wedged": 5, "also": 3, "late": 2, "alsonmi": 2, "coming": 2, "going": 1, "looping": 1, "offline": 1,
         "lock": 1, "dumping": 1, "reboot": 1}
CALLBACK = {"": 7, "fault": 2, "bug": 2, "panic": 2, "warn": 1, HANG: 2}
LAST = {"": 7, "fault": 2, "bug": 2, "panic": 2}
CALLBACKS = {"dumper": CALLBACK, "last": LAST, "notifier": CALLBACK}
WITH_KDUMP = {"yes": 3, "no": 2}
SELDOM = {"": 7, "1": 1}
SOMETIMES = {"": 2, "1": 1}
# So much later a CPU panics, too: mostly before the first signal, never behind the last rung.
STAGGER_MAX_US = 700
# So long a CPU that comes up is held when the crash has begun: before, within and behind the ladder.
AFTER_MAX_US = 150_000
UP_TO = {"stagger": STAGGER_MAX_US, "after": AFTER_MAX_US}

HOTPLUG = frozenset({"coming", "going", "looping", "offline"})
DRIVER = frozenset({*CRASHES, "also", "alsonmi", "wedged", "late", "lock", "hold", "reboot", "dumping", "coming", "going",
                    *CALLBACKS, "slow", "stagger", "after"})
FLAGS = ("gentle", "slow", "hold", "loading")
ONCE = frozenset({"lock", "dumping", "reboot", *HOTPLUG})
# A word is possible where the scenario is that the architecture's data speak of.
AS_IN = {"nmi": "panic-nmi", "alsonmi": "loser-nmi", "late": "late", "gentle": "unreachable"}
# What does not go together, and why.
APART = (
    (HOTPLUG, HOTPLUG, "one CPU is enough to make hotplug busy"),
    ({"looping"}, {"wedged", "late", "also", "alsonmi", "reboot", "dumping"},
     "hotplug waits for every CPU: with one that has interrupts off before the crash, nobody would panic"),
    ({"reboot"}, {"dumping", "oops", "hardirq", "nmi"}, "the reboot would stop the CPU that is to dump or to panic"),
    ({"nmi"}, {"also"}, "which of the two can print is not known before"),
    ({"nmi"}, {*CALLBACKS}, "before a crash kernel nothing shows what the callback did"),
    ({"nmi", "alsonmi"}, {"gentle", "late"}, "what switches the rung off switches the NMI off"),
    ({HANG}, {"slow", "late"}, "what is slow takes as long as a hang is given"),
    ({HANG}, {"reboot"}, "whom a reboot has stopped does not stand by"),
    ({HANG}, {"gentle"}, "whether a rung reaches the owner is said of those that are not switched off"),
)


def _pick(rng: random.Random, weights: dict[str, int]) -> str:
    """One of the keys. Only random() is the same in every version of Python."""
    at = rng.random() * sum(weights.values())
    for key, weight in weights.items():
        at -= weight
        if at < 0:
            return key
    return key


def _up_to(rng: random.Random, limit: int) -> int:
    return int(rng.random() * limit)


def _split(words: Iterable[str]) -> dict[str, list[str]]:
    """Name to values."""
    found: dict[str, list[str]] = {}
    for word in words:
        name, _, value = word.partition("=")
        found.setdefault(name, []).append(value)
    return found


def case(arch: Arch, kernel: str, seed: int, words: Words) -> Case:
    """The case that the words describe."""
    has = _split(words)
    cpus = {name: tuple(int(v) for v in has.get(name, [])) for name in (*CRASHES, *ROLES)}
    crash, owner = words[0].split("=")
    owners = (int(owner), *cpus["also"])
    nested = tuple(where for where in CALLBACKS if has.get(where, ["warn"])[0] not in ("warn", HANG))
    hangs = next((step for where, step in (("dumper", "kmsg_dump"), ("notifier", "notifiers")) if has.get(where) == [HANG]), "")
    driver = [w for w in words if w.partition("=")[0] in DRIVER]
    if cpus["late"] and "slow" not in has:
        driver.append("slow=1")
    hotplug = tuple(cpu for name in sorted(HOTPLUG) for cpu in cpus[name])
    before = [f"write /sys/devices/system/cpu/cpu{cpu}/online 0" for cpu in cpus["offline"]]
    before += [f"loop-hotplug {cpu}" for cpu in hotplug if cpu not in cpus["offline"]]
    before += ["loop-kexec"] if "loading" in has else []
    warns = crash == "oops" or any({"fault", "bug", "warn"} & set(has.get(where, [])) for where in CALLBACKS)
    scenario = Scenario(
        name=f"seed-{seed}", what=" ".join(words), act=" ".join(driver), owners=owners,
        losers=(*(owners if cpus["also"] else ()), *cpus["alsonmi"]), wedged=cpus["wedged"], late=cpus["late"],
        gentle="gentle" in has or bool(cpus["late"]), before=tuple(before),
        append=" ".join((["oops=panic"] if crash == "oops" else []) + ([scenarios.DEADLINES] if hangs else [])), hangs=hangs,
        nested=nested, hotplug=hotplug, reboot=next(iter(cpus["reboot"]), None), warns=warns,
        loser_in_nmi=bool(cpus["alsonmi"]), mute=crash == "nmi")
    options = {name: has[name][0] for name in scenarios.options_of(arch) if name in has}
    found = scenarios.case(scenario, arch, kernel=kernel, **options)
    locked = "lock" in has or "hold" in has
    may = "loading" in has or bool(cpus["looping"]) or (locked and bool(found.unstopped or hotplug))
    return dataclasses.replace(found, scenario=dataclasses.replace(scenario, image_may_change=may))


def why_not(arch: Arch, kernel: str, words: Words) -> str:
    """Why such a case cannot be run or judged, or nothing."""
    has = _split(words)
    options = {name: has[name][0] for name in scenarios.options_of(arch) if name in has}
    for name in has:
        like = AS_IN.get(name)
        if like and (why := scenarios.case(BY_NAME[like], arch, **(options | {"kernel": kernel, "kdump": "no"})).impossible):
            return why
        if name in ONCE and len(has[name]) > 1:
            return f"{name}= takes one CPU"
        if name in HOTPLUG and "0" in has[name]:
            return "not every architecture takes CPU 0 off"
    hangs = (has.get("dumper"), has.get("notifier")).count([HANG])
    for some, others, why in APART:
        one, two = (names & (set(has) | ({HANG} if hangs else set())) for names in (some, others))
        if one and two and len(one | two) > 1:
            return why
    if "loading" in has and "kdump" not in has:
        return "loading=1 is for a case with kdump=yes"
    found = case(arch, kernel, 0, words)
    if hangs and found.cpus <= hangs + sum(len(has.get(role, [])) for role in ("wedged", *HOTPLUG)):
        return "nobody is left to stand by"
    if hangs and any(has.get(where) == ["bug"] for where in CALLBACKS) and (why := found.data("bug_masks")):
        return why
    if "loading" in has and HOTPLUG & set(has) - {"offline"} and (why := found.data("loading_in_hotplug")):
        return why
    if found.data("crash_cpus") and found.scenario.hotplug:
        return "how many CPUs are free for the crash kernel is not known before"
    return found.impossible


def draw(arch: Arch, kernel: str, seed: int) -> Words:
    """The words of a seed, which are the same at all times."""
    rng = random.Random(f"{arch.name} {kernel} {seed}")
    options = [f"kdump={_pick(rng, WITH_KDUMP)}"]
    for name, values in scenarios.options_of(arch).items():
        if name not in ("kdump", "kernel"):
            options.append(f"{name}={_pick(rng, {v: len(values) if v == values[0] else 1 for v in values})}")
    chosen = [o for o in options if (split := o.split("="))[1] != scenarios.options_of(arch)[split[0]][0]]
    number = int(arch.get("qemu", "cpus"))
    owner = _up_to(rng, number)
    words: Words = (f"{_pick(rng, CRASHES)}={owner}",)
    if why_not(arch, kernel, words):
        words = (f"panic={owner}",)

    def add(word: str) -> None:
        nonlocal words
        if word.partition("=")[2] and not why_not(arch, kernel, (*words, word)):
            words = (*words, word)

    # A boot option may be what makes an NMI possible: the crash is drawn again with it.
    for option in chosen:
        add(option)
    crash = f"{_pick(rng, CRASHES)}={owner}"
    if not why_not(arch, kernel, (crash, *words[1:])):
        words = (crash, *words[1:])
    for cpu in range(number):
        role = _pick(rng, ROLES)
        if cpu != owner and role:
            add(f"{role}={cpu}")
    for name, weights in (("gentle", SOMETIMES), *CALLBACKS.items(), ("slow", SELDOM), ("hold", SELDOM), ("loading", SELDOM)):
        add(f"{name}={_pick(rng, weights)}")
    stagger, after = _up_to(rng, STAGGER_MAX_US), _up_to(rng, AFTER_MAX_US)
    has = _split(words)
    if "also" in has:
        add(f"stagger={stagger}")
    if "coming" in has:
        add(f"after={after}")
    return words


def _known(arch: Arch) -> list[str]:
    """Every word that can be drawn on an architecture; of those with a number of us what it can be."""
    values = dict.fromkeys((*CRASHES, *filter(None, ROLES)), tuple(str(n) for n in range(int(arch.get("qemu", "cpus")))))
    values |= {name: tuple(filter(None, hows)) for name, hows in CALLBACKS.items()} | dict.fromkeys(FLAGS, ("1",))
    values |= scenarios.options_of(arch) | {name: (f"0..{limit - 1}",) for name, limit in UP_TO.items()}
    return [f"{name}={value}" for name in values if name != "kernel" for value in values[name]]


def given(arch: Arch, kernel: str, text: str) -> Words:
    """The words of a line, if they could have been drawn; otherwise one line that says why not."""
    words = tuple(text.split())
    for word in words:
        name, _, value = word.partition("=")
        if not (name in UP_TO and re.fullmatch("[0-9]{1,9}", value) and int(value) < UP_TO[name]):
            choose("word", word, _known(arch))
    has = _split(words)
    cpus = [cpu for name in has if name in CRASHES or name in ROLES for cpu in has[name]]
    why = ""
    if not words or [word for word in words if word.partition("=")[0] in CRASHES] != [words[0]]:
        why = f"the first word, and no other, is the crash: {', '.join(f'{name}=' for name in CRASHES)}"
    elif twice := [name for name in has if name not in ROLES and len(has[name]) > 1]:
        why = f"{twice[0]}= is given twice"
    elif twice := [cpu for cpu in cpus if cpus.count(cpu) > 1]:
        why = f"CPU {twice[0]} has two things to do"
    if why := why or why_not(arch, kernel, words):
        raise Unusable(f"{' '.join(words) or 'no words'}: {why}")
    return words


def smaller(arch: Arch, kernel: str, words: Words, fails: Callable[[Words], bool], runs: int) -> Words:
    """Leave out what the failure does not need; fails() is asked so often at most."""
    again = True
    while again:
        again = False
        for word in words[:0:-1]:
            less = tuple(w for w in words if w != word)
            if why_not(arch, kernel, less):
                continue
            if not runs:
                return words
            runs -= 1
            if fails(less):
                words, again = less, True
    return words
