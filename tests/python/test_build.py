# SPDX-License-Identifier: GPL-2.0-only
"""A bad day: the kernel does not build, QEMU is missing or dies, configuration gets lost."""

import contextlib
import errno
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock

import paths
import archs
import build
import cellrun
import packages
import qemu
from errors import BuildFailed, Killed, Unusable

ARCH = archs.load()["x86_64"]


class Build(unittest.TestCase):
    """On a tree that is a Makefile."""

    def setUp(self) -> None:
        self._tmp = tempfile.TemporaryDirectory()
        self.tree = pathlib.Path(self._tmp.name)
        self.kernel = build.Kernel("7.3", "7.3", True, "plain", ARCH, self.tree, self.tree / "out")
        self.kernel.out.mkdir()
        self.log = self.kernel.out / "log"

    def tearDown(self) -> None:
        self._tmp.cleanup()

    def test_a_kernel_that_does_not_build(self) -> None:
        (self.tree / "Makefile").write_text("bzImage:\n\t@echo \"panic.c:7: error: boom\"; false\n")
        with self.assertRaisesRegex(BuildFailed, r"7\.3 patched x86_64 does not build: panic.c:7: error: boom \(log: "):
            build.make(self.kernel, "bzImage", log=self.log)

    def test_a_make_that_asks_does_not_wait_for_an_answer(self) -> None:
        (self.tree / "Makefile").write_text("bzImage:\n\t@! read answer\n")
        ours, (end, other) = os.dup(0), os.pipe()
        os.write(other, b"y\n")
        os.dup2(end, 0)
        try:
            build.make(self.kernel, "bzImage", log=self.log)
        finally:
            os.dup2(ours, 0)
            for one in (ours, end, other):
                os.close(one)

    def test_a_make_that_is_killed_shows_nothing(self) -> None:
        for recipe, by in (("kill -9 $$PPID", "SIGKILL"), ("kill -2 $$PPID $$$$", "SIGINT"),
                           ("kill -9 $$$$", r"make: \*\*\* \[Makefile:2: bzImage\] Killed"),
                           ("echo 'gcc: fatal error: Killed signal terminated program cc1'; exit 1", "gcc: fatal error: Killed .* cc1"),
                           ("(exit 137)", "make: .* Error 137")):
            with self.subTest(recipe):
                (self.tree / "Makefile").write_text(f"bzImage:\n\t@{recipe}\n")
                with self.assertRaisesRegex(Killed, rf"7\.3 patched x86_64: make was ended: {by} \(log: "):
                    build.make(self.kernel, "bzImage", log=self.log)

    def test_what_a_killed_program_leaves_behind(self) -> None:
        for said in ("collect2: fatal error: ld terminated with signal 9 [Killed]", "make[3]: *** [a:2: b.o] Terminated",
                     "clang-19: error: unable to execute command: Killed", "cc1: out of memory allocating 65536 bytes after a total of 9",
                     "as: Cannot allocate memory", "make: *** wait: No child processes.  Stop."):
            self.assertEqual(build.killed(2, f"  CC b.o\n{said}\nmake: *** [c] Error 2\n"), said)
        for said in ("gcc: internal compiler error: Segmentation fault signal terminated program cc1", "make: *** [a:2: b.o] Error 1",
                     'a.c:1:9: error: "out of memory"', "b.c: In function Killed"):
            self.assertEqual(build.killed(2, f"{said}\n"), "", said)

    def test_what_an_object_takes_in_is_never_that_of_another_build(self) -> None:
        packages.need("gcc", "ccache")
        (self.tree / "Makefile").write_text("bzImage:\n\t$(CC) -Wp,-MMD,p.d -c -o p.o p.S\n\t$(CC) -Wp,-MMD,q.d -c -o q.o q.c\n")
        (self.tree / "p.S").write_text('.incbin "kernel"\n')
        (self.tree / "q.c").write_text('asm(".incbin \\"kernel\\"");\n')
        with unittest.mock.patch.dict(os.environ, CCACHE_DIR=str(self.tree / "ccache")):
            for kernel in (b"the first kernel", b"the other kernel"):
                (self.tree / "kernel").write_bytes(kernel)
                build.make(self.kernel, "bzImage", log=self.log)
                for name in ("p.o", "q.o"):
                    self.assertIn(kernel, (self.tree / name).read_bytes())

    def test_a_compiler_with_and_without_ccache(self) -> None:
        (self.tree / "q.c").write_text("int q;\n")
        (self.tree / "cc").write_text('#!/bin/sh\necho "cc $@"\n')
        (self.tree / "grep").symlink_to(shutil.which("grep"))
        (self.tree / "cc").chmod(0o755)
        line = ["/bin/sh", str(paths.ROOT / "cross-build/cached.sh"), "cc", "-c", "q.c"]

        def said() -> str:
            return subprocess.run(line, cwd=self.tree, env={"PATH": str(self.tree)}, capture_output=True, text=True, check=True).stdout

        self.assertEqual(said(), "cc -c q.c\n")
        (self.tree / "ccache").write_text('#!/bin/sh\necho "$CCACHE_DEPEND: $@"\n')
        (self.tree / "ccache").chmod(0o755)
        self.assertEqual(said(), "1: cc -c q.c\n")

    def test_a_folder_that_begins_with_another_has_its_own_commands(self) -> None:
        command, other = self.kernel.out / "tools/.exec.o.cmd", self.tree / "other"
        command.parent.mkdir()
        command.write_text(f"cmd_{self.kernel.out}/tools/exec.o := gcc -o {self.kernel.out}/tools/exec.o\n")
        os.utime(command, (1, 1))
        build.begin_with(self.kernel.out, other)
        self.assertEqual((other / "tools/.exec.o.cmd").read_text(), f"cmd_{other}/tools/exec.o := gcc -o {other}/tools/exec.o\n")
        self.assertEqual((other / "tools/.exec.o.cmd").stat().st_mtime, 1)

    def test_a_folder_that_cannot_be_copied_whole_is_not_there(self) -> None:
        (self.kernel.out / "object").write_text("")
        full = OSError(errno.ENOSPC, "No space left on device")
        with unittest.mock.patch("shutil.copy2", side_effect=full), unittest.mock.patch("os.utime", side_effect=full):
            build.begin_with(self.kernel.out, self.tree / "other")
        self.assertEqual([p.name for p in self.tree.iterdir()], ["out"])

    def test_the_error_is_the_one_that_ended_make(self) -> None:
        said = ("a.c:1: error: incompatible types\n  CC b.o\nb.h:3:50: error: expected identifier\n"
                "make[2]: *** [Makefile:9: b.o] Error 1\nc.c:2: error: incompatible types\nmake: *** [all] Error 2\n")
        self.assertEqual(build.first_error(said), "b.h:3:50: error: expected identifier")
        for text, wanted in (("ld: failed\nmake: *** [vmlinux] Error 1\n", "make: *** [vmlinux] Error 1"), ("Killed\n", "make failed"),
                             ("make: *** No rule to make target 'x'.  Stop.\n", "make: *** No rule to make target 'x'.  Stop."),
                             ("cc1: error: x.s: No space left on device\n", "cc1: error: x.s: No space left on device")):
            self.assertEqual(build.first_error(text), wanted)

    def test_an_earlier_make_is_not_blamed(self) -> None:
        self.log.write_text("old.c:1: error: mended\n")
        (self.tree / "Makefile").write_text("bzImage:\n\t@false\n")
        with self.assertRaisesRegex(BuildFailed, r"does not build: make: \*\*\* .*Error 1 \(log: "):
            build.make(self.kernel, "bzImage", log=self.log)

    def test_the_log_begins_with_the_line_to_paste(self) -> None:
        (self.tree / "Makefile").write_text("bzImage:\n\t@true\n")
        build.make(self.kernel, "bzImage", log=self.log)
        self.assertTrue(self.log.read_text().startswith(f"$ cd {self.tree} && make O={self.kernel.out} "))

    def test_a_symbol_that_does_not_survive(self) -> None:
        (self.tree / "Makefile").write_text("allnoconfig:\n\t@echo \"# nothing\" > $(O)/.config\n")
        (self.tree / "Kconfig").write_text("config SMP\n\tbool\n")
        with self.assertRaisesRegex(Unusable, "CONFIG_SMP was asked for and did not survive"):
            build.configure(self.kernel, self.log)


    def test_a_configuration_that_was_killed_is_made_again(self) -> None:
        half = "echo half > $(O)/.config; ! test -e kill || kill -9 $$PPID $$$$"
        (self.tree / "Makefile").write_text(f"allnoconfig:\n\t@{half}; cp $(KCONFIG_ALLCONFIG) $(O)/.config\n")
        (self.tree / "Kconfig").write_text("")

        def configured(text: str, kill: bool) -> str:
            """What there is after a configuration that may be killed."""
            (self.tree / "kill").touch() if kill else (self.tree / "kill").unlink(missing_ok=True)
            with unittest.mock.patch.object(build, "fragment", return_value=text), \
                    self.assertRaises(Killed) if kill else contextlib.nullcontext():
                build.configure(self.kernel, self.log)
            return (self.kernel.out / ".config").read_text()

        one, other = "CONFIG_ONE=y\n", "CONFIG_OTHER=y\n"
        self.assertEqual(configured(one, False), one)
        self.assertEqual([configured(text, text == other) for text in (other, one, other)], ["half\n", one, "half\n"])
        self.assertEqual(configured(other, False), other)

    def test_a_side_is_configured_as_another_one_once(self) -> None:
        config, one = self.kernel.out / ".config", "CONFIG_ONE=y\nCONFIG_ELSEWHERE=y\n"
        cellrun._configure_as(self.kernel, one)
        self.assertEqual(config.read_text(), one)
        config.write_text("CONFIG_ONE=y\n")  # as make leaves it
        cellrun._configure_as(self.kernel, one)
        self.assertEqual(config.read_text(), "CONFIG_ONE=y\n")
        cellrun._configure_as(self.kernel, "CONFIG_OTHER=y\n")
        self.assertEqual(config.read_text(), "CONFIG_OTHER=y\n")


class Qemu(unittest.TestCase):
    """Programs that are not QEMU."""

    def test_missing(self) -> None:
        with self.assertRaisesRegex(Unusable, "qemu-system-none: not found"):
            qemu.Guest(["qemu-system-none"])

    def test_dies_at_once(self) -> None:
        with self.assertRaisesRegex(Unusable, "sh ended at once: no such machine"):
            qemu.Guest(["sh", "-c", "echo no such machine; exit 1"])

    def test_none_begins_when_the_program_is_to_end(self) -> None:
        with unittest.mock.patch.object(qemu, "_interrupted", False):
            qemu.end_all()
            with self.assertRaises(KeyboardInterrupt):
                qemu.Guest(["sh"])

    def test_transcript_survives_its_log(self) -> None:
        one = qemu.Transcript("qemu -smp 4", [(0.5, "a"), (1.25, "guest: ready")], ["CPU#0\nRIP=1", "CPU#0\nRIP=2"], "done")
        self.assertEqual(qemu.Transcript.parse(one.text()), one)


if __name__ == "__main__":
    unittest.main()
