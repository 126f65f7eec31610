# SPDX-License-Identifier: GPL-2.0-only
"""The matrix without a kernel: cells, gates on small objects, results, locks, and bad days."""

import argparse
import contextlib
import errno
import io
import json
import lzma
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import unittest.mock as mock
import xml.etree.ElementTree as xml

import paths
import apply
import archs
import audit
import build
import cellrun
import cells
import compilers
import distro
import files
import gates
import kconfig
import locks
import matrix
import objects
import results
import slurm
from errors import EXIT_BUILD, EXIT_FAILED, EXIT_HELD, EXIT_SKIPPED, BuildFailed, Killed, NotHere, NotNow, Unusable
from results import Result


DIGEST = cellrun.digest


class Folder(unittest.TestCase):
    """With a folder of its own."""

    def setUp(self) -> None:
        self._tmp = tempfile.TemporaryDirectory()
        self.tmp = pathlib.Path(self._tmp.name)
        self.addCleanup(self._tmp.cleanup)


class Cells(unittest.TestCase):
    """Which there are, and which are chosen."""

    def test_shards_are_the_whole_and_do_not_overlap(self) -> None:
        whole = [c.name for c in cells.choose(["7.3"], [], True)]
        parts = [name for k in (1, 2, 3) for name in results.dealt(whole, k, 3)]
        self.assertEqual(sorted(parts), sorted(whole))
        self.assertEqual(len(set(whole)), len(whole))

    def test_shards_that_are_none(self) -> None:
        for shard in ("0/3", "4/3", "1", "a/b", "1/0"):
            with self.subTest(shard=shard), self.assertRaisesRegex(Unusable, f"--shard {shard}: give K/N"):
                cells.shard(shard)

    def test_unknown_cells_list_the_near_ones(self) -> None:
        with self.assertRaisesRegex(Unusable, "7.3/arm46/gcc/plain: unknown cell; known: 7.3/arm64/gcc/plain"):
            cells.choose(["7.3"], ["7.3/arm46/gcc/plain"], False)

    def test_every_architecture_is_in_the_default(self) -> None:
        self.assertEqual({c.arch.name for c in cells.choose(["7.3"], [], False)}, set(archs.compiled()))

    def test_every_kernel_and_compiler_is_in_the_default(self) -> None:
        found = [c for c in cells.choose(list(apply.KERNELS), [], False) if c.arch.name in archs.load()]
        older = [c for c in found if c.kernel != apply.KERNELS[-1]]
        self.assertEqual(sorted(c.arch.name for c in older), sorted(archs.load()))
        self.assertEqual({(c.kernel, c.variant) for c in older}, {(k, "plain") for k in apply.KERNELS[:-1]})
        self.assertEqual({(c.arch.name, c.variant) for c in found if c not in older} & {(a, v) for a in archs.load() for v in ("off", "plain")},
                         {(a, v) for a in archs.load() for v in ("off", "plain")})
        self.assertEqual(sorted(c.name for c in found if c.compiler == "clang"),
                         sorted(f"7.3/{a}/clang/plain" for a in ("arm64", "powerpc", "s390", "x86_64")))
        self.assertEqual(sorted(c.name for c in found if c.linked),
                         sorted(f"7.3/{a}/gcc/plain" for a in ("arm64", "powerpc", "s390", "x86_64")))

    def test_what_an_architecture_says_of_the_default(self) -> None:
        for name, arch in archs.load().items():
            if said := arch.get("arch", "cells").split():
                with self.subTest(arch=name):
                    found = [c for c in cells.choose(["7.3"], [f"7.3/{name}/*"], False) if c.default]
                    self.assertEqual(sorted(f"{c.compiler}/{c.variant}" for c in found), sorted(said))
                    self.assertNotIn(arch.get("arch", "linked"), [c.variant for c in found])

    def test_32_bit_kernels_with_one_cpu_and_with_more(self) -> None:
        for name, smp in (("7.3/ppc32/gcc/smp", "y"), ("7.3/i386/gcc/up", "n")):
            cell = cells.choose(["7.3"], [name], False)[0]
            self.assertTrue(cell.default and not cell.linked)
            self.assertIn(f"CONFIG_SMP={smp}\n", build.fragment(cell.arch, cell.variant))
            self.assertEqual(cell.arch.variants()[cell.variant].base, "defconfig")

    def test_clang_compiles_what_llvm_knows(self) -> None:
        names = {c.name for c in cells.choose(["7.3"], ["7.3/*/clang/defconfig"], False)}
        self.assertEqual(names, {f"7.3/{a}/clang/defconfig" for a in (*archs.load(), "i386", "loongarch", "mips", "ppc32")})

    def test_an_architecture_without_gcc(self) -> None:
        arch = archs.load()["arm64"]
        with mock.patch.object(compilers, "names", return_value=["clang"]):
            self.assertEqual([cells.Cell(k, arch, "clang", v).default for k, v in (("7.3", "rt"), ("7.3", "kasan"), ("6.1", "rt"))],
                             [True, False, False])

    def test_one_cell_of_each_kernel_and_architecture_is_linked(self) -> None:
        linked = [(c.kernel, c.arch.name) for c in cells.choose(["7.3"], [], True) if c.linked]
        self.assertEqual(sorted(linked), sorted(("7.3", a) for a in archs.load()))

    def test_the_command_of_a_cell_is_good_in_every_folder(self) -> None:
        with tempfile.TemporaryDirectory() as tmp, contextlib.chdir(tmp):
            pathlib.Path("linux").mkdir()
            cell = cells.choose(["linux"], ["*/arm/gcc/off"], False)[0]
            words = cell.command("--seed", "7")
            kernel = str(pathlib.Path("linux").resolve())
            label = "dir-" + re.sub(r"\W+", "-", kernel[1:])
        self.assertEqual(words, [str(paths.ROOT / "crash-stop"), "matrix", "--kernel", kernel, "--seed", "7", "--again",
                                 f"{label}/arm/gcc/off"])
        self.assertIn(f"0) exec {' '.join(cells.choose(['7.3'], ['*/arm/gcc/off'], False)[0].command('--results', '/r'))} ;;",
                      slurm.script(cells.choose(["7.3"], ["*/arm/gcc/off"], False), pathlib.Path("/r"), 0))

    def test_what_is_only_compiled_is_not_booted(self) -> None:
        self.assertNotIn("mips", archs.load())
        self.assertIn("mips", archs.compiled())


