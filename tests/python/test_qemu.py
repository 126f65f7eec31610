# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's monitor, when QEMU does not do what it should."""

import json
import pathlib
import socket
import tempfile
import threading
import unittest
from types import SimpleNamespace
from unittest import mock

import paths  # noqa: F401
import qemu

RUNS = SimpleNamespace(poll=lambda: None, args=["qemu"])


class Monitor(unittest.TestCase):
    """Against a program that greets, answers so many requests, and then says nothing or ends."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name, "qmp")
        self.asked: list[str] = []
        self.over = threading.Event()
        self.addCleanup(self.over.set)

    def monitor(self, answers: int, ends: bool, refused: int = 0) -> qemu.Monitor:
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(str(self.path))
        server.listen()

        def serve() -> None:
            there, _ = server.accept()
            with there, there.makefile("rwb", buffering=0) as file:
                file.write(b'{"QMP": {}}\n')
                for n in range(answers):
                    self.asked.append(json.loads(file.readline())["execute"])
                    answer = {"return": f"answer {n}"}
                    if self.asked[-1] == "cont" and self.asked.count("cont") <= refused:
                        answer = {"error": {"class": "GenericError", "desc": "Resetting the Virtual Machine is required"}}
                    file.write(b'{"event": "RESUME"}\n' + json.dumps(answer).encode() + b"\n")
                if not ends:
                    self.over.wait()

        threading.Thread(target=serve, daemon=True).start()
        found = qemu.Monitor(self.path, RUNS)
        self.addCleanup(found.close)
        return found

    def test_answers(self) -> None:
        found = self.monitor(2, False)
        self.assertEqual(found.registers(), "answer 1")
        self.assertFalse(found.silent)

    def test_one_that_does_not_answer_is_not_waited_for(self) -> None:
        found = self.monitor(1, False)
        with mock.patch.object(qemu, "ANSWER_S", 0.1):
            self.assertEqual(found.registers(), "")
        self.assertTrue(found.silent)
        with mock.patch("select.select", side_effect=AssertionError("asked again")):
            found.reset()

    def test_one_that_ends(self) -> None:
        found = self.monitor(1, True)
        for _ in range(3):
            self.assertEqual(found.registers(), "")
        self.assertFalse(found.silent)

    def test_a_machine_that_was_off_goes_on_when_it_is_reset(self) -> None:
        found = self.monitor(5, False, refused=2)
        found.reset()
        self.assertEqual(self.asked, ["qmp_capabilities", "system_reset", "cont", "cont", "cont"])
        self.assertFalse(found.silent)

    def test_one_that_ends_is_not_asked_to_go_on(self) -> None:
        found = self.monitor(2, True)
        with mock.patch("time.sleep", side_effect=AssertionError("asked again")):
            found.reset()

    def test_a_run_whose_monitor_is_silent_ends(self) -> None:
        guest = object.__new__(qemu.Guest)
        guest._pending, guest.monitor, guest.transcript = b"", SimpleNamespace(silent=True), qemu.Transcript("")
        self.assertIsNone(guest.next_line())
        self.assertEqual(guest.transcript.end, "qemu")


if __name__ == "__main__":
    unittest.main()
