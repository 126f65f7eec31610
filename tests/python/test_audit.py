# SPDX-License-Identifier: GPL-2.0-only
"""The audit of the crash path on small disassemblies, whole and with something wrong."""

import contextlib
import io
import pathlib
import re
import tempfile
import unittest
import unittest.mock as mock

import paths
import archs
import audit
import audit_data
import build
import image
from audit import Walk
from errors import Unusable

ARCHS = archs.load()
DATA = """
[code]
word = 8
pushed = 8
call = call\\s(?!\\*)
jump = j\\w+\\s(?!\\*)
end = (jmp|ret)\\b
pointer = (call|jmp)\\s+\\*
switch = jmp \\*.*\\(,
deeper = push
\tsub \\$(0x[0-9a-f]+),%rsp
back = pop
unknown = sub %\\w+,%rsp
trampoline = __SCT__

[stack]
bytes = 1024

[entry owner]
what = panic()
functions = panic

[boundary printk]
functions = _printk
contract = K7 K12
why = named

[forbidden sleeping function]
functions = mutex_lock* schedule
why = K12

[forbidden allocator]
functions = *kmalloc*
why = K12

[forbidden clock]
functions = ktime_get*
why = K3
"""
CLIMBS = "panic -> crash_stop_other_cpus"
SLEEPS = {"mutex_lock": "ret", "__kmalloc_noprof": "ret", "ktime_get": "ret", "_printk": "ret"}
FINE = {"panic": "push %rbx; call crash_stop_other_cpus; call _printk; pop %rbx; ret",
        "crash_stop_other_cpus": "sub $0x40,%rsp; call helper; call *0x18(%rax); add $0x40,%rsp; ret",
        "raise_ipi": "ret", "helper": "ret"}


def listing(functions: dict[str, str]) -> str:
    """As objdump -d prints it, 16 bytes for each instruction and 4096 for each function."""
    start = {name: 0x1000 * n for n, name in enumerate(functions, 1)}
    text = ""
    for name, body in functions.items():
        lines = []
        for n, line in enumerate(body.split("; ")):
            goal = re.search(r" ([A-Za-z_][\w.]*)(?:\+(\d+))?$", line)
            if goal and goal[1] in start:
                line = f"{line[:goal.start()]} {start[goal[1]] + 16 * int(goal[2] or 0):x} <{goal[1]}>"
            lines.append(f"    {start[name] + 16 * n:x}:\t{line.replace(' ', '   ', 1)}\n")
        text += f"{start[name]:016x} <{name}>:\n{''.join(lines)}\n"
    return text