class Digest(unittest.TestCase):
    """What a result depends on."""

    def changed(self, name: str, *files: str) -> list[str]:
        """The files that another text of which is another digest of a cell."""
        cell, read = cells.choose(["7.3"], [f"7.3/{name}"], False)[0], pathlib.Path.read_text

        def digest(other: str = "") -> str:
            def text(path: pathlib.Path, *args: object, **more: object) -> str:
                return read(path, *args, **more) + "other" * (str(path) == str(paths.ROOT / other))

            with mock.patch.object(pathlib.Path, "read_text", text), mock.patch("compilers.version", return_value="12.2.0"):
                return cellrun.digest(cell, 0)

        as_it_is = digest()
        return [file for file in files if digest(file) != as_it_is]

    def test_data_and_code(self) -> None:
        always = [f"cross-build/{n}.py" for n in ("apply", "cellrun", "gates", "rules", "tools")]
        always += ["cross-build/config/variants.conf", "arch/arm64/crash_stop.conf"]
        linked = [f"cross-build/{n}.py" for n in ("audit", "audit_data", "image", "lint")]
        linked += ["kernel/crash_stop.audit", "arch/arm64/crash_stop.audit"]
        never = ["cross-build/files.py", "arch/arm/crash_stop.conf", "arch/arm/crash_stop.audit"]
        self.assertEqual(self.changed("arm64/gcc/plain", *always, *linked, *never), always + linked)
        self.assertEqual(self.changed("arm64/gcc/off", *always, *linked, *never), always)


class Distro(Folder):
    """Debian's configuration of a kernel."""

    def fetch(self, arch: archs.Arch, names: tuple[str, ...]) -> str:
        """What comes of a package that has these configurations."""
        def unpack(command: list[str]) -> str:
            folder = pathlib.Path(command[-1]) / "usr/src/linux-config-7.3"
            folder.mkdir(parents=True)
            for name in names:
                (folder / name).write_bytes(lzma.compress(b"CONFIG_SMP=y\n"))
            return ""

        with mock.patch("distro.CACHE", self.tmp), mock.patch("packages.run", unpack), \
                mock.patch("packages.download", return_value=self.tmp / "deb"):
            return distro.config("7.3", arch).read_text()

    def test_it_is_unpacked_and_kept(self) -> None:
        arch = archs.load()["powerpc"]
        self.assertEqual(self.fetch(arch, ("config.ppc64el_none_powerpc64le.xz",)), "CONFIG_SMP=y\n")
        self.assertEqual(self.fetch(arch, ()), "CONFIG_SMP=y\n")
        self.assertEqual([p.name for p in (self.tmp / "configs").iterdir() if p.is_file()], ["7.3-ppc64el-powerpc64le"])

    def test_what_cannot_be_fetched_may_be_there_another_day(self) -> None:
        with mock.patch("distro.CACHE", self.tmp), mock.patch("packages.download", side_effect=Unusable("offline")), \
                self.assertRaisesRegex(NotNow, "linux-config-7.3 of Debian's arm64 could not be fetched: offline"):
            distro.config("7.3", archs.load()["arm64"])

    def test_what_cannot_be_had_is_said(self) -> None:
        for name, why in (("s390", "has no config.s390x_none_s390x.xz"), ("mips", "Debian has no kernel for mips")):
            with self.subTest(name=name), self.assertRaisesRegex(NotHere, why):
                self.fetch(archs.compiled()[name], ("config.other.xz",))


class Begins(Folder):
    """What a cell's build folder begins with."""

    def test_it_comes_from_a_cell_that_is_done(self) -> None:
        names = ("arm/gcc/off", "arm/gcc/up", "arm/clang/plain", "s390/gcc/off")
        done, same, other_compiler, other_arch = (cells.choose(["7.3"], [f"7.3/{name}"], False)[0] for name in names)
        with mock.patch.object(cells, "FOLDER", self.tmp / "matrix"):
            for name in ("scripts/basic/fixdep", "scripts/kconfig/conf", "kernel/bounds.s", ".config", "asked", "crash-stop.log"):
                made = cells.folder(done) / "stock" / name
                made.parent.mkdir(parents=True, exist_ok=True)
                made.touch()

            def begins(cell: cells.Cell, side: str = "stock") -> list[str]:
                return sorted(p.name for p in cellrun._side(cell, side, "7.3", self.tmp).out.rglob("*") if p.is_file())

            with locks.held(cells.folder(done)):
                self.assertEqual(begins(same), [])
            with mock.patch("shutil.copystat", side_effect=OSError(errno.ENOSPC, "No space left on device")):
                self.assertEqual(begins(same), [])
            self.assertEqual(begins(same), ["bounds.s", "conf", "fixdep"])
            self.assertEqual(begins(other_arch), ["conf", "fixdep"])
            self.assertEqual(begins(other_compiler) + begins(same, "patched"), [])


class Unpatched(Folder):
    """What the unpatched tree cannot do either."""

    def configured(self, *sides: str, then: type[Exception] = BuildFailed) -> None:
        """A cell of which only these sides can be configured, and which cannot be compiled; what becomes of the unpatched tree then."""
        def configure(kernel: build.Kernel, log: pathlib.Path, seed: int) -> None:
            if kernel.out.name not in sides:
                raise BuildFailed(f"{kernel.out.name}: no target")
            (kernel.out / ".config").write_text("\nCONFIG_CRASH_STOP=y\n")

        cell = cells.choose(["6.1"], ["6.1/loongarch/clang/defconfig"], False)[0]
        with mock.patch.object(cells, "FOLDER", self.tmp / "matrix"), mock.patch("build.configure", configure), \
                mock.patch("sources.using", lambda kernel, patched: contextlib.nullcontext(("6.1", self.tmp))), \
                mock.patch("build.make", side_effect=[BuildFailed("boom"), then("boom")]), mock.patch.object(objects, "selected", return_value=["a.o"]):
            cellrun._built(cell, self.tmp / "log", 0)

    def test_it_is_not_blamed_on_us(self) -> None:
        with self.assertRaisesRegex(cellrun._Skipped, "the unpatched tree does not build: stock: no target"):
            self.configured()
        with self.assertRaisesRegex(cellrun._Skipped, "the unpatched tree does not build: boom"):
            self.configured("patched", "stock")

    def test_what_is_ours_is(self) -> None:
        with self.assertRaisesRegex(BuildFailed, "^patched: no target"):
            self.configured("stock")

    def test_what_is_killed_is_nobodys(self) -> None:
        with self.assertRaises(Killed):
            self.configured("patched", "stock", then=Killed)


