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


def _ask(server: socket.socket, request: str) -> str:
    """One packet and its answer."""
    server.sendall(f"${request}#{sum(request.encode()) % 256:02x}".encode())
    data = b""
    while not (found := re.search(rb"\$(.*?)#..", data, re.S)):
        if not (more := server.recv(65536)):
            raise Unusable(f"QEMU's gdb server has ended instead of answering to {request}")
        data += more
    server.sendall(b"+")
    return found[1].decode("latin-1")


def put(path: pathlib.Path, cpu: int, counter: Counter, address: int) -> None:
    """Let a CPU go on at an address. The machine stands still while the server is asked, and its clock with it."""
    value = address.to_bytes(counter.size, counter.byteorder).hex()
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(ANSWER_S)
        server.connect(str(path))
        # Without these two it takes no single register.
        _ask(server, "qSupported:xmlRegisters=i386")
        _ask(server, "qXfer:features:read:target.xml:0,ffff")
        for request in (f"Hg{cpu + 1:x}", f"P{counter.number:x}={value}", "D"):
            if (said := _ask(server, request)) != "OK":
                raise Unusable(f"QEMU's gdb server says {said or 'nothing'} to {request}")
