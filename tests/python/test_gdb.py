# SPDX-License-Identifier: GPL-2.0-only
"""A CPU is put elsewhere: what is said to QEMU's gdb server, and what is done when it refuses."""

import pathlib
import re
import socket
import tempfile
import threading
import unittest

import paths
import archs
import gdb
from errors import Unusable


class Server:
    """Answers as QEMU does, or refuses one request."""

    def __init__(self, path: pathlib.Path, refuses: str = "") -> None:
        self.asked: list[str] = []
        self._refuses = refuses
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        peer, data = self._listener.accept()[0], b""
        with peer, self._listener:
            while more := peer.recv(4096):
                data += more
                while found := re.search(rb"\$(.*?)#(..)", data):
                    request, data = found[1].decode(), data[found.end():]
                    self.asked.append(request)
                    said = "E22" if self._refuses and request.startswith(self._refuses) else "OK"
                    good = sum(found[1]) % 256 == int(found[2], 16)
                    if len(self.asked) == 2:
                        peer.sendall(b"$T02thread:01;#00")  # the machine stands still by now
                    # In two pieces, as a socket may.
                    peer.sendall(b"+$" if good else b"-$")
                    peer.sendall(f"{said}#00".encode())

    def end(self) -> list[str]:
        """What it was asked."""
        self._thread.join()
        return self.asked


class Put(unittest.TestCase):
    """One CPU, one register."""

    def asked(self, counter: gdb.Counter, refuses: str = "") -> list[str]:
        with tempfile.TemporaryDirectory() as tmp:
            path = pathlib.Path(tmp, "gdb")
            server = Server(path, refuses)
            try:
                gdb.put(path, 2, counter, 0xFFFF800012345678)
            finally:
                asked = server.end()
            return asked

    def test_what_is_asked(self) -> None:
        asked = self.asked(gdb.Counter.of(archs.load()["x86_64"]))
        self.assertEqual(asked[2:], ["Hg3", "P10=785634120080ffff", "D"])
        self.assertEqual(self.asked(gdb.Counter(1, 8, "big"))[3], "P1=ffff800012345678")

    def test_each_architecture_whose_cpus_stand_by_says_where_its_counter_is(self) -> None:
        for arch in archs.load().values():
            if not arch.get("impossible", "standby"):
                self.assertGreater(gdb.Counter.of(arch).number, 0, arch.name)

    def test_refused(self) -> None:
        for request in ("Hg3", "P10", "D"):
            with self.subTest(request), self.assertRaisesRegex(Unusable, f"says E22 to {request}"):
                self.asked(gdb.Counter(16, 8, "little"), request)


if __name__ == "__main__":
    unittest.main()
