# SPDX-License-Identifier: GPL-2.0-only
"""Run one case on one kernel: QEMU's command line, the guest's commands, the log."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import shlex
import subprocess
import tempfile
import time

import evidence
import gdb
import guest
import qemu
import scenarios
import sources
import verdict
from archs import ROOT
from build import Kernel
from errors import Unusable

# The kernel's last word when it does not restart by itself.
LAST_WORD = "---[ end Kernel panic"
# What the report line has on every kernel that is patched.
REPORT_LINE = "other CPUs stopped in"
# The guest's clock is the count of instructions, each of which takes so long, and what is random is the same
# each time. Longer ones make the waits of a boot cheap, and a us finer.
INSTRUCTION_NS = 16
COUNTED = ["-icount", f"shift={INSTRUCTION_NS.bit_length() - 1},sleep=off", "-seed", "1"]


@dataclasses.dataclass
class Run:
    """One run and what came of it."""

    kernel: Kernel
    case: scenarios.Case
    transcript: qemu.Transcript
    evidence: evidence.Evidence
    verdict: verdict.Verdict
    seconds: float
    log: pathlib.Path


def _kernel(case: scenarios.Case, command: list[str], image: str, initrd: str, append: str,
            files: pathlib.Path) -> list[str]:
    """How QEMU is told what to boot: directly, or by a program that prepares files for it."""
    prepare = shlex.split(case.data("prepare"))
    if not prepare:
        return ["-kernel", image, "-initrd", initrd, "-append", append]
    files.mkdir(parents=True, exist_ok=True)
    line = [str(ROOT / prepare[0]), *prepare[1:], image, initrd, append, str(files), *command]
    run = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if run.returncode:
        raise Unusable(f"{prepare[0]}: {(run.stderr.strip() or 'failed').splitlines()[-1]}")
    return shlex.split(run.stdout)


def command(kernel: Kernel, case: scenarios.Case, store: pathlib.Path, files: pathlib.Path) -> list[str]:
    """The QEMU command line of a case; what is prepared for it goes to files, and stays."""
    arch, s = kernel.arch, case.scenario
    kept, booted = f"store {case.get('store')}", f"option {case.get('boot')}"
    old = kernel.version != "7.3" and s.append_old
    append = [arch.get("qemu", "append"), arch.get(kept, "append"), old or s.append,
              arch.get(booted, "append"), case.data("gentle_append") if s.gentle else "",
              "panic=0" if case.get("end") == "hang" else "panic=-1",
              "crash_kexec_post_notifiers" if case.get("post") == "yes" else "",
              "" if "oops=" in s.append or case.get("poo") == "0" else "oops=panic"]
    args = shlex.split(arch.get(kept, "args").replace("@store@", str(store)))
    machine = shlex.split(case.data("args"))
    if case.counted:
        # All CPUs take turns in one thread, so that nothing depends on the host.
        machine = [a.replace("thread=multi", "thread=single") for a in machine] + COUNTED
    smp = ["-smp", str(case.cpus)] if case.smp or s.cpus else []  # the last one counts
    line = [arch.get("qemu", "binary"), *machine, *smp, *args]
    return line + _kernel(case, line, str(kernel.image), str(guest.initrd(kernel)), " ".join(filter(None, append)), files)


def commands(kernel: Kernel, case: scenarios.Case) -> list[str]:
    """What the guest's init is told."""
    s = case.scenario
    crash_append = f"{case.data('crash_append')} crash_test_began"
    load = [f"kexec {crash_append}"] if case.get("kdump") == "yes" else []
    before = [f"{c} {crash_append}" if c == "loop-kexec" else c for c in s.before]
    act = f"write {scenarios.PROC} {s.act or 'none=1'}"
    restart = kernel.arch.get("tests", "before_restart") if case.get("end") == "restart" else ""
    return load + ([restart] if restart else []) + before + [act] + list(s.after)


def run(kernel: Kernel, case: scenarios.Case, mark: str = "") -> Run:
    """Run a case and judge it; the log is written whatever comes, its name ends in mark."""
    started = time.monotonic()
    logs = sources.CACHE / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    title = re.sub(r"[^\w.]+", "-", kernel.title).strip("-")
    name = f"{kernel.arch.name}-{title}-{case.name}{mark}"
    with tempfile.TemporaryDirectory(prefix="crash-stop-") as tmp:
        line = command(kernel, case, pathlib.Path(tmp, "store"), logs / f"{name}.files")
        button = (REPORT_LINE, case.scenario.owners[0], kernel.arch.get("qemu", "button", "nmi")) if case.scenario.button else None
        strays = [(cpu, gdb.Counter.of(kernel.arch)) for cpu in case.scenario.strays]
        # Counting is slow, and what is counted has been printed by the kernel's last word.
        transcript = qemu.run(line, commands(kernel, case), LAST_WORD, button, strays,
                              silence_ends=bool(case.scenario.hotplug) and case.data("silent_end") == "yes",
                              restarts=not case.counted)
    seconds = time.monotonic() - started
    symbols = evidence.Symbols(kernel.out / "System.map")
    facts = evidence.gather(transcript, kernel.arch, symbols)
    log = logs / f"{name}.log"
    log.write_text(transcript.text())
    return Run(kernel, case, transcript, facts, verdict.judge(case, facts, kernel.arch), seconds, log)
