# SPDX-License-Identifier: GPL-2.0-only
"""The parts about the matrix: a few real cells, here and through Slurm, where a node is lost."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator

import cells
import packages
from archs import ROOT
from errors import Unusable
from parts.common import Results

# The slice compares objects without the layer, and passes all gates with it, on the kernel that part "size" has linked;
# besides, an architecture without a backend.
SLICE = ("7.3/arm64/gcc/off", "7.3/x86_64/gcc/plain")
MORE = ("7.3/mips/gcc/defconfig",)
NODES = ("one", "two")
# Slurm needs its own time; and so long may a cell be compiled.
START_S, CELLS_S = 60, 3600

CONF = """\
ClusterName=crash-stop
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/linear
JobAcctGatherType=jobacct_gather/none
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ReturnToService=0
SlurmdTimeout=10
SchedulerParameters=batch_sched_delay=1,sched_interval=5
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]}
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def _matrix(*words: str, env: dict[str, str] | None = None) -> subprocess.Popen:
    return subprocess.Popen([str(ROOT / "crash-stop"), "matrix", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, env=env)


def _states(folder: pathlib.Path) -> dict[str, dict]:
    return {one["cell"]: one for one in (json.loads(p.read_text()) for p in folder.glob("*+*.json"))}


def _wanted(names: tuple[str, ...], folder: pathlib.Path) -> Results:
    there = _states(folder)
    return [(name, "" if there.get(name, {}).get("state") == "passed" else str(there.get(name, "no result")))
            for name in names]


def matrix(args: argparse.Namespace) -> Results:
    """Real cells pass, and a second run has nothing to do; --all: more of them."""
    results = []
    names = SLICE + MORE if args.all else SLICE
    if args.arch:
        names = tuple(c.name for c in cells.choose(["7.3"], [], False) if c.arch.name in args.arch)
    with tempfile.TemporaryDirectory() as tmp:
        run = _matrix("--results", tmp, *names)
        print((run.communicate()[0] or "").rstrip(), flush=True)
        results += _wanted(names, pathlib.Path(tmp))
        run = _matrix("--results", tmp, *names)
        said = run.communicate()[0]
        first = said.splitlines()[0] if said else ""
        kept = first.startswith(f"{len(names)} of {len(names)} cells are as")
        results.append(("a second run goes on where the first ended", "" if kept else first or "said nothing"))
    return results


def _ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def _cluster(folder: pathlib.Path) -> Iterator[dict[str, subprocess.Popen]]:
    """slurmctld and two slurmd on the loopback interface. A node is a process namespace, so that it can be lost whole."""
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool-one", "spool-two"):
        (folder / name).mkdir()
    (folder / "slurm.conf").write_text(CONF.format(host=host, folder=folder, ports=_ports(3)))
    env = dict(os.environ, SLURM_CONF=str(folder / "slurm.conf"))
    quiet = {"env": env, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = {"slurmctld": subprocess.Popen(["/usr/sbin/slurmctld", "-D", "-i"], **quiet)}
    try:
        for node in NODES:
            running[node] = subprocess.Popen(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child",
                                              "/usr/sbin/slurmd", "-D", "-N", node], **quiet)
        end = time.monotonic() + START_S
        while _said(["sinfo", "-h", "-o", "%D", "-t", "idle"], env) != "2":
            if time.monotonic() > end or running["slurmctld"].poll() is not None:
                raise Unusable(f"Slurm did not start in {START_S} s: "
                                        + "; ".join(_last(p) for p in sorted(folder.glob("*.log"))))
            time.sleep(1)
        yield running
    finally:
        for one in running.values():
            one.kill()
            one.wait()


def _last(log: pathlib.Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return f"{log.name}: {lines[-1] if lines else 'empty'}"


def _said(command: list[str], env: dict[str, str]) -> str:
    return subprocess.run(command, env=env, capture_output=True, text=True).stdout.strip()


def cluster(args: argparse.Namespace) -> Results:
    """Real cells as a Slurm job array; the node that runs one of them is lost, and the cell passes all the same."""
    packages.need("slurm-wlm", "util-linux")
    if os.geteuid():
        raise Unusable("a node is a process namespace, which needs root; run the part \"cluster\" as root")
    names = SLICE + MORE if args.all else SLICE
    with tempfile.TemporaryDirectory() as tmp:
        folder = pathlib.Path(tmp)
        into = folder / "results"
        with _cluster(folder) as running:
            env = dict(os.environ, SLURM_CONF=str(folder / "slurm.conf"))
            run = _matrix("--on", "slurm", "--again", "--results", str(into), *names, env=env)
            end = time.monotonic() + CELLS_S
            lost = ""
            while run.poll() is None and time.monotonic() < end:
                busy = [n for n, one in _states(into).items() if one["state"] == "running"] if into.is_dir() else []
                nodes = _said(["squeue", "-h", "-t", "running", "-o", "%N"], env).split()
                if not lost and busy and nodes:
                    lost = nodes[-1]
                    print(f"   the node {lost} is lost while {', '.join(busy)} runs", flush=True)
                    running[lost].kill()
                time.sleep(1)
            run.kill()
            print((run.communicate()[0] or "").rstrip(), flush=True)
            down = _said(["sinfo", "-h", "-N", "-n", lost, "-o", "%t"], env) if lost else ""
        results = _wanted(names, into)
        gone = lost and down.startswith("down")
        results.append(("a node was lost while it ran a cell", "" if gone else f"lost: {lost}, sinfo: {down}"))
        if any(why for _, why in results):
            shutil.copytree(folder, cells.FOLDER / "cluster", dirs_exist_ok=True)
    return results