class Sparse(Folder):
    """Which sparse checks a cell."""

    def choose(self, *refused: str) -> tuple[list[str], dict[str, object]]:
        """What is chosen of two, when the kernel does not build with some; and the notes."""
        def make(kernel: object, *targets: str, log: pathlib.Path, extra: tuple[str, ...]) -> None:
            if any(f"CHECK={name}" in extra for name in refused):
                raise BuildFailed("invalid argument to '-march'")

        notes: dict[str, object] = {}
        cell = cells.choose(["7.3"], ["7.3/riscv64/gcc/plain"], False)[0]
        with mock.patch("tools.commands", return_value=iter((["old"], ["new"]))), mock.patch("build.make", make):
            return cellrun._sparse(cell, mock.Mock(), notes, self.tmp / "log"), notes

    def test_the_installed_one_if_it_can(self) -> None:
        self.assertEqual(self.choose(), (["old"], {}))

    def test_a_newer_one_where_that_does_not_know_the_flags(self) -> None:
        self.assertEqual(self.choose("old"), (["new"], {}))

    def test_one_that_is_killed_is_not_refused(self) -> None:
        with mock.patch("build.make", side_effect=Killed("make was ended")), self.assertRaises(Killed), \
                mock.patch("tools.commands", return_value=iter((["old"], ["new"]))):
            cellrun._sparse(cells.choose(["7.3"], ["7.3/arm/gcc/plain"], False)[0], mock.Mock(), {}, self.tmp / "log")

    def test_none_today_is_said_and_tried_again(self) -> None:
        notes: dict[str, object] = {}
        with mock.patch("tools.commands", side_effect=Unusable("go online once")):
            cellrun._sparse(cells.choose(["7.3"], ["7.3/arm/gcc/plain"], False)[0], mock.Mock(), notes, self.tmp / "log")
        self.assertEqual(notes, {"no sparse": "go online once", "again": True})

    def test_none_is_said(self) -> None:
        self.assertEqual(self.choose("old", "new"), ([], {"no sparse": "no sparse takes what this kernel gives to it"}))


class Kconfig(Folder):
    """Why a symbol is not there."""

    def setUp(self) -> None:
        super().setUp()
        (self.tmp / "arch/foo").mkdir(parents=True)
        (self.tmp / "Kconfig").write_text("config KVM\n\tbool \"KVM\"\n\tdepends on MMU\n\tdepends on HVM && !RT\n\n"
                                          "config SMP\n\tbool\n")

    def test_the_line_that_does_not_hold_is_named(self) -> None:
        for config, why in (("CONFIG_MMU=y\n", "CONFIG_KVM needs HVM && !RT"), ("", "CONFIG_KVM needs MMU"),
                            ("CONFIG_MMU=y\nCONFIG_HVM=m\nCONFIG_RT=y\n", "CONFIG_KVM needs HVM && !RT"),
                            ("CONFIG_MMU=y\nCONFIG_HVM=y\n", "CONFIG_KVM needs what stands around it in Kconfig"),
                            ("CONFIG_KVM=y\n", "")):
            with self.subTest(config=config):
                self.assertEqual(kconfig.lost(self.tmp, "foo", "CONFIG_KVM=y\n", "CONFIG_KVM=y\n", config), why)

    def test_a_symbol_that_the_kernel_lacks_counts_when_the_variant_asks(self) -> None:
        self.assertEqual(kconfig.lost(self.tmp, "foo", "CONFIG_NEW=y\n", "", ""), "")
        self.assertEqual(kconfig.lost(self.tmp, "foo", "CONFIG_NEW=y\n", "CONFIG_NEW=y\n", ""),
                         "CONFIG_NEW needs a kernel that has it")

    def test_what_cannot_be_switched_off(self) -> None:
        off = "CONFIG_SMP=n\n"
        self.assertRegex(kconfig.lost(self.tmp, "foo", off, off, "CONFIG_SMP=y\n"), "^CONFIG_SMP=n needs")


