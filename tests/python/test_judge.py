# SPDX-License-Identifier: GPL-2.0-only
"""crash-stop judge: what is read from a console alone, whatever a recorder has put before its lines."""

import contextlib
import io
import pathlib
import re
import subprocess
import tempfile
import unittest

import paths
import judge
from errors import EXIT_FAILED, EXIT_HELD, Unusable

RECORDED = paths.ROOT / "tests/boot/recorded"
BOOT = """\
[    0.000000] Linux version 7.3.4 (crash-stop@localhost) #1 SMP
[    0.100000] smp: Brought up 1 node, 4 CPUs
[    0.200000] pstore: Registered ramoops as persistent store backend
[    0.300000] crash_stop: rungs: ipi nmi; not usable: xen
"""


def board(name: str) -> str:
    """A recorded run as the serial line of a board has it: nothing of init's, nothing of the test driver's."""
    lines = [re.sub(r"^\[ *\d+\.\d{4}\] ", "", l) for l in (RECORDED / f"{name}.log").read_text().splitlines() if l.startswith("[")]
    lines = [l.removeprefix("store| ") for l in lines if not re.search(r"guest: |^write |crash_test: (?!on purpose)", l)]
    first, *rest = "\n".join(lines).partition("[    0.000000] Linux version")[1:]
    text = first + "".join(rest)
    crash = "\n[    0.010000] Kernel command line: elfcorehdr=0x2f000000"
    if "kdump" in name:
        at = text.index("\n", text.index("Linux version", text.index("booting the crash")))
        text = text[:at] + crash + text[at:]
    return BOOT + text.split("\n", 1)[1] + "\n"


STAMPS = {
    "none at all": lambda n, line: re.sub(r"^(<\d>)?\[ *\d+\.\d{6}\] ?", lambda m: m[1] or "", line),
    "the kernel's": lambda n, line: line,
    "the kernel's with its caller": lambda n, line: re.sub(r"^(\[ *\d+\.\d{6}\])", r"\1[    C1]", line),
    "a date": lambda n, line: f"2026-11-22 10:00:{n % 60:02}.123 {line}",
    "a date in brackets": lambda n, line: f"[2026-11-22 10:00:{n % 60:02}] {line}",
    "ISO 8601": lambda n, line: f"2026-11-22T10:00:{n % 60:02}.123456+01:00 {line}",
    "ts": lambda n, line: f"Nov 22 10:00:{n % 60:02} {line}",
    "seconds, as the kernel's": lambda n, line: f"[17637912{n:02}.123456] {line}",
    "a board's name": lambda n, line: f"board7> {line}",
    "escapes and carriage returns": lambda n, line: f"\x1b[0m{line}\x1b[K\r",
}


def stamped(text: str, how: str, kernels: bool = True) -> str:
    """With a recorder's stamps; kernels: and those of the kernel."""
    lines = text.splitlines()
    if not kernels:
        lines = [STAMPS["none at all"](0, line) for line in lines]
    return "\n".join(STAMPS[how](n, line) for n, line in enumerate(lines)) + "\n"


class Console(unittest.TestCase):
    """The verdict on a text."""

    def judged(self, text: str | bytes, cpus: int | None = None) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as tmp:
            path = pathlib.Path(tmp, "console.log")
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            with contextlib.redirect_stdout(io.StringIO()) as out:
                code = judge.show(path, cpus)
            return code, out.getvalue().replace(str(path), "console.log")

    def line(self, out: str, line: str) -> str:
        """What is said of one line of the contract."""
        return re.search(rf"^  {line} .*?  (holds|broken|cannot be told)", out, re.M)[1]