def walked(functions: dict[str, str], data: str = DATA, hooks: dict[str, str] | None = None) -> Walk:
    """A walk over functions of which crash_stop_other_cpus() calls the hook raise()."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "test.audit"
        path.write_text(data)
        known = audit_data.read([path], "7.3")
    kernel = image.Image(known.code, listing(functions))
    climbs = "crash_stop_other_cpus"
    ours = audit_data.Source((climbs,), {climbs: ("raise",)}, {climbs: "crash_stop.c"}, {}, frozenset(), "")
    return Walk(kernel, known, ours, {h: tuple(kernel.find(f)) for h, f in (hooks or {"raise": "raise_ipi"}).items()})


def findings(functions: dict[str, str], data: str = DATA) -> list[str]:
    """What is wrong, without where the data lie."""
    found = walked({**SLEEPS, **FINE, **functions}, data).run().findings
    return [re.sub(r"\S+/test\.audit", "test.audit", f) for f in found]


class Finds(unittest.TestCase):
    """Each planted fault is found, with the chain of calls to it."""

    def test_nothing_where_nothing_is(self) -> None:
        self.assertEqual(findings({}), [])

    def test_an_allocator_two_calls_away(self) -> None:
        self.assertEqual(findings({"helper": "call deep; ret", "deep": "call __kmalloc_noprof; ret"}),
                         [f"reaches allocator: {CLIMBS} -> helper -> deep -> __kmalloc_noprof"])

    def test_a_mutex_behind_a_jump_at_the_end(self) -> None:
        self.assertEqual(findings({"helper": "test %eax,%eax; jne mutex_lock; ret"}),
                         [f"reaches sleeping function: {CLIMBS} -> helper -> mutex_lock"])

    def test_a_clock_behind_a_hook_of_the_backend(self) -> None:
        self.assertEqual(findings({"raise_ipi": "call ktime_get; ret"}),
                         [f"reaches clock: {CLIMBS} -> raise_ipi -> ktime_get"])

    def test_a_clock_in_the_part_that_is_moved_away(self) -> None:
        self.assertEqual(findings({"helper": "jne helper.cold; ret", "helper.cold": "call ktime_get; jmp helper+1"}),
                         [f"reaches clock: {CLIMBS} -> helper -> ktime_get"])

    def test_a_lock_that_a_stopped_cpu_may_hold(self) -> None:
        known = re.search(r"^\[forbidden unbounded lock\]\n(?:.+\n)+", (paths.ROOT / "kernel/crash_stop.audit").read_text(), re.M)[0]
        locks = {name: "ret" for name in ("_raw_spin_lock", "_raw_spin_lock_irqsave", "_raw_spin_trylock")}
        for name, found in (("_raw_spin_trylock", []), ("_raw_spin_lock", [f"reaches unbounded lock: {CLIMBS} -> helper -> _raw_spin_lock"]),
                            ("_raw_spin_lock_irqsave", [f"reaches unbounded lock: {CLIMBS} -> helper -> _raw_spin_lock_irqsave"])):
            self.assertEqual(findings({"helper": f"call {name}; ret", **locks}, f"{DATA}\n{known}"), found)

    def test_behind_a_boundary_nothing_counts(self) -> None:
        self.assertEqual(findings({"_printk": "call mutex_lock; ret"}), [])

    def test_a_boundary_that_nobody_reaches(self) -> None:
        stale = DATA + "\n[boundary kmsg_dump]\nfunctions = kmsg_dump\ncontract = K7\nwhy = steps\n"
        self.assertEqual(findings({}, stale), ["test.audit: [boundary kmsg_dump] is never reached"])

    def test_a_boundary_one_way_only(self) -> None:
        way = DATA + "\n[boundary probe]\nfunctions = helper>mutex_lock\ncontract = K12\nwhy = tried only\n"
        self.assertEqual(findings({"helper": "call mutex_lock; ret"}, way), [])
        self.assertEqual(findings({"helper": "call mutex_lock; call other; ret", "other": "call mutex_lock; ret"}, way),
                         [f"reaches sleeping function: {CLIMBS} -> helper -> other -> mutex_lock"])

    def test_a_pointer_that_nothing_resolves(self) -> None:
        self.assertEqual(findings({"helper": "call *%rax; ret"}),
                         [f"a call through a pointer at 0x8000 leads nobody knows where: {CLIMBS} -> helper"])

    def test_a_pointer_that_the_data_resolves(self) -> None:
        known = DATA + "\n[pointer delay]\nfunctions = helper\nto = delay_*\nwhy = delay_fn\n"
        self.assertEqual(findings({"helper": "call *%rax; ret", "delay_tsc": "call ktime_get; ret"}, known),
                         [f"reaches clock: {CLIMBS} -> helper -> delay_tsc -> ktime_get"])
        self.assertEqual(findings({"helper": "call *%rax; ret"}, known),
                         [f"test.audit: [pointer delay] leads to no function of this kernel: {CLIMBS} -> helper"])
        self.assertEqual(findings({}, known), ["test.audit: [pointer delay] is never reached"])

    def test_a_jump_that_is_written_at_boot(self) -> None:
        self.assertEqual(findings({"helper": "call __SCT__read; ret", "__SCT__read": "ret"}),
                         ["a call through a pointer at 0x9000 leads nobody knows where: "
                          f"{CLIMBS} -> helper -> __SCT__read"])

    def test_the_table_of_a_switch_is_no_pointer(self) -> None:
        self.assertEqual(findings({"helper": "jmp *0x100(,%rax,8); ret"}), [])

    def test_names_that_the_kernel_does_not_have(self) -> None:
        lock = "\n[forbidden lock]\nfunctions = spin_lok\nwhy = K12\n"
        stale = DATA.replace("functions = panic", "functions = die") + lock
        self.assertEqual([f for f in findings({}, stale) if "no function" in f],
                         ["test.audit: [entry owner] names no function of this kernel",
                          "test.audit: [forbidden lock] names no function of this kernel"])

    def test_recursion(self) -> None:
        self.assertEqual(findings({"helper": "call deep; ret", "deep": "call helper; ret"}),
                         ["comes back to itself: helper -> deep -> helper"])

    def test_a_recursion_that_ends(self) -> None:
        ends = DATA + "\n[once deep]\nfunctions = deep\ncontract = K14\nwhy = counted\n"
        goes = {"helper": "sub $0x10,%rsp; call deep; ret", "deep": "sub $0x20,%rsp; call helper; ret"}
        audit = walked({**SLEEPS, **FINE, **goes}, ends).run()
        self.assertEqual(audit.findings, [])
        # Its second time is not there, what is above that twice.
        self.assertEqual(audit.deepest[0][2], ["panic 16", "crash_stop_other_cpus 72", "helper 24", "deep 40", "helper 24"])

    def test_what_ends_no_recursion(self) -> None:
        stale = DATA + "\n[once helper]\nfunctions = helper\ncontract = K14\nwhy = counted\n"
        self.assertEqual(findings({}, stale), ["test.audit: [once helper] ends no recursion"])


class Kernel(unittest.TestCase):
    """A kernel that was built."""

    def test_what_came_of_it_is_returned_and_written(self) -> None:
        walk = walked({**SLEEPS, **FINE, "helper": "call mutex_lock; ret"})
        with tempfile.TemporaryDirectory() as folder:
            tmp = pathlib.Path(folder)
            kernel = build.Kernel("7.3", "7.3", True, "plain", ARCHS["x86_64"], tmp, tmp / "out")
            with mock.patch.multiple(audit, CACHE=tmp, Walk=mock.Mock(return_value=walk), hooks_of=mock.DEFAULT), \
                    mock.patch.object(image.Image, "read"), contextlib.redirect_stdout(io.StringIO()) as said:
                found = audit.audit(kernel)
            report = (tmp / "logs/audit-out.txt").read_text()
        self.assertEqual(found.findings, [f"reaches sleeping function: {CLIMBS} -> helper -> mutex_lock"])
        self.assertEqual((found.stack, said.getvalue()), (16 + 72 + 8, ""))
        self.assertRegex(found.said, "^x86_64, Linux 7.3 patched: 4 functions reached, 1 boundaries .*\n +96 bytes of stack, owner: panic")
        self.assertIn(f"findings\n  {found.findings[0]}\n", report)


class Stack(unittest.TestCase):
    """The deepest chain, from the prologues."""

    def test_the_deepest_chain(self) -> None:
        audit = walked({**SLEEPS, **FINE, "helper": "push %rbx; sub $0x100,%rsp; call _printk; ret"}).run()
        self.assertEqual(audit.deepest[0], ("owner", 16 + 72 + 272, ["panic 16", "crash_stop_other_cpus 72", "helper 272"]))

    def test_a_jump_at_the_end_gives_the_frame_back(self) -> None:
        audit = walked({**SLEEPS, **FINE, "helper": "push %rbx; pop %rbx; jmp deep", "deep": "sub $0x10,%rsp; ret"}).run()
        self.assertEqual(audit.deepest[0][1], 16 + 72 + 8 + 24)

    def test_more_than_is_allowed(self) -> None:
        self.assertEqual(findings({"helper": "sub $0x400,%rsp; ret"}),
                         ["takes 1120 bytes of stack below owner, more than 1024: panic",
                          "takes 1104 bytes of stack below the rest of ours, more than 1024: " + CLIMBS])

    def test_a_frame_of_no_fixed_size(self) -> None:
        self.assertEqual(findings({"helper": "sub %rax,%rsp; ret"}),
                         [f"its stack has no fixed size: {CLIMBS} -> helper"])


# A piece of each architecture's kernel: instructions, frame, goals of the calls.
RECORDED = {
    "x86_64": ("""push %rbp; mov %rsp,%rbp; push %r15; sub $0x38,%rsp; call 9000 <f>; jne 9000 <f+0x10>; call *0x18(%r15);
               lea -0x28(%rbp),%rsp; pop %r15; pop %rbp; ret""", 8 + 16 + 0x38, ["9000", "9000", None]),
    "arm64": ("""stp x29, x30, [sp, #-144]!; sub sp, sp, #0x20; bl 9000 <f>; blr x1; add sp, sp, #0x20;
              ldp x29, x30, [sp], #144; ret""", 144 + 0x20, ["9000", None]),
    "powerpc": ("""mflr r0; stdu r1,-160(r1); bl 9008 <f+0x8>; mtctr r12; bctrl; addi r1,r1,160; mtlr r0; blr""",
                160, ["9000", None]),
    "s390": ("""stmg %r6,%r15,72(%r15); lay %r15,-144(%r15); brasl %r14,9000 <f>; basr %r14,%r1; cgijne %r2,0,9000 <f>;
             lmg %r6,%r15,216(%r15); br %r14""", 144, ["9000", None, "9000"]),
    "riscv64": ("""add sp,sp,-128; sd ra,120(sp); jal 9000 <f>; jalr a5; ld ra,120(sp); add sp,sp,128; ret""",
                128, ["9000", None]),
    "arm": ("""push {r4, r5, r6, lr}; sub sp, sp, #52 @ 0x34; blne 9000 <f>; blx r3; bls 9000 <f>; add sp, sp, #52;
            pop {r4, r5, r6, pc}""", 16 + 52, ["9000", None, "9000"]),
}