class Gates(Folder):
    """On objects of three lines."""

    def built(self, stock: str, ours: str, on: bool = False) -> gates.Built:
        """A cell with one object, panic.o, and with the layer another, added.o."""
        arch = archs.load()["x86_64"]
        sides = {}
        for side, text in (("stock", stock), ("ours", ours)):
            out = self.tmp / side
            out.mkdir(exist_ok=True)
            for name in ("panic", "added"):
                gcc = ["gcc", "-O2", "-x", "c", "-c", "-o", str(out / f"{name}.o"), "-"]
                subprocess.run(gcc, input=text, text=True, check=True)
            sides[side] = build.Kernel("7.3", "7.3", side == "ours", "off", arch, self.tmp / f"{side}-tree", out)
        return gates.Built(cells.Cell("7.3", arch, "gcc", "off"), "7.3", sides["stock"], sides["ours"], on, True,
                           ["panic.o"], ["added.o"] if on else [], {"stock": "", "ours": ""}, self.tmp / "cell.log")

    def test_identical_objects_and_others(self) -> None:
        self.assertEqual(gates.identical(self.built("int f(void) { return 1; }", "int f(void) { return 1; }\n\n")), [])
        self.assertEqual(gates.identical(self.built("int f(void) { return 1; }", "int f(void) { return 2; }")),
                         ["panic.o differs from the unpatched tree's without CONFIG_CRASH_STOP"])

    def test_the_paths_of_the_two_trees_are_no_difference(self) -> None:
        text = 'const char *f(void) { return "/trees/7.3-%s/kernel/cpu.c"; }'
        self.assertEqual(gates.identical(self.built(text % "stock", text % "lined")), [])
        self.assertEqual(len(gates.identical(self.built(text % "stock", text % "other"))), 1)

    def test_only_new_warnings_count_wherever_their_lines_are(self) -> None:
        built = self.built("", "")
        built.said = {"stock": f"{built.stock.tree}/a.c:7:1: warning: old\nb.o: warning: objtool: f+0x10: old\n",
                      "ours": f"{built.ours.tree}/a.c:9:1: warning: old\nb.o: warning: objtool: f+0x20: old\n"}
        self.assertEqual(gates.warnings(built), [])
        built.said["ours"] += f"{built.ours.tree}/a.c:11:1: warning: old\n{built.ours.tree}/c.c:1:1: error: new\n"
        self.assertEqual(gates.warnings(built), ["a.c: warning: old", "c.c: error: new"])

    def test_size_is_what_is_added(self) -> None:
        tree = self.tmp / "ours-tree/scripts"
        tree.mkdir(parents=True)
        (tree / "bloat-o-meter").write_text("print('Total: Before=100, After=70200, chg')\n")
        built = self.built("int f(void) { return 1; }", "int f(void) { return 1; }", on=True)
        self.assertRegex(gates.size(built)[0], "the layer adds 70100 bytes")
        (tree / "bloat-o-meter").write_text("raise SystemExit('bad nm')\n")
        self.assertEqual(gates.size(built), ["bloat-o-meter: bad nm"])
        built.whole = False
        self.assertEqual(gates.size(built), [])

    def modpost(self, kernel: build.Kernel, script: str) -> None:
        """What checks a linked kernel's sections, and what it says."""
        path = kernel.out / "scripts/mod/modpost"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def test_a_new_section_mismatch(self) -> None:
        built = self.built("", "")
        self.assertEqual(gates.mismatches(built), [])
        built.linked = built.ours
        says = "echo 'WARNING: modpost: vmlinux: section mismatch in reference: {}+0x{} (section: .text) -> g (section: .init.text)' >&2"
        self.modpost(built.stock, says.format("old", 10))
        self.modpost(built.ours, "echo 'vmlinux: nothing wrong'")
        with mock.patch("build.build", return_value=built.stock) as stock:
            self.assertEqual(gates.mismatches(built), [])
            stock.assert_not_called()
            self.modpost(built.ours, f"{says.format('old', 20)}; {says.format('crash_stop_cpus', 8)}")
            self.assertEqual(gates.mismatches(built), ["WARNING: modpost: vmlinux: section mismatch in reference: crash_stop_cpus "
                                                       "(section: .text) -> g (section: .init.text)"])
            stock.assert_called_once_with("7.3", built.cell.arch, False, "least", "vmlinux")

    def test_a_modpost_that_fails(self) -> None:
        built = self.built("", "")
        built.linked = built.ours
        self.modpost(built.ours, "echo 'FATAL: modpost: vmlinux.o: no such file' >&2; exit 1")
        with self.assertRaisesRegex(Unusable, f"{built.ours.out}: modpost: FATAL: modpost: vmlinux.o: no such file"):
            gates.mismatches(built)

    def test_bad_style_is_said_for_a_linked_architecture(self) -> None:
        checkpatch = 'for (grep { -f } @ARGV) { open F, $_; print "WARNING: $_: style\n" if <F> =~ /ugly/ }'
        doc = '#!/bin/sh\nfor f; do ! grep -sq undocumented "$f" || echo "${f##*/}:1: warning: no description"; done'
        for name, text in (("kernel/a.c", "fine"), ("arch/x86/kernel/b.c", "ugly"), ("arch/arm/kernel/c.c", "ugly"),
                           ("include/linux/d.h", "undocumented"), ("scripts/checkpatch.pl", checkpatch), ("scripts/kernel-doc", doc)):
            (self.tmp / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tmp / name).write_text(text)
        (self.tmp / "scripts/kernel-doc").chmod(0o755)
        self.addCleanup(gates._style.cache_clear)
        gates._style.cache_clear()
        built = self.built("", "")
        with mock.patch("lint.ROOT", self.tmp), mock.patch("sources.pristine", return_value=self.tmp):
            self.assertEqual(gates.style(built), [])
            built.linked = built.ours
            self.assertEqual(gates.style(built), ["WARNING: arch/x86/kernel/b.c: style", "d.h:1: warning: no description"])

    def test_the_crash_path_of_a_linked_kernel(self) -> None:
        built = self.built("", "")
        self.assertEqual(gates.crash_path(built), [])
        built.linked = built.ours
        found = audit.Audit(["reaches allocator: panic -> kmalloc"], deepest=[("owner", 700, []), ("stop signal", 900, [])],
                            said="80 functions reached")
        with mock.patch.object(audit, "audit", return_value=found), contextlib.redirect_stdout(io.StringIO()) as said:
            self.assertEqual(gates.crash_path(built), found.findings)
        self.assertEqual((said.getvalue(), built.log.read_text()), ("", "80 functions reached\n"))
        self.assertEqual(built.notes, {"stack": 900})
        self.assertIn(gates.crash_path, gates.GATES)

    def test_the_unpatched_objects_whose_warnings_have_to_be_known(self) -> None:
        touched = ["kernel/panic.o", "kernel/exit.o", "kernel/cpu.o"]
        for said, wanted in (("", []), (f"{self.tmp}/kernel/exit.c:7:1: warning: old\n", touched[1:2]),
                             ("kernel/cpu.o: warning: objtool: f+0x10: old\n", touched[2:]),
                             (f"{self.tmp}/kernel/crash_stop.c:7:1: warning: new\n", []),
                             (f"{self.tmp}/include/linux/smp.h:7:1: warning: whose?\n", touched)):
            with self.subTest(said=said):
                self.assertEqual(gates.suspects(said, self.tmp, touched), wanted)

    def test_unchanged_lines_keep_their_numbers(self) -> None:
        stock = "#ifdef SMP\nint a;\nint b;\n#endif\nint line = __LINE__;\n#if 0\n#else\nint more = __LINE__;\n#endif\n"
        patched = "int new;\n" + stock.replace("int b;\n", "int call;\nint b;\n").replace("int more", "int other;\nint more")
        for name, text in (("stock.c", stock), ("patched.c", patched)):
            (self.tmp / name).write_text(text)
        text = objects.with_lines(self.tmp / "stock.c", self.tmp / "patched.c")
        self.assertEqual([l for l in text.splitlines() if not l.startswith("#line")], patched.splitlines())
        for smp in ("-DSMP", "-USMP"):
            said = subprocess.run(["gcc", "-E", "-P", smp, "-"], input=text, capture_output=True, text=True, check=True).stdout
            self.assertEqual(re.findall(r"= (\d+)", said), ["5", "8"], said)

    def test_objects_that_a_configuration_does_not_have(self) -> None:
        (self.tmp / "kernel").mkdir()
        (self.tmp / "kernel/Makefile").write_text("obj-y += panic.o \\\n\tcpu.o\nobj-$(CONFIG_KEXEC_CORE) += kexec_core.o\n")
        names = ["kernel/panic.o", "kernel/kexec_core.o", "kernel/elsewhere.o"]
        self.assertEqual(objects.selected(names, self.tmp, ""), ["kernel/panic.o", "kernel/elsewhere.o"])
        self.assertEqual(objects.selected(names, self.tmp, "CONFIG_KEXEC_CORE=y\n"), names)

    def test_objects_in_folders_that_a_configuration_does_not_have(self) -> None:
        for name, text in (("drivers/Makefile", "obj-y += acpi/\n"), ("drivers/acpi/Makefile", "obj-$(CONFIG_APEI) += apei/\n"),
                           ("drivers/acpi/apei/Kbuild", "obj-$(CONFIG_GHES) += erst.o whole.o\nwhole-y := ghes.o\n")):
            (self.tmp / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tmp / name).write_text(text)
        names = ["drivers/acpi/apei/erst.o", "drivers/acpi/apei/ghes.o", "drivers/acpi/apei/other.o"]
        for config, wanted in (("CONFIG_APEI=y\nCONFIG_GHES=y\n", names), ("CONFIG_APEI=y\n", names[2:]), ("CONFIG_GHES=y\n", [])):
            self.assertEqual(objects.selected(names, self.tmp, config), wanted, config)

    def test_objects_that_include_what_is_changed(self) -> None:
        arm64, x86 = archs.load()["arm64"], archs.load()["x86_64"]
        for name, text in (("drivers/acpi/apei/ghes.c", "# include <linux/arm_sdei.h>\n"), ("kernel/a.c", "#include <uapi/linux/arm_sdei.h>\n"),
                           ("arch/arm64/kernel/sdei.c", "#include <linux/arm_sdei.h>\n"), ("arch/arm64/kernel/asm-offsets.c", "#include <linux/arm_sdei.h>\n"),
                           ("arch/x86/b.c", "#include <linux/arm_sdei.h>\n"), ("tools/c.c", "#include <linux/arm_sdei.h>\n"),
                           ("kernel/d.c", "/* <linux/arm_sdei.h> */\n"), (".crash-stop/e.c", "#include <linux/arm_sdei.h>\n")):
            (self.tmp / name).parent.mkdir(parents=True, exist_ok=True)
            (self.tmp / name).write_text(text)
        self.assertEqual(objects.including(arm64, "6.12", self.tmp), ["arch/arm64/kernel/sdei.o", "drivers/acpi/apei/ghes.o", "kernel/a.o"])
        self.assertEqual(objects.including(x86, "6.12", self.tmp), [])

    def test_a_compiler_that_is_too_old(self) -> None:
        (self.tmp / "scripts").mkdir()
        (self.tmp / "scripts/min-tool-version.sh").write_text("echo 12.10.0\n")
        arch = archs.load()["x86_64"]
        self.assertEqual(compilers.too_old("gcc", "12.9.1", self.tmp, arch),
                         "gcc 12.9.1 is too old, this kernel needs 12.10.0")
        self.assertEqual(compilers.too_old("gcc", "12.10.0", self.tmp, arch), "")