class Good(Console):
    """What a board prints."""

    def test_each_recorded_run_as_a_board_would_have_printed_it(self) -> None:
        for name in sorted(p.stem for p in RECORDED.glob("*.log")):
            with self.subTest(name):
                code, out = self.judged(board(name))
                self.assertEqual(code, EXIT_HELD, out)
                for line in ("K1", "K3", "K6", "K8", "K10", "K11"):
                    self.assertEqual(self.line(out, line), "holds", out)
                for line in ("K2", "K4", "K5", "K9", "K12"):
                    self.assertEqual(self.line(out, line), "cannot be told", out)
                self.assertEqual(self.line(out, "K7"), "holds" if "fault" in name else "cannot be told")

    def test_any_stamps_or_none(self) -> None:
        for name in ("plain", "wedged-kdump", "unreachable-kdump"):
            code, wanted = self.judged(board(name))
            for how in STAMPS:
                for kernels in (True, False):
                    with self.subTest(f"{name}, {how}, the kernel's: {kernels}"):
                        self.assertEqual(self.judged(stamped(board(name), how, kernels)), (code, wanted))

    def test_what_was_read_is_shown(self) -> None:
        out = self.judged(board("unreachable-kdump"))[1]
        for text in ("cpu1: crash_test: on purpose", "ipi nmi; not usable: xen", "2/3 other CPUs stopped", "not stopped  cpu2",
                     "lines of this panic", "the crash kernel booted"):
            self.assertIn(text, out)

    def test_two_panics_in_one_file(self) -> None:
        code, out = self.judged(board("plain") + board("wedged-kdump"))
        self.assertEqual(code, EXIT_HELD, out)
        self.assertIn(": panic 2 of 2: cpu1", out)
        bad = board("plain").replace("3/3 other", "2/2 other")
        self.assertEqual(self.judged(bad + board("wedged-kdump"))[0], EXIT_FAILED)

    def test_a_log_that_is_shown_again_in_the_crash_kernel(self) -> None:
        text = board("wedged-kdump")
        panicked = text[: text.index("[    0.000000] Linux version", len(BOOT))]
        at = re.search(r"\[ *\d+\.\d+\] Kernel panic", panicked).start()
        for shown in (panicked, panicked[at:]):
            at = text.index("\n", text.index("elfcorehdr=")) + 1
            code, out = self.judged(text[:at] + shown + text[at:])
            self.assertEqual((code, out.count("panic 1 of 1")), (EXIT_HELD, 1), out)
            self.assertIn("the crash kernel booted; a kernel booted", out)

    def test_a_console_that_could_not_print(self) -> None:
        text = board("plain")
        mute = BOOT + text[text.index("[    0.000000] Linux version", len(BOOT)):]
        code, out = self.judged(mute)
        self.assertEqual((code, self.line(out, "K8"), self.line(out, "K11")), (EXIT_HELD, "holds", "cannot be told"), out)
        self.assertIn("ipi nmi; not usable: xen", out)
        self.assertIn("3/3 other CPUs", out)
        self.assertEqual(self.judged(mute.replace("4 CPUs", "5 CPUs", 1))[0], EXIT_FAILED)

    def test_a_store_that_is_not_shown_is_no_fault(self) -> None:
        code, out = self.judged(re.sub(r"(?m)^(<\d>|Panic#).*\n", "", board("plain")))
        self.assertEqual((code, self.line(out, "K6")), (EXIT_HELD, "cannot be told"), out)
        self.assertIn("cat /sys/fs/pstore/dmesg-*", out)

    def test_a_kernel_that_does_not_say_that_it_is_the_crash_kernel(self) -> None:
        code, out = self.judged(board("wedged-kdump").replace("elfcorehdr=0x2f000000", "quiet"))
        self.assertEqual((code, self.line(out, "K6")), (EXIT_HELD, "cannot be told"), out)

    def test_a_hang_that_was_given_up(self) -> None:
        hung = ('[    1.2] crash_stop: CPU 1 hung in step "kmsg_dump" (mtdoops_do_dump [mtdoops]) for 10000 ms, CPU 2 goes on behind it\n'
                "[    1.2] Kernel panic - not syncing: CPU 1 hung\n")
        text = board("plain")
        at = text.index("\n", text.index("other CPUs stopped")) + 1
        code, out = self.judged(text[:at] + hung + text[at:])
        self.assertEqual((code, self.line(out, "K14"), self.line(out, "K1")), (EXIT_HELD, "holds", "holds"), out)
        self.assertIn("nothing has hung on the owner", self.judged(text)[1])
        self.assertIn("no CPU could stand by", self.judged(re.sub(r"(CPUs stopped .*\))", r"\1; no standby", text))[1])

    def test_lock_debugging_tells_of_the_crash_path(self) -> None:
        text = board("plain").replace("smp: Brought", "Lock dependency validator: Copyright\n[    0.1] smp: Brought")
        self.assertEqual(self.line(self.judged(text)[1], "K12"), "holds")

    def test_the_number_of_cpus_can_be_given(self) -> None:
        text = re.sub(r".*Brought up.*\n", "", board("plain"))
        self.assertEqual(self.judged(text, 4)[0], EXIT_HELD)
        self.assertEqual(self.judged(text, 5)[0], EXIT_FAILED)


