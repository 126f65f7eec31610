# SPDX-License-Identifier: GPL-2.0-only
"""Where the unit tests run, and how much of them."""

import argparse
import unittest
from types import SimpleNamespace
from unittest import mock

import paths  # noqa: F401
import archs
from parts import machines


def chosen(**given: object) -> dict[str, list[machines.Target]]:
    """The targets on an x86_64 machine."""
    args = argparse.Namespace(**{"arch": None, "all": False, **given})
    with mock.patch("packages.need"), mock.patch("os.uname", return_value=SimpleNamespace(machine="x86_64")):
        return machines.targets(args)


class Targets(unittest.TestCase):
    """machines.targets()"""

    def test_every_architecture_is_in_the_slice(self) -> None:
        self.assertEqual(set(chosen()), {*archs.load(), "ppc64"})

    def test_the_slice_runs_every_case_on_each_kind_of_machine(self) -> None:
        whole = {name for name, its in chosen().items() if not any(t.storm for t in its)}
        kinds = [{(a.get("registers", "note_pc_bytes"), a.get("registers", "byteorder")) for n, a in archs.load().items() if n in names}
                 for names in (whole, archs.load())]
        self.assertEqual(*kinds)
        self.assertLess(len(whole), len(chosen()))
        for name, its in chosen().items():
            self.assertEqual([t.machine for t in its], ["threads"] if name not in whole else
                             ["threads", "threads"] if name == "x86_64" else ["fibers", "threads"], name)

    def test_what_is_asked_for_runs_every_case(self) -> None:
        for its in (*chosen(all=True).values(), *chosen(arch=["riscv64", "ppc64"]).values()):
            self.assertEqual([t.storm for t in its], [False, False])
        self.assertEqual(list(chosen(arch=["riscv64", "ppc64"])), ["riscv64", "ppc64"])

    def test_the_storm_is_all_that_runs(self) -> None:
        target = chosen()["riscv64"][0]
        with mock.patch.object(machines, "_unit", return_value=({"storm": True}, "")) as unit:
            self.assertEqual(machines._target(target, False), (1, 1, ""))
        self.assertEqual([call.kwargs["TEST"] for call in unit.mock_calls], ["storm"])

    def test_a_storm_that_fails(self) -> None:
        target = chosen()["riscv64"][0]
        for cases, why in (({"storm": False}, "storm: # not so"), ({}, "# not so")):
            with mock.patch.object(machines, "_unit", return_value=(cases, "# not so\n")):
                self.assertEqual(machines._target(target, False), (0, len(cases), why))


if __name__ == "__main__":
    unittest.main()