class Runs(Folder):
    """The runner, with cells that are told what to be."""

    def setUp(self) -> None:
        super().setUp()
        self.chosen = cells.choose(["7.3"], ["7.3/*/gcc/off"], False)[:3]
        for patch in (mock.patch.object(cells, "FOLDER", self.tmp), mock.patch.object(matrix, "_prepare"),
                      mock.patch.object(cellrun, "digest", lambda cell, seed: "d")):
            patch.start()
            self.addCleanup(patch.stop)

    def run_matrix(self, judge: object, **more: object) -> tuple[int, str]:
        """Run the three cells; exit code, and what was printed."""
        args = argparse.Namespace(**{"cell": [c.name for c in self.chosen], "kernel": ["7.3"], "all": False, "list": False,
                                     "shard": "", "jobs": 1, "again": False, "rerun_failed": False, "seed": 0, "on": None,
                                     "results": str(self.tmp / "results"), "junit": None, "ktap": None} | more)
        with mock.patch.object(cellrun, "_judge", judge), contextlib.redirect_stdout(io.StringIO()) as said:
            try:
                code = matrix.run(args)
            except Unusable as error:
                return 3, said.getvalue() + str(error)
        return code, said.getvalue()

    def states(self) -> list[str]:
        """Of the three cells, as they are written."""
        found = results.read(self.tmp / "results", self.tmp)
        return [found[c.name].state if c.name in found else "" for c in self.chosen]

    @staticmethod
    def good(cell: cells.Cell, log: pathlib.Path, result: Result, seed: int) -> None:
        """A cell that passes."""
        result.state = results.PASSED

    def bad_second(self, cell: cells.Cell, log: pathlib.Path, result: Result, seed: int) -> None:
        """The second does not build."""
        if cell.name == self.chosen[1].name:
            raise BuildFailed("panic.c:7: error: boom")
        result.state = results.PASSED

    def test_goes_on_after_a_bad_cell_and_its_log_begins_with_the_line_to_paste(self) -> None:
        code, said = self.run_matrix(self.bad_second)
        self.assertEqual(code, EXIT_BUILD)
        self.assertEqual(self.states(), ["passed", "broken", "passed"])
        self.assertRegex(said, r"\[2/3\] 7\.3 arm64 gcc off \.\.\. 00:\d\d BROKEN: panic.c:7: error: boom")
        log = (self.tmp / self.chosen[1].file / "cell.log").read_text()
        self.assertEqual(log.splitlines()[0], f"$ {paths.ROOT}/crash-stop matrix --again {self.chosen[1].name}")

    def test_what_takes_longest_begins_first(self) -> None:
        self.chosen = cells.choose(["6.12", "7.3"], ["6.12/arm/gcc/off", "7.3/arm/gcc/off", "7.3/x86_64/gcc/plain"], False)
        begun = []

        def judge(cell: cells.Cell, log: pathlib.Path, result: Result, seed: int) -> None:
            begun.append(cell.name)
            result.state = results.PASSED

        self.run_matrix(judge, kernel=["6.12", "7.3"])
        self.assertEqual(begun, ["7.3/x86_64/gcc/plain", "6.12/arm/gcc/off", "7.3/arm/gcc/off"])

    def test_resumes_and_reruns_what_failed(self) -> None:
        self.run_matrix(self.bad_second)
        code, said = self.run_matrix(self.good)
        self.assertIn("3 of 3 cells are as an earlier run has left them", said)
        self.assertEqual(code, EXIT_BUILD)
        code, said = self.run_matrix(self.good, rerun_failed=True)
        self.assertIn("[1/1] 7.3 arm64 gcc off", said)
        self.assertEqual((code, self.states()), (EXIT_HELD, ["passed"] * 3))

    def test_reruns_nothing_but_what_failed(self) -> None:
        self.chosen = cells.choose(["7.3"], ["7.3/arm/gcc/off", "7.3/arm/gcc/lockdep", "7.3/x86_64/gcc/off"], False)
        names = {"cell": [], "rerun_failed": True}
        self.assertIn("has no results of an earlier run", self.run_matrix(self.good, **names)[1])
        self.run_matrix(self.bad_second)
        self.assertFalse(self.chosen[1].default)
        results.write(self.tmp / "results", Result(self.chosen[2].name, "passed"))
        with mock.patch.object(cellrun, "digest", lambda cell, seed: "other"):
            code, said = self.run_matrix(self.good, **names)
        self.assertIn(f"[1/1] 7.3 {self.chosen[1].arch.name} gcc {self.chosen[1].variant}", said)
        self.assertEqual((code, self.states()), (EXIT_HELD, ["passed"] * 3))
        self.assertEqual(self.run_matrix(self.good, **names), (EXIT_HELD, "nothing has failed\n"))
        self.assertEqual(len(results.merge([self.tmp / "results"])), 3)

    def test_what_another_day_may_have_is_not_kept(self) -> None:
        built = mock.Mock(notes={"no sparse": "could not be fetched", "again": True})
        full, kept = OSError(errno.EIO, "Input/output error", "/dev/sda"), lambda said: "are as an earlier run" in said
        for error, state, again in ((Unusable("no network"), "broken", True), (full, "broken", True), (NotNow("later"), "skipped", True),
                                    (NotHere("never"), "skipped", False), (BuildFailed("boom"), "broken", False)):
            with self.subTest(state=state, error=error):
                self.run_matrix(mock.Mock(side_effect=error), again=True)
                self.assertEqual(self.states(), [state] * 3)
                self.assertEqual(kept(self.run_matrix(self.good)[1]), not again)
        with mock.patch.object(cellrun, "_built", return_value=built), mock.patch("compilers.version", return_value="99"), \
                mock.patch.object(gates, "GATES", ()), mock.patch("sources.find", return_value=("7.3", self.tmp)):
            self.run_matrix(cellrun._judge, again=True)
        self.assertEqual(self.states(), ["passed"] * 3)
        self.assertFalse(kept(self.run_matrix(self.good)[1]))

    def test_a_cell_without_a_result_is_not_green(self) -> None:
        with mock.patch.object(results, "write", side_effect=lambda folder, one: folder.mkdir(exist_ok=True)):
            code, said = self.run_matrix(self.good)
        self.assertEqual(code, EXIT_FAILED)
        self.assertIn(f"crashed: {self.chosen[2].kernel} {self.chosen[2].arch.name} gcc off: has no result", said)

    def test_a_shard_that_never_began(self) -> None:
        for k in (1, 3):
            self.run_matrix(self.good, shard=f"{k}/3", results=str(self.tmp / str(k)))
        merged = {"cell": ["merge", *(str(self.tmp / str(k)) for k in (1, 3))]}
        code, said = self.run_matrix(self.good, **merged)
        self.assertEqual(code, EXIT_FAILED)
        self.assertIn("crashed: 7.3 arm64 gcc off: shard 2/3 is not among these folders", said)
        self.assertIn("2 passed, 1 crashed", said)
        self.run_matrix(self.good, shard="2/3", results=str(self.tmp / "1"))
        self.assertEqual(self.run_matrix(self.good, **merged)[0], EXIT_HELD)

    def test_a_shard_that_did_not_get_to_a_cell(self) -> None:
        into, name = self.tmp / "results", self.chosen[2].name
        with mock.patch.object(matrix, "_here", side_effect=KeyboardInterrupt), self.assertRaises(KeyboardInterrupt):
            self.run_matrix(self.good, junit=str(self.tmp / "junit"))
        self.assertEqual(xml.parse(self.tmp / "junit").getroot().get("failures"), "3")
        self.assertEqual([(r.state, r.why) for r in results.merge([into])], [("crashed", ["has no result"])] * 3)
        self.run_matrix(self.good)
        self.assertEqual({r.state for r in results.merge([into])}, {"passed"})
        # A part that is run again is not all that there is.
        (into / f"{self.chosen[2].file}.json").unlink()
        self.run_matrix(self.good, cell=[self.chosen[0].name], again=True)
        self.assertEqual([r.cell for r in results.merge([into]) if r.state == "crashed"], [name])
        # Another run is another one.
        self.run_matrix(self.good, cell=[self.chosen[0].name, "7.3/x86_64/gcc/up"])
        self.assertEqual({r.state for r in results.merge([into])}, {"passed"})

    def test_what_went_in_has_changed(self) -> None:
        self.run_matrix(self.good)
        with mock.patch.object(cellrun, "digest", lambda cell, seed: "other"):
            self.assertIn("[3/3]", self.run_matrix(self.good)[1])

    @staticmethod
    def too_full(write: object, name: str) -> object:
        """A way to write files that has no space for some."""
        def whole(path: pathlib.Path, content: str) -> None:
            if name in path.name:
                raise OSError(errno.ENOSPC, "No space left on device", str(path))
            write(path, content)

        return whole

    def test_a_full_disk_stops_the_run_and_keeps_what_is_done(self) -> None:
        def full(cell: cells.Cell, log: pathlib.Path, result: Result, seed: int) -> None:
            if cell.name == self.chosen[1].name:
                raise BuildFailed("cc1: error: panic.s: No space left on device")
            result.state = results.PASSED

        with mock.patch("files.whole", self.too_full(files.whole, "junit")):
            code, said = self.run_matrix(full, junit=str(self.tmp / "junit"))
        self.assertEqual((code, self.states()), (3, ["passed", "crashed", ""]))
        self.assertRegex(said, r"1 passed, 1 crashed\n.*: No space left on device; free some space and start it again")
        self.assertEqual((self.run_matrix(self.good)[0], self.states()), (EXIT_HELD, ["passed"] * 3))

    def test_a_cell_whose_compiler_was_killed_is_run_again(self) -> None:
        def killed(cell: cells.Cell, log: pathlib.Path, result: Result, seed: int) -> None:
            if cell.name == self.chosen[1].name:
                raise Killed("make was ended: Killed")
            result.state = results.PASSED

        code, said = self.run_matrix(killed)
        self.assertEqual((code, self.states()), (EXIT_FAILED, ["passed", "crashed", "passed"]))
        self.assertIn("CRASHED: make was ended: Killed", said)
        self.assertIn("[1/1] 7.3 arm64 gcc off", self.run_matrix(self.good)[1])

    def test_a_result_that_cannot_be_written(self) -> None:
        with mock.patch("files.whole", self.too_full(files.whole, "+")):
            self.assertEqual(self.run_matrix(self.good)[0], 3)
        self.assertEqual([p.name for p in (self.tmp / "results").iterdir()], ["shard-1-of-1.json"])

    def test_a_killed_run_is_crashed_and_one_that_runs_is_not(self) -> None:
        one = Result(self.chosen[0].name, results.RUNNING)
        results.write(self.tmp / "results", one)
        with locks.held(self.tmp / self.chosen[0].file):
            self.assertEqual(self.states()[0], "running")
        self.assertEqual(self.states()[0], "crashed")

    def test_the_seed_of_a_cell_that_does_not_build_is_said(self) -> None:
        self.chosen = cells.choose(["7.3"], ["7.3/arm64/gcc/randconfig"], False)

        def bad(cell: cells.Cell, log: pathlib.Path, result: Result, seed: int) -> None:
            raise BuildFailed(f"boom of {seed}")

        self.assertRegex(self.run_matrix(bad, seed=7)[1], r"randconfig \(seed 7\) \.\.\. 00:\d\d BROKEN: boom of 7")

    def test_a_folder_is_run_each_time(self) -> None:
        (self.tmp / "linux").mkdir()
        kernel = str(self.tmp / "linux")
        label = "dir-" + re.sub(r"\W+", "-", kernel[1:])
        with mock.patch.object(cellrun, "digest", DIGEST), contextlib.chdir(self.tmp):
            for _ in range(2):
                code, said = self.run_matrix(self.good, kernel=["linux"], cell=["*/arm/gcc/off"])
                self.assertEqual(code, EXIT_HELD)
                self.assertIn(f"[1/1] {label} arm gcc off", said)
        one = results.read(self.tmp / "results")[f"{label}/arm/gcc/off"]
        self.assertEqual((one.state, one.digest), ("passed", ""))
        self.assertEqual(pathlib.Path(one.log).read_text(), f"$ {paths.ROOT}/crash-stop matrix --kernel {kernel} --again {one.cell}\n")

    def test_skipped_is_not_green(self) -> None:
        def lost(cell: cells.Cell, log: pathlib.Path, result: Result, seed: int) -> None:
            raise build.DidNotSurvive("here", "CONFIG_KVM needs MMU")

        code, said = self.run_matrix(lost)
        self.assertEqual(code, EXIT_SKIPPED)
        self.assertIn("skipped: CONFIG_KVM needs MMU", said)


