# SPDX-License-Identifier: GPL-2.0-only
"""The ways to boot that prepare files: their data, and the addresses that several files have."""

import os
import re
import shlex
import subprocess
import unittest

import paths
import archs
import scenarios

FIRMWARE = archs.ROOT / "tests/boot/firmware"


def number(name: str, pattern: str) -> int:
    """A number in a file."""
    return int(re.search(pattern, (FIRMWARE / name).read_text())[1], 0)


class Firmware(unittest.TestCase):
    """What a run would find out late."""

    def options(self) -> list[tuple[archs.Arch, str]]:
        """Every way to boot of every architecture."""
        return [(a, f"option {o}") for a in archs.load().values() for o in a.names("option")]

    def test_what_prepares_is_a_program(self) -> None:
        found = [shlex.split(a.get(o, "prepare")) for a, o in self.options() if a.get(o, "prepare")]
        self.assertTrue(found)
        for program, *_ in found:
            self.assertTrue(os.access(archs.ROOT / program, os.X_OK), program)

    def test_scenarios_of_an_option_are_known_and_in_the_slice(self) -> None:
        for arch, option in self.options():
            slice_ = {(c.scenario.name, c.get("kdump"), c.get("boot")) for c in scenarios.pairwise([arch])}
            for name in arch.get(option, "scenarios").split():
                base = name.removesuffix("-kdump")
                case = base, "no" if base == name else "yes", option.removeprefix("option ")
                self.assertIn(case, slice_)

    def test_addresses_agree(self) -> None:
        kernel = number("monitor.h", r"KERNEL_BASE\s+(0x\w+)")
        self.assertEqual(kernel, number("prepare", r"kernel_base=(0x\w+)"))
        self.assertEqual(kernel, number("tfa", r"PRELOADED_BL33_BASE=(0x\w+)"))
        self.assertEqual(kernel, number("Makefile", r"-Ttext=(0x\w+)"))
        self.assertEqual(number("monitor.h", r"FAULT_BASE\s+(0x\w+)"), number("prepare", r"fault_base=(0x\w+)"))

    def test_faults_agree(self) -> None:
        enum = re.search(r"enum fault \{(.*?)\}", (FIRMWARE / "monitor.h").read_text())[1]
        names = [n.strip().removeprefix("FAULT_").lower() for n in enum.split(",")]
        told = re.findall(r"^(\w+)(?:=\*)?\) kind=(\d)", (FIRMWARE / "prepare").read_text(), re.M)
        self.assertEqual([(n, str(i)) for i, n in enumerate(names) if i], told)

    def test_an_unknown_fault_is_refused(self) -> None:
        run = subprocess.run([FIRMWARE / "prepare", "explode", "k", "i", "a", "/nonexistent"], capture_output=True, text=True)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("explode", run.stderr)


if __name__ == "__main__":
    unittest.main()