class Instructions(unittest.TestCase):
    """The expressions of arch/*/crash_stop.audit."""

    def test_each_architecture(self) -> None:
        self.assertEqual(set(RECORDED), set(ARCHS))
        for name, (text, frame, goals) in RECORDED.items():
            with self.subTest(name):
                data = audit_data.data_of(ARCHS[name], "7.3")
                dump = "".join(f"    {0x100 + 4 * n:x}:\t{line.strip()}\n" for n, line in enumerate(text.split(";")))
                one = image.Image(data.code, f"00000100 <g>:\n{dump}\n00009000 <f>:\n    9000:\tnop\n\n").function(0x100)
                self.assertEqual(one.frame, frame)
                self.assertEqual([f"{c.target:x}" if c.target else None for c in one.calls], goals)
                self.assertFalse(one.unknown)

    def test_what_stands_behind_a_function_is_not_in_it(self) -> None:
        code = audit_data.data_of(ARCHS["arm64"], "7.3").code
        dump = "00000100 <g>:\n    100:\tret\n    104:\tb\t9000 <f>\n\n00009000 <f>:\n    9000:\tret\n\n"
        self.assertEqual(len(image.Image(code, dump).function(0x100).calls), 1)
        symbols = "   1: 00000100     4 FUNC    GLOBAL DEFAULT    2 g\n"
        self.assertEqual(image.Image(code, dump, symbols).function(0x100).calls, ())