class Slurm(Folder):
    """Tasks that Slurm ends, with an sbatch that leaves what they have written."""

    def test_a_task_without_a_result_has_crashed(self) -> None:
        chosen = cells.choose(["7.3"], ["7.3/*/gcc/off"], False)[:3]
        own = Result(chosen[0].name, results.CRASHED, ["make was ended: Killed"], log="cell.log")
        for one in (own, Result(chosen[1].name, results.RUNNING)):
            results.write(self.tmp / "written", one)
        sbatch = self.tmp / "bin/sbatch"
        sbatch.parent.mkdir()
        sbatch.write_text(f"#!/bin/sh\ncp {self.tmp}/written/* {self.tmp}/results\necho 7\n")
        sbatch.chmod(0o755)
        with mock.patch.dict(os.environ, PATH=f"{sbatch.parent}:{os.environ['PATH']}"), mock.patch("packages.need"), \
                mock.patch.object(cells, "FOLDER", self.tmp / "matrix"), contextlib.redirect_stdout(io.StringIO()):
            slurm.run(chosen, self.tmp / "results", 1, 0, matrix.Progress(3))
        found = results.read(self.tmp / "results")
        ended = ["Slurm ended its task without a result"]
        self.assertEqual([(found[c.name].state, found[c.name].why) for c in chosen],
                         [("crashed", own.why), ("crashed", ended), ("crashed", ended)])


