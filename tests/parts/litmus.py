# SPDX-License-Identifier: GPL-2.0-only
"""The hand-overs between CPUs, against the kernel's own memory model.

Each tests/litmus/NAME.litmus is a hand-over of the core, and must never come to
the bad end that it names; NAME-broken.litmus is the same with one thing wrong,
and must be able to. Both have the form of tools/memory-model/litmus-tests, so
that its checkalllitmus.sh judges them too.

Source and tests are kept in step both ways. A process says in a comment which
functions it stands for, and names without parentheses what is not ours:

    P1(int *image, atomic_t *state) // the kexec system call, crash_stop_here()

What orders in it must be in one of these functions, under a comment that names
the test; and what orders in the source must be in the tests that the comment
above it names, and matter in one of them. Or the comment says why not:

    Needs no order: ...             of what is one step, and ordered by the way
    Pairs with ... function().
    Not in the memory model: ...    of a barrier for devices, firmware, assembly
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import re
import subprocess
import tempfile

import apply
import sources
import tools
from archs import ROOT
from parts.common import Results

LITMUS = ROOT / "tests/litmus"
SOURCES = ("kernel/*.c", "kernel/*.h", "include/linux/crash_stop.h", "arch/*/kernel/crash_stop*.[ch]")
HERD_S = 120
RACE = " DATARACE"  # as the kernel's scripts call it
# What a twin may differ in: lines of code that are gone or new.
TWIN_LINES = 4

# What orders. barrier() does so on one CPU only, which the model does not know.
ONE_STEP = (r"(?:atomic\w*_)?(?:try_)?cmpxchg|(?:atomic\w*_)?xchg|atomic\w*_and_test|atomic\w*_return|atomic\w*_fetch_\w+|"
            r"(?:cpumask_)?test_and_(?:set|clear|change)_\w+")
MACHINE = r"(?:dma_)?[rw]?mb|dsb|dmb|isb"  # that the model does not have
ORDERS = re.compile(r"\b(smp_\w*mb\w*|smp_(?:store_release|load_acquire|cond_load_acquire)|"
                    rf"atomic\w*_(?:acquire|release)|{ONE_STEP}|{MACHINE}) ?\(")
COMMENT = re.compile(r"/\*.*?\*/", re.S)
NAMED = re.compile(r"([a-z][a-z-]*)\.litmus")
WITHOUT = re.compile(r"\b([Nn]eeds no order|[Nn]ot in the memory model): \S.*")  # a test, and why
PAIRS = re.compile(r"\b[Pp]airs with ([^.:]*)")

# The same without the order, or without being one step; what has none relies on its twin.
WEAKER = (
    (re.compile(r"^\tsmp_mb\(\);\n", re.M), ""),
    (re.compile(r"\batomic_set_release\("), "atomic_set("),
    (re.compile(r"\batomic_read_acquire\("), "atomic_read("),
    (re.compile(r"\batomic_cmpxchg\("), "atomic_cmpxchg_relaxed("),
    (re.compile(r"\batomic_dec_and_test\((\w+)\)"), r"atomic_dec_return_relaxed(\1) == 0"),
    (re.compile(r"(r\d) = atomic_cmpxchg\((\w+), ([-\w]+), (\d+)\);"),
     r"\1 = atomic_read(\2); if (\1 == \3) { atomic_set(\2, \4); }"),
)


@dataclasses.dataclass(frozen=True)
class Order:
    """Something in the source that orders."""
    file: str
    line: int
    function: str
    what: str
    said: str  # by the comment above

    @property
    def names(self) -> tuple[str, ...]:
        """The tests that it is in."""
        return tuple(NAMED.findall(self.said))

    @property
    def why(self) -> str:
        """Why it is in none."""
        found = WITHOUT.search(self.said)
        return found[0] if found else ""

    @property
    def needless(self) -> bool:
        """It says that its order is not needed."""
        return self.why[1:].startswith("eeds")

    @property
    def pairs(self) -> list[str]:
        """The functions that it pairs with."""
        return [name for said in PAIRS.findall(self.said) for name in re.findall(r"(\w+)\(\)", said) if not ORDERS.match(f"{name}(")]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}() in {self.function}()"


@dataclasses.dataclass(frozen=True)
class Process:
    """One process of a litmus test."""
    functions: tuple[str, ...]
    others: bool  # it stands for something that is not ours, too
    orders: tuple[str, ...]
    start: int
    end: int


def _plain(what: str) -> str:
    """The memory model has no try_cmpxchg."""
    return what.replace("try_cmpxchg", "cmpxchg")


def _words(comment: str) -> str:
    """What a comment says, on one line."""
    return " ".join(re.sub(r"^\s*(?:/\*+|\*/?)|\*/$", "", comment, flags=re.M).split())


def orders_of(file: str, text: str) -> tuple[list[Order], list[str]]:
    """What orders in a source file; and what is wrong with its comments."""
    # Comments are blanked, not removed, so that places stay what they are.
    bare = COMMENT.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    comments = list(COMMENT.finditer(text))
    found, wrong, used = [], [], set()
    for match in ORDERS.finditer(bare):
        line = text.count("\n", 0, match.start()) + 1
        begin = bare.rfind("\n{\n", 0, match.start())
        above = bare.rfind("\n}\n", 0, max(begin, 0))
        head = re.findall(r"(\w+)\([^()]*(?:\([^()]*\)[^()]*)*\)\s*$", bare[max(above, 0):max(begin, 0)])
        if begin < 0 or not head:
            wrong.append(f"{file}:{line}: {match[1]}() outside a function")
            continue
        over = [c for c in comments if above < c.start() < match.start()]
        used.update(c.start() for c in over[-1:])
        found.append(Order(file, line, head[-1], _plain(match[1]), _words(over[-1][0]) if over else ""))
    for comment in comments:
        said = NAMED.search(comment[0]) or WITHOUT.search(_words(comment[0]))
        if said and comment.start() not in used:
            line = text.count("\n", 0, comment.start()) + 1
            wrong.append(f"{file}:{line}: names {said[0]}, and nothing below it orders")
    return found, wrong


def functions_of(text: str) -> set[str]:
    """The functions that a source file defines."""
    heads = re.findall(r"^[a-z][^;{}]*\)\n\{$", COMMENT.sub("", text), re.M)
    return {name for head in heads for name in re.findall(r"(\w+)\(", head)}


def processes_of(text: str) -> list[Process]:
    """The processes of a litmus test."""
    found = []
    for match in re.finditer(r"^P\d+\([^)]*\)(?: // ([^\n]*))?\n\{\n(.*?)^\}$", text, re.M | re.S):
        said = match[1] or ""
        functions = tuple(re.findall(r"(\w+)\(\)", said))
        others = bool(re.sub(r"\w+\(\)|[\s,]", "", said))
        found.append(Process(functions, others, tuple(ORDERS.findall(match[2])), match.start(2), match.end(2)))
    return found


def _code(text: str) -> str:
    return re.sub(r"\(\*.*?\*\)", "", text, flags=re.S)


def _unlike(name: str, good: str, broken: str) -> str:
    """Is the twin the same test but for what is broken?"""
    exists = re.compile(r"^exists .*", re.M | re.S)
    if exists.findall(good) != exists.findall(broken):
        return f"{name}-broken ends in something else"
    a, b = (_code(t).splitlines()[1:] for t in (good, broken))
    gone, new = [l for l in a if l not in b], [l for l in b if l not in a]
    if a == b or len(gone) + len(new) > TWIN_LINES:
        return f"{name}-broken differs in {len(gone) + len(new)} lines"
    return ""


def _result(text: str) -> str:
    """What a litmus test says of itself."""
    said = re.search(r"^ \* Result: (.*)$", text, re.M)
    return said[1] if said else ""


def _without(o: Order, code: str) -> str:
    """What is wrong with what the comment says instead of naming a test, and with whom it names."""
    if not o.names and not o.why:
        return "the comment above names no litmus test, nor says why"
    if o.needless and not re.fullmatch(ONE_STEP, o.what):
        return "is there for its order alone"
    if o.why and not o.needless and not re.fullmatch(MACHINE, o.what):
        return "is in the memory model"
    if o.why and not o.needless and not o.pairs:
        return "the comment above does not say which function it pairs with"
    return next((f"there is no {name}()" for name in o.pairs if not re.search(rf"\b{name} ?\(", code)), "")


def _like(process: Process, what: str, orders: list[Order]) -> list[Order]:
    """The places in the source that a process may mean."""
    return [o for o in orders if o.function in process.functions and o.what == what]


def mismatches(core: dict[str, str], tests: dict[str, str]) -> list[str]:
    """Where the source, by file, and the tests, by name, are out of step."""
    wrong: list[str] = []
    orders: list[Order] = []
    for file, text in core.items():
        found, bad = orders_of(file, text)
        orders += found
        wrong += bad
    defined = set().union(*map(functions_of, core.values()))
    code = "".join(COMMENT.sub("", text) for text in core.values())
    good = {n: processes_of(t) for n, t in tests.items() if not n.endswith("-broken")}
    for o in orders:
        if bad := _without(o, code):
            wrong.append(f"{o}: {bad}")
        for name in o.names:
            if name not in good:
                wrong.append(f"{o}: there is no {name}.litmus")
            elif not any(o.function in p.functions and o.what in p.orders for p in good[name]):
                wrong.append(f"{o}: not in {name}.litmus")
    for name, processes in good.items():
        if not processes or any(not p.functions and not p.others for p in processes):
            wrong.append(f"{name}.litmus: a process does not say what it stands for")
        for p in processes:
            wrong += [f"{name}.litmus: there is no {f}()" for f in p.functions if f not in defined]
            wrong += [f"{name}.litmus: {what}() is not in {' or '.join(f + '()' for f in p.functions)} under a comment that names it"
                      for what in set(p.orders) if sum(name in o.names for o in _like(p, what, orders)) < p.orders.count(what)
                      and (_like(p, what, orders) or not p.others)]
        if not any(name in o.names for o in orders):
            wrong.append(f"{name}.litmus: no comment names it")
        wrong.append(_unlike(name, tests[name], tests[f"{name}-broken"]) if f"{name}-broken" in tests
                     else f"{name}.litmus has no broken twin")
    for name, text in tests.items():
        if not text.startswith(f"C {name}\n"):
            wrong.append(f"{name}.litmus: its first line is not \"C {name}\"")
        # A good test races nowhere, or what it shows means nothing.
        wanted = ("Sometimes", f"Sometimes{RACE}") if name.endswith("-broken") else ("Never",)
        if _result(text) not in wanted:
            wrong.append(f"{name}.litmus: does not say \"Result: {wanted[0]}\"")
        if name.endswith("-broken") and name.removesuffix("-broken") not in tests:
            wrong.append(f"{name}.litmus: the twin of nothing")
    return [w for w in wrong if w]


def weakened(name: str, text: str, function: str, what: str) -> dict[str, str]:
    """A litmus test with one thing that a function does weaker in one process, in every way we know."""
    new = {}
    for p in processes_of(text):
        if function not in p.functions or what not in p.orders:
            continue
        for pattern, weak in WEAKER:
            for match in pattern.finditer(text, p.start, p.end):
                if f"{what}(" not in match[0]:
                    continue
                variant = f"{name}-weak-{function}-{len(new)}"
                new[variant] = (text[:match.start()] + match.expand(weak) + text[match.end():]).replace(f"C {name}\n", f"C {variant}\n", 1)
    return new


def herd(model: pathlib.Path, tests: dict[str, str]) -> dict[str, str]:
    """What herd7 says of each test, in the words of a Result line; or its error."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, text in tests.items():
            files.append(pathlib.Path(folder) / f"{name}.litmus")
            files[-1].write_text(text)
        run = subprocess.run([*tools.command("herd7"), "-I", str(model), "-conf", str(model / "linux-kernel.cfg"), *map(str, files)],
                             capture_output=True, text=True, timeout=HERD_S)
    said = {}
    for block in re.split(r"^(?=Test )", run.stdout, flags=re.M)[1:]:
        result = re.search(r"^Observation (\S+) (\w+)", block, re.M)
        if result:
            said[result[1]] = result[2] + (RACE if "\nFlag data-race" in block else "")
    noise = (run.stderr.strip() or run.stdout.strip() or "said nothing").splitlines()[-1]
    return {name: said.get(name) or next((l for l in run.stderr.splitlines() if f"{name}.litmus" in l), f"herd7: {noise}")
            for name in tests}