class Data(unittest.TestCase):
    """The data, and what is wrong with them, in one line."""

    def test_mistakes(self) -> None:
        for data, says in (("[boundary x]\nfunctions = f\nwhy = y\n", r"\[boundary x\] lacks contract"),
                           ("[boundary x]\nfunctions = f\nwhy = y\ncontract = K16\n", "contract = K16: give lines"),
                           ("[boundry x]\nfunctions = f\n", r"\[boundry x\] is none of code, stack, entry NAME"),
                           ("[boundary x]\nfunctions = f\nwhy = y\ncontract = K7\n", "has no section \\[code\\]"),
                           ("nonsense\n", "no section headers")):
            with self.subTest(says), tempfile.TemporaryDirectory() as folder, self.assertRaisesRegex(Unusable, says):
                path = pathlib.Path(folder) / "a.audit"
                path.write_text(data)
                audit_data.read([path], "7.3")

    def test_the_source_is_understood(self) -> None:
        for arch in ARCHS.values():
            source = audit_data.source_of(arch)
            self.assertEqual(source.fields["crash_rung"], ("name", "reaches_masked", "usable", "raise", "stopped"))
            self.assertEqual(source.fields["crash_stop_backend"][0], "rungs")
            self.assertEqual({h for hs in source.hooks.values() for h in hs} | {"rungs", "nr_rungs", "verifies_image"},
                             set(source.fields["crash_stop_backend"]) | {"usable", "raise", "stopped"})
            self.assertEqual(source.hooks["rungs_show"], ("usable",))  # through two inline functions
            self.assertIn("crash_stop_here", source.functions)
            self.assertTrue(source.backend.endswith("_backend"))


if __name__ == "__main__":
    unittest.main()