class Results(Folder):
    """What is written, merged and shown."""

    ALL = [Result("7.3/arm64/gcc/off", "passed", seconds=3),
           Result("7.3/arm64/gcc/rt", "failed", ["warnings: <new>"], log="x.log"),
           Result("6.12/s390/gcc/up", "skipped", ["CONFIG_SMP=n needs another architecture"])]

    def test_the_table_is_architecture_by_kernel(self) -> None:
        self.assertEqual(results.table(self.ALL).splitlines(), ["       7.3                 6.12",
                                                                "arm64  1 passed, 1 FAILED  -",
                                                                "s390   -                   1 skipped"])
        self.assertEqual([line.split()[0] for line in results.table(self.ALL[::-1]).splitlines()], ["6.12", "arm64", "s390"])

    def test_junit_and_ktap(self) -> None:
        suite = xml.fromstring(results.junit(self.ALL))
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("skipped")), ("3", "1", "1"))
        self.assertEqual(suite.find(".//failure").get("message"), "failed: warnings: <new>")
        lines = results.ktap(self.ALL).splitlines()
        self.assertEqual(lines[:2], ["KTAP version 1", "1..3"])
        self.assertIn("not ok 2 7.3/arm64/gcc/rt", lines)
        self.assertIn("ok 3 6.12/s390/gcc/up # SKIP CONFIG_SMP=n needs another architecture", lines)

    def test_what_is_not_over_is_not_green(self) -> None:
        with mock.patch("locks.free", return_value=False):
            results.write(self.tmp, Result("7.3/arm/gcc/off", "running"))
            one = results.read(self.tmp, self.tmp)["7.3/arm/gcc/off"]
        found = [self.ALL[0], one]
        self.assertEqual(xml.fromstring(results.junit(found)).find(".//failure").get("message"), "running: another run is at it")
        self.assertEqual(results.ktap(found).splitlines()[3:], ["# another run is at it", "not ok 2 7.3/arm/gcc/off"])
        self.assertIn("running: 7.3 arm gcc off: another run is at it\n1 passed, 1 running", results.summary(found))
        self.assertEqual(results.exit_code(found), EXIT_FAILED)

    def test_what_a_linked_kernel_costs_is_a_line(self) -> None:
        linked = [Result(f"7.3/{arch}/gcc/plain", "passed", notes={"bytes": 12345, "stack": stack})
                  for arch, stack in (("arm64", 720), ("s390", 1024))]
        more = Result("6.12/arm64/gcc/plain", "passed", notes={"bytes": 1})
        self.assertEqual([line for line in results.summary([*linked, more, *self.ALL]).splitlines() if "stack" in line],
                         ["7.3 arm64: 12345 bytes added, crash path 720 bytes of stack",
                          "7.3 s390: 12345 bytes added, crash path 1024 bytes of stack"])

    def test_merge(self) -> None:
        for number, one in enumerate(self.ALL):
            results.write(self.tmp / str(number % 2), one)
        both = [self.tmp / "0", self.tmp / "1"]
        self.assertEqual({r.cell for r in results.merge(both)}, {r.cell for r in self.ALL})
        self.assertEqual(results.exit_code(results.merge(both)), EXIT_FAILED)
        results.write(self.tmp / "1", Result("7.3/arm64/gcc/off", "failed"))
        with self.assertRaisesRegex(Unusable, "7.3/arm64/gcc/off: passed in one folder, failed in"):
            results.merge(both)

    def test_a_folder_of_one_run_and_then_of_another(self) -> None:
        for names, k, n, part, there in (("abcd", 1, 2, False, {"abcd"}), ("abcd", 2, 2, False, {"abcd"}), ("ab", 1, 1, True, {"abcd"}),
                                         ("ab", 1, 1, False, {"ab"}), ("abc", 1, 1, True, {"abc"})):
            results.plan(self.tmp, list(names), k, n, part)
            self.assertEqual({"".join(json.loads(p.read_text())) for p in self.tmp.iterdir()}, there, names)
        (self.tmp / "shard-1-of-1.json").write_text("3")
        with self.assertRaisesRegex(Unusable, "shard-1-of-1.json: not a shard's cells"):
            results.merge([self.tmp])

    def test_merge_of_what_are_no_results(self) -> None:
        with self.assertRaisesRegex(Unusable, "not a folder"):
            results.merge([self.tmp / "none"])
        with self.assertRaisesRegex(Unusable, "has no results"):
            results.merge([self.tmp])
        (self.tmp / "7.3+a+gcc+b.json").write_text("{")
        with self.assertRaisesRegex(Unusable, "not a cell's result"):
            results.merge([self.tmp])

    def test_a_shard_that_was_killed_fails_the_whole(self) -> None:
        results.write(self.tmp, self.ALL[0])
        results.write(self.tmp, Result("7.3/arm/gcc/off", "running"))
        self.assertEqual(results.exit_code(results.merge([self.tmp])), EXIT_FAILED)


