# SPDX-License-Identifier: GPL-2.0-only
"""Which of the architectures this machine is."""

import argparse
import configparser
import unittest
from types import SimpleNamespace
from unittest import mock

import paths  # noqa: F401
import archs
import compilers
from errors import Unusable
from parts import common, machines

# What "uname -m" says, and what we call it.
NAMES = {"x86_64": "x86_64", "aarch64": "arm64", "ppc64le": "powerpc", "s390x": "s390", "riscv64": "riscv64", "armv7l": "arm",
         "armv8l": "arm", "i686": "i386", "ppc": "ppc32", "mips": "mips", "ppc64": "ppc64", "loongarch64": "loongarch64"}
ARGS = argparse.Namespace(arch=None, all=False)


def on(machine: str) -> "mock._patch[object]":
    """This machine is another one."""
    return mock.patch("os.uname", return_value=SimpleNamespace(machine=machine))


class Here(unittest.TestCase):
    """archs.here(), and who asks it."""

    def test_names(self) -> None:
        for machine, name in NAMES.items():
            with self.subTest(machine=machine), on(machine):
                self.assertEqual(archs.here(), name)

    def test_no_two_are_the_same_machine(self) -> None:
        said = [m for name, arch in archs.compiled().items() for m in arch.get("arch", "machine", name).split()]
        self.assertEqual(sorted(said), sorted(set(said)))

    def test_its_own_compiler_is_no_cross_compiler(self) -> None:
        for machine, name in NAMES.items():
            if name in archs.compiled():
                with self.subTest(machine=machine), on(machine):
                    native = [a for a, arch in archs.compiled().items()
                              if compilers.GCC in compilers.names(arch) and not compilers.cross(arch)]
                    self.assertEqual(native, [name])

    def test_its_own_lines_of_a_variant_come_behind_those_of_all(self) -> None:
        for name, arch in archs.load().items():
            with self.subTest(arch=name):
                every, own = (archs._read(p)["variant least"]["lines"].split() for p in (archs.VARIANTS, arch.folder / "crash_stop.conf"))
                self.assertEqual(arch.variants()["least"].lines.split(), every + own)
                self.assertFalse(arch.variants()["least"].default)

    def test_what_the_shared_variant_does_not_take_is_refused(self) -> None:
        for key in ("objects", "default", "after", "what"):
            with self.subTest(key=key):
                conf = configparser.ConfigParser()
                conf.read_dict({"variant least": {"lines": "CONFIG_A=y", key: "plain"}})
                with self.assertRaisesRegex(Unusable, rf"toy: \[variant least\]: {key}: "):
                    archs.Arch("toy", archs.ROOT, conf).variants()

    def test_the_slice_is_its_own(self) -> None:
        for machine, name in NAMES.items():
            if name in archs.load():
                with self.subTest(machine=machine), on(machine):
                    self.assertEqual([a.name for a in common.native(ARGS)], [name])

    def test_its_unit_tests_are_not_emulated(self) -> None:
        with on("aarch64"), mock.patch("packages.need"):
            its = machines.targets(ARGS)["arm64"]
        self.assertEqual([t.run for t in its], [(), ()])
        self.assertEqual([t.how for t in its], ["ASan+UBSan", "TSan"])


if __name__ == "__main__":
    unittest.main()
