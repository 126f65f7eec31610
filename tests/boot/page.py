# SPDX-License-Identifier: GPL-2.0-only
"""The timelines as one HTML page that needs nothing else: no script, no other file.

Each case is one picture: a row for each stage and rung, a lane for each CPU, stock above
and patched below, on one time axis. A row holds its label to the left of the axis, its
bar on it and its note to the right, so nothing can overlap; a test asks a browser.
"""

from __future__ import annotations

import html
import pathlib

import files
import svg
import timeline
from boot import Run
from timeline import Lane, Span, Timeline
from verdict import CONTRACT

# Pixels: the columns, and one row.
LABEL_PX, AXIS_PX, NOTE_PX, WIDTH_PX = 8, 150, 730, 1120
ROW_PX, BAR_PX, HEAD_PX = 22, 12, 34
NOTE_CHARS = int((WIDTH_PX - NOTE_PX - 8) / svg.CHAR_PX)

STYLE = svg.STYLE + """
body { font: 14px sans-serif; margin: 2em; color: #222; background: #fff; }
svg { display: block; }
.stage { fill: #4477aa; } .rung { fill: #ddaa33; } .ran { fill: #bbb; } .parked { fill: #7fbf8f; }
.owner { fill: #aa3377; } .runs-on { fill: #cc3311; } .ack { fill: #064; }
.key { display: inline-block; width: 1em; height: .8em; margin: 0 .3em 0 1.2em; }
pre { color: #555; white-space: pre-wrap; max-width: 1120px; }
"""

LEGEND = (("#4477aa", "stage"), ("#ddaa33", "rung, until its last acknowledgement"), ("#aa3377", "owner of the crash"),
          ("#bbb", "CPU runs"), ("#064", "acknowledged, or ran last"), ("#7fbf8f", "stands still"),
          ("#cc3311", "was not stopped"))


def _fit(note: str) -> str:
    return note if len(note) <= NOTE_CHARS else note[: NOTE_CHARS - 1] + "…"


def _row(y: float, label: str, bars: list[str], note: str, **data: object) -> str:
    base = y + ROW_PX / 2 + svg.FONT_PX / 3
    parts = [svg.text(LABEL_PX, base, label, "label"), *bars]
    if note:
        parts.append(svg.text(NOTE_PX, base, _fit(note), "note"))
    return svg.group("lane", parts, **data)


def _span(axis: svg.Axis, y: float, span: Span, kind: str) -> str:
    top = y + (ROW_PX - BAR_PX) / 2
    bars = []
    if span.end_us is not None:
        start = axis.at(span.start_us)
        bars = [svg.rect(start, top, axis.at(span.end_us) - start, BAR_PX, kind,
                         f"{svg.duration(span.start_us)} to {svg.duration(span.end_us)}")]
    # A stage is waited for from its start on, the log excepted: what counts is when it is begun to be saved.
    at = span.start_us if span.name == "kmsg_dump" else span.end_us
    when = "never" if span.end_us is None or at is None else svg.duration(at)
    return _row(y, span.name, bars, f"{when:>9}  {span.note}".rstrip())


def _lane(axis: svg.Axis, y: float, lane: Lane) -> str:
    top, begin, end = y + (ROW_PX - BAR_PX) / 2, axis.at(0), axis.at(axis.last_us)
    label = f"cpu{lane.cpu}"
    if lane.owner:
        bars = [svg.rect(begin, top, end - begin, BAR_PX, "owner", "owns the crash")]
        return _row(y, f"{label} owner", bars, "", cpu=lane.cpu)
    if lane.runs_on:
        bars = [svg.rect(begin, top, end - begin, BAR_PX, "runs-on", "was not stopped")]
        return _row(y, label, bars, f"{'never':>9}  RUNS ON", cpu=lane.cpu)
    if lane.stopped_us is None:
        return _row(y, label, [], f"{'?':>9}  nobody said", cpu=lane.cpu)
    at = axis.at(lane.stopped_us)
    how = f"{lane.stopped_by or 'ran last'}{': ' + lane.message if lane.message else ''}"
    bars = [svg.rect(begin, top, at - begin, BAR_PX, "ran"), svg.rect(at, top, end - at, BAR_PX, "parked"),
            svg.rect(at - 1, top - 2, 3, BAR_PX + 4, "ack", f"{svg.duration(lane.stopped_us)} {how}")]
    return _row(y, label, bars, f"{svg.duration(lane.stopped_us):>9}  {how}", cpu=lane.cpu)


def _block(axis: svg.Axis, y: float, t: Timeline) -> tuple[list[str], float]:
    """One kernel, and where the next one may begin."""
    parts = [svg.text(LABEL_PX, y + HEAD_PX - 12, t.title, "head")]
    y += HEAD_PX
    rows = [lambda y, s=s: _span(axis, y, s, "stage") for s in t.stages]
    rows += [lambda y, s=s: _span(axis, y, s, "rung") for s in t.rungs]
    rows += [lambda y, lane=lane: _lane(axis, y, lane) for lane in t.lanes]
    for row in rows:
        parts.append(row(y))
        y += ROW_PX
    return [svg.group("kernel", parts, title=t.title)], y


def picture(title: str, timelines: list[Timeline]) -> str:
    """One case: stock above, patched below, on one time axis."""
    axis = svg.Axis(max(t.last_us for t in timelines), AXIS_PX, NOTE_PX - 30)
    parts, y = [], ROW_PX
    for t in timelines:
        block, y = _block(axis, y, t)
        parts += block
    y += ROW_PX / 2
    grid = [svg.line(axis.at(us), ROW_PX, axis.at(us), y, "grid") for us in axis.ticks()]
    ticks = [svg.tick(axis, us, svg.FONT_PX + 2) for us in axis.ticks()]
    return svg.image(WIDTH_PX, y, title, grid + ticks + parts)


def _about(run: Run) -> str:
    word = "passed" if run.verdict.passed else "failed" if run.kernel.patched else "stock"
    held = {True: "held", False: "FAILED", None: "not exercised"}
    lines = ", ".join(f"{k} {held[run.verdict.lines[k]]}" for k in CONTRACT) if run.kernel.patched else ""
    reasons = run.verdict.reasons if run.kernel.patched else []
    return html.escape("\n".join([f"{run.kernel.title}: {word}   log: {run.log}", *([lines] if lines else []), *reasons]))


def render(cases: list[list[Run]]) -> str:
    """The page; each case is its runs, stock first."""
    keys = "".join(f'<span class="key" style="background:{colour}"></span>{html.escape(what)}' for colour, what in LEGEND)
    body = []
    for runs in cases:
        case = runs[-1].case
        loaded = ", crash kernel loaded" if case.get("kdump") == "yes" else ""
        title = f"{case.arch.name} {case.name}: {case.scenario.what}{loaded}"
        body.append(f"<h2>{html.escape(title)}</h2>\n{picture(title, [timeline.of(r) for r in runs])}"
                    f"<pre>{chr(10).join(_about(r) for r in runs)}</pre>")
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>crash-stop: timelines</title>'
            f"<style>{STYLE}</style></head><body>\n<h1>What happened after panic()</h1>\n"
            f"<p>Time since panic(), linear up to {svg.duration(svg.LINEAR_US)}, logarithmic behind.</p>\n<p>{keys}</p>\n"
            + "\n".join(body) + "\n</body></html>\n")


def write(path: pathlib.Path, cases: list[list[Run]]) -> None:
    """The page, whole or not at all."""
    files.whole(path, render(cases))