class Locks(Folder):
    """Two processes and one folder."""

    def other(self) -> subprocess.Popen:
        """A process that holds the folder and says so."""
        text = f"import sys, time; sys.path.insert(0, {str(paths.ROOT / 'cross-build')!r})\n" \
               f"import locks, pathlib\nwith locks.held(pathlib.Path({str(self.tmp / 'build/one')!r})):\n" \
               "    print('held', flush=True); time.sleep(60)"
        return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)

    def test_the_second_waits_and_says_so_in_one_line(self) -> None:
        folder = self.tmp / "build/one"
        with self.other() as first:
            self.assertEqual(first.stdout.readline(), "held\n")
            self.assertFalse(locks.free(folder))
            signal.signal(signal.SIGALRM, lambda *_: first.kill())
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            before = time.monotonic()
            with contextlib.redirect_stderr(io.StringIO()) as said, locks.held(folder):
                self.assertGreater(time.monotonic() - before, 0.2)
        self.assertEqual(said.getvalue(), f"waiting for {folder}: in use by process {first.pid}\n")
        self.assertTrue(locks.free(folder))

    def test_readers_share(self) -> None:
        folder = self.tmp / "trees/one"
        with locks.held(folder, shared=True), contextlib.redirect_stderr(io.StringIO()) as said:
            with locks.held(folder, shared=True):
                self.assertEqual(said.getvalue(), "")


class Documents(unittest.TestCase):
    """What Documentation/cross-build.rst says of the data."""

    def test_every_variant_gate_and_architecture_is_there(self) -> None:
        text = (paths.ROOT / "Documentation/cross-build.rst").read_text()
        names = {v for a in archs.compiled().values() for v in a.variants()}
        for name in (*names, *archs.compiled(), *(g.__name__ for g in gates.GATES)):
            self.assertIn(f"``{name}``", text)


if __name__ == "__main__":
    unittest.main()