class Broken(Console):
    """One thing is wrong at a time."""

    def broken(self, line: str, why: str, name: str, old: str, new: str, times: int = 0) -> None:
        text, changed = re.subn(old, new, board(name), count=times, flags=re.M)
        self.assertTrue(changed, "the console was not changed")
        code, out = self.judged(text)
        self.assertEqual(code, EXIT_FAILED, out)
        self.assertEqual(self.line(out, line), "broken", out)
        self.assertIn(why, out)

    def test_no_report_line(self) -> None:
        self.broken("K8", "no report line", "plain", r".*other CPUs stopped.*\n", "")

    def test_stock_kernel(self) -> None:
        self.broken("K11", "nothing says", "plain", r".*crash_stop: .*\n", "")

    def test_two_owners(self) -> None:
        self.broken("K1", "2 panics", "plain", r"^(\[.*Kernel panic - not syncing: )(.*\n)", r"\1\2\1\2", 1)

    def test_too_long(self) -> None:
        self.broken("K3", "took 9000000 us", "plain", r"stopped in \d+ us", "stopped in 9000000 us")

    def test_a_cpu_slipped_through(self) -> None:
        self.broken("K8", "4 were there", "plain", r"3/3 other (.*)ipi 3", r"2/2 other \1ipi 2")

    def test_not_all_are_named(self) -> None:
        self.broken("K8", "1 did not stop, and it names []", "unreachable-kdump", "; not stopped: 2", "")

    def test_rungs_do_not_add_up(self) -> None:
        self.broken("K8", "by what for 2", "plain", "ipi 3", "ipi 2")

    def test_a_rung_that_the_machine_does_not_have(self) -> None:
        self.broken("K3", "nmi stopped CPUs", "wedged-kdump", "rungs: ipi nmi;", "rungs: ipi; not usable: nmi;")

    def test_two_report_lines(self) -> None:
        self.broken("K10", "2 report lines", "plain", r"^(\[.*crash_stop: )(3/3.*\n)", r"\1\2\g<1>1/1 other CPUs stopped in 3 us (ipi 1)\n", 1)

    def test_the_crash_kernel_comes_first(self) -> None:
        self.broken("K6", "before the stop", "wedged-kdump", r"^(\[.*3/3 other CPUs.*\n)((?:.*\n)*?)(.*booting the crash.*\n)", r"\3\2\1", 1)

    def test_saved_before_the_stop(self) -> None:
        self.broken("K6", "the stored log has no report", "plain", r"^<0>.*other CPUs stopped.*\n", "")

    def test_saved_too_late(self) -> None:
        self.broken("K6", "behind the crash kernel's turn", "plain", r"^(<0>.*other CPUs stopped.*\n)", r"\1<0>[    1.2] crash_stop: no crash kernel is loaded\n")

    def test_another_panic_in_the_store(self) -> None:
        self.broken("K6", "not of this panic", "plain", r"^(<0>.*Kernel panic - not syncing: ).*\n", r"\1another one\n")

    def test_the_crash_kernel_does_not_boot(self) -> None:
        self.broken("K6", "nothing boots", "wedged-kdump", r"(?s)(booting the crash kernel; its image was not verified\n).*", r"\1")

    def test_cut_short(self) -> None:
        self.broken("K6", "came to no end", "plain", r"(?s)(no crash kernel is loaded\n).*", r"\1")

    def test_a_dumper_twice(self) -> None:
        self.broken("K7", "went through twice", "dumper-fault-kdump", r"^(\[.*nested panic in step.*\n)", r"\1\1", 1)

    def test_it_hangs_for_good(self) -> None:
        self.broken("K14", "nothing follows the hang", "plain", r"(?s)^(\[[^\n]*)crash_stop: no crash kernel is loaded\n.*",
                    r'\1crash_stop: CPU 1 hung in step "flush" (panic) for 60000 ms, CPU 2 goes on behind it\n')

    def test_nothing_is_said_of_the_image(self) -> None:
        self.broken("K11", "what became of the crash kernel", "plain", r"^\[.*no crash kernel is loaded\n", "")

    def test_splat(self) -> None:
        self.broken("K12", "a splat", "plain", r"^(\[.*no crash kernel.*\n)", r"[    1.2] BUG: sleeping function called from x\n\1")


class Refused(Console):
    """One line says what it is not."""

    def refuses(self, says: str, text: str | bytes) -> None:
        with self.assertRaisesRegex(Unusable, says) as caught:
            self.judged(text)
        self.assertEqual(len(str(caught.exception).splitlines()), 1)

    def test_empty(self) -> None:
        self.refuses("console.log: empty; record", "")
        self.refuses("console.log: empty; record", "\r\n\n")

    def test_binary(self) -> None:
        self.refuses("console.log: not text; give", bytes(range(256)) * 16)
        self.refuses("console.log: not text; give", b"\x7fELF" + bytes(4000))

    def test_some_garbage_is_a_board_that_is_switched_on(self) -> None:
        noise = b"\xff\xfe\x00\x80\x12" * 20
        self.assertEqual(self.judged(noise + board("plain").encode())[0], EXIT_HELD)

    def test_no_console(self) -> None:
        self.refuses("console.log: not a console of Linux", "Dear all,\n\nthe kernel panics.\n")

    def test_no_panic(self) -> None:
        self.refuses("console.log: no panic in it", BOOT)

    def test_the_command_itself(self) -> None:
        for path, says in (("/nonexistent.log", "No such file"), (str(paths.ROOT), "Is a directory")):
            run = subprocess.run([str(paths.ROOT / "crash-stop"), "judge", path], capture_output=True, text=True)
            self.assertEqual((run.returncode, len(run.stderr.splitlines())), (3, 1), run.stderr)
            self.assertIn(says, run.stderr)


if __name__ == "__main__":
    unittest.main()
