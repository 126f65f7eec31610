# SPDX-License-Identifier: GPL-2.0-only
"""What people see: a timeline and a verdict per contract line, a table, JSON, JUnit."""

from __future__ import annotations

import json
import pathlib
import sys
import xml.etree.ElementTree as xml

import files
import timeline
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
    t = timeline.of(run)
    rows = {"panic()": f"{'0.0 ms':>10}  {_cpus([e.owner]) if e.owner is not None else ''}"}
    for name in (timeline.BY_ITSELF, *timeline.rungs_of(run)):
        stopped = [lane for lane in t.lanes if lane.stopped_by == name]
        if stopped:
            last = "" if name == timeline.BY_ITSELF else _ms(max(lane.stopped_us or 0 for lane in stopped))
            rows[f"  {name}"] = f"{last:>10}  {_cpus([lane.cpu for lane in stopped])}"
    stop = timeline.stopped_us(e)
    if e.report:
        left = f", {_cpus(sorted(e.not_stopped))} RUNS ON" if e.not_stopped else ""
        rows["stopped"] = f"{_ms(stop):>10}  {e.stopped} of {e.others}{left}"
    elif e.running_on:
        rows["stopped"] = f"{'':>10}  {_cpus(sorted(e.running_on))} RUNS ON"
    else:
        rows["stopped"] = f"{'' if stop is None else _ms(stop):>10}  no report"
    for span in t.stages:
        if span.name in ("kmsg_dump", "crash kernel", *timeline.HANGS):
            at = span.start_us if span.name == "kmsg_dump" and span.end_us is not None else span.end_us
            rows[span.name] = f"{_ms(at):>10}" + (f"  {span.note}" if at is not None or span.name == "kmsg_dump" else "")
    return rows


def show(runs: list[Run]) -> None:
    """A case on one kernel, or on two side by side (stock first)."""
    columns = [_column(r) for r in runs]
    head = runs[-1]
    stops = (timeline.BY_ITSELF, *timeline.rungs_of(head))
    order = ["panic()", *(f"  {name}" for name in stops), "stopped", "kmsg_dump", *timeline.HANGS, "crash kernel"]
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
    files.whole(path, json.dumps([_as_dict(r) for r in runs], indent=1) + "\n")


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
    files.whole(path, xml.tostring(suite, encoding="unicode", xml_declaration=True) + "\n")