def load() -> tuple[dict[str, str], dict[str, str]]:
    """The source by file, and the litmus tests by name."""
    core = {str(p.relative_to(ROOT)): p.read_text() for pattern in SOURCES for p in sorted(ROOT.glob(pattern))
            if not p.stem.endswith("_test")}
    return core, {p.stem: p.read_text() for p in sorted(LITMUS.glob("*.litmus"))}


def litmus(args: argparse.Namespace) -> Results:
    """Every hand-over between CPUs against the kernels' memory models, each beside a broken one."""
    core, tests = load()
    wrong = mismatches(core, tests)
    results: Results = [("comments and litmus tests are in step", "; ".join(wrong[:3]))]
    orders = [o for file, text in core.items() for o in orders_of(file, text)[0]]
    for o in orders:
        if o.why:
            print(f"   {o}: {o.why}")
    variants = {o: {v: t for n in o.names if n in tests for v, t in weakened(n, tests[n], o.function, o.what).items()}
                for o in orders if o.names}
    weak = {v: t for new in variants.values() for v, t in new.items()}
    for kernel in apply.KERNELS[-1:] if args.quick else apply.KERNELS:
        said = herd(sources.pristine(kernel) / "tools/memory-model", {**tests, **weak})
        for name in tests:
            results.append((f"{kernel}: {name}", "" if said[name] == _result(tests[name]) else said[name]))
        for order, new in variants.items():
            noticed = any(said[v].startswith("Sometimes") for v in new)
            results.append((f"{kernel}: {order} {'needs no order' if order.needless else 'is needed'}",
                            f"no way to make {order.what}() weaker is known" if not new else "" if noticed != order.needless else
                            "a test notices when it is weaker" if noticed else "no test notices when it is weaker"))
    return results
