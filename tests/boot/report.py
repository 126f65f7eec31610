# SPDX-License-Identifier: GPL-2.0-only
"""What people see: a timeline and a verdict per contract line, a table, JSON, JUnit."""

from __future__ import annotations

import json
import pathlib
import sys
import xml.etree.ElementTree as xml

from boot import Run
from evidence import Evidence
from verdict import CONTRACT, Verdict

WIDTH = 36


def _marks(verdict: Verdict) -> str:
    sign = {True: "+", False: "FAIL", None: "."}
    if (sys.stdout.encoding or "").lower().startswith("utf"):
        sign = {True: "✓", False: "✗", None: "·"}
    return "  ".join(f"{line} {sign[verdict.lines[line]]}" for line in CONTRACT)


def _cpus(cpus: list[int]) -> str:
    return " ".join(f"cpu{c}" for c in cpus)


def _ms(us: int | None) -> str:
    return "never" if us is None else f"{us / 1000:.1f} ms"


def _column(run: Run) -> dict[str, str]:
    """One kernel's column of the timeline: row to text."""
    e: Evidence = run.evidence
    rows = {"panic()": f"{'0.0 ms':>10}  {_cpus([e.owner]) if e.owner is not None else ''}"}
    by_itself = sorted(c for c, (how, _, _) in e.how.items() if how == -1)
    if by_itself:
        rows["  by itself"] = f"{'':>10}  {_cpus(by_itself)}"
    for index, name in enumerate(rungs_of(run)):
        cpus = sorted(c for c, (how, _, _) in e.how.items() if how == index)
        if cpus:
            last = max(e.how[c][1] for c in cpus)
            rows[f"  {name}"] = f"{_ms(last):>10}  {_cpus(cpus)}"
    if e.report:
        left = f", {_cpus(sorted(e.not_stopped))} RUNS ON" if e.not_stopped else ""
        rows["stopped"] = f"{_ms(e.stop_us):>10}  {e.stopped} of {e.others}{left}"
    elif e.running_on:
        rows["stopped"] = f"{'':>10}  {_cpus(sorted(e.running_on))} RUNS ON"
    else:
        rows["stopped"] = f"{'':>10}  no report"
    size = sum(len(line) + 1 for line in e.store)
    kept = f"store: {run.case.get('store')}, {size / 1024:.1f} KB" if e.store else "store: nothing"
    rows["kmsg_dump"] = f"{_ms(e.dumps[0][1] if e.dumps else None):>10}  {kept}"
    if run.case.get("kdump") == "yes":
        if e.crash_ms is not None:
            rows["crash kernel"] = f"{_ms(int(e.crash_ms * 1e3)):>10}  notes: {len(e.notes)} of {run.case.cpus}"
        else:
            rows["crash kernel"] = f"{'never':>10}"
    return rows


def rungs_of(run: Run) -> list[str]:
    """The names of the architecture's rungs, in the ladder's order."""
    return run.kernel.arch.get("arch", "rungs").split()


def show(runs: list[Run]) -> None:
    """A case on one kernel, or on two side by side (stock first)."""
    columns = [_column(r) for r in runs]
    head = runs[-1]
    order = ["panic()", "  by itself", *(f"  {name}" for name in rungs_of(head)), "stopped", "kmsg_dump", "crash kernel"]
    rows = [row for row in order if any(row in c for c in columns)]
    print(f"\n{head.case.name}: {head.case.scenario.what}"
          f"{', crash kernel loaded' if head.case.get('kdump') == 'yes' else ''}")
    print(f"{'':14}" + "".join(f"{r.kernel.title:<{WIDTH}}" for r in runs))
    for row in rows:
        print(f"{row:14}" + "".join(f"{c.get(row, ''):<{WIDTH}}" for c in columns).rstrip())
    for run in runs:
        word = "PASS" if run.verdict.passed else "FAIL" if run.kernel.patched else "stock"
        print(f" {_marks(run.verdict)}\n {word} {run.kernel.arch.name} {run.case.name} on {run.kernel.title} "
              f"in {run.seconds:.0f} s   log: {run.log}")
        if not run.verdict.passed and run.kernel.patched:
            for reason in run.verdict.reasons:
                print(f"   {reason}")
    sys.stdout.flush()


def _as_dict(run: Run) -> dict:
    e = run.evidence
    return {"arch": run.kernel.arch.name, "kernel": run.kernel.label, "patched": run.kernel.patched,
            "variant": run.kernel.variant, "case": run.case.name, "options": dict(run.case.options),
            "passed": run.verdict.passed, "contract": run.verdict.lines, "reasons": run.verdict.reasons,
            "end": e.end, "stop_us": e.stop_us, "stopped": e.stopped, "others": e.others,
            "dump_us": e.dumps[0][1] if e.dumps else None, "notes": len(e.notes),
            "report": e.report, "seconds": round(run.seconds, 2), "log": str(run.log)}


def write_json(path: pathlib.Path, runs: list[Run]) -> None:
    """All runs, whole or not at all."""
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps([_as_dict(r) for r in runs], indent=1) + "\n")
    new.replace(path)


def write_junit(path: pathlib.Path, runs: list[Run]) -> None:
    """The patched runs as test cases."""
    judged = [r for r in runs if r.kernel.patched]
    suite = xml.Element("testsuite", name="crash-stop", tests=str(len(judged)),
                        failures=str(sum(not r.verdict.passed for r in judged)))
    for run in judged:
        one = xml.SubElement(suite, "testcase", classname=f"{run.kernel.arch.name}.{run.kernel.label}",
                             name=run.case.name, time=f"{run.seconds:.2f}")
        if not run.verdict.passed:
            xml.SubElement(one, "failure", message="; ".join(run.verdict.reasons)).text = str(run.log)
    new = path.with_name(path.name + ".new")
    xml.ElementTree(suite).write(new, encoding="unicode", xml_declaration=True)
    new.replace(path)
