# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's gdb server, as far as it takes to let a CPU go on elsewhere.

So a CPU can be made to hang that runs no code of the test driver: one that has stopped.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import socket

from archs import Arch
from errors import Unusable

ANSWER_S = 10.0


@dataclasses.dataclass(frozen=True)
class Counter:
    """The program counter, as gdb knows it."""

    number: int
    size: int
    byteorder: str

    @staticmethod
    def of(arch: Arch) -> "Counter":
        """An architecture's."""
        number, size = (int(arch.get("registers", key)) for key in ("gdb_pc", "note_pc_bytes"))
        return Counter(number, size, arch.get("registers", "byteorder"))


class _Server:
    """The server, and what it has sent so far."""

    def __init__(self, peer: socket.socket) -> None:
        self._peer, self._data = peer, b""

    def ask(self, request: str) -> str:
        """One packet and its answer; that the machine stands still is said at any time, and no answer."""
        self._peer.sendall(f"${request}#{sum(request.encode()) % 256:02x}".encode())
        answer = "T"
        while answer[:1] == "T":
            while not (found := re.search(rb"\$(.*?)#..", self._data, re.S)):
                if not (more := self._peer.recv(65536)):
                    raise Unusable(f"QEMU's gdb server has ended instead of answering to {request}")
                self._data += more
            self._data = self._data[found.end():]
            answer = found[1].decode("latin-1")
            self._peer.sendall(b"+")
        return answer


def put(path: pathlib.Path, cpu: int, counter: Counter, address: int) -> None:
    """Let a CPU go on at an address. The machine stands still while the server is asked, and its clock with it."""
    value = address.to_bytes(counter.size, counter.byteorder).hex()
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(ANSWER_S)
        peer.connect(str(path))
        server = _Server(peer)
        # Without these two it takes no single register.
        server.ask("qSupported:xmlRegisters=i386")
        server.ask("qXfer:features:read:target.xml:0,ffff")
        for request in (f"Hg{cpu + 1:x}", f"P{counter.number:x}={value}", "D"):
            if (said := server.ask(request)) != "OK":
                raise Unusable(f"QEMU's gdb server says {said or 'nothing'} to {request}")
