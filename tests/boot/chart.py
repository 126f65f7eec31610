# SPDX-License-Identifier: GPL-2.0-only
"""What was measured, for people and programs: a table, JSON, and a picture.

The picture has a row for stock and one for here under each other, for each scenario and
number of CPUs, all on one time axis. Each row has up to three bars, which end at the
median; the thin line behind a bar's end goes from the least to the most.
"""

from __future__ import annotations

import json
import pathlib

import files
import svg
from bench import CRASH_KERNEL, DUMP, GUEST_CLOCK, STOPPED, Bench, Point
from stats import Sample, ratio

NAMES = {"stock": "stock", "patched": "here"}

# Pixels: the columns, one row, the space between two pairs of rows, one of three bars.
LABEL_PX, AXIS_PX, NOTE_PX, WIDTH_PX = 8, 170, 720, 1020
ROW_PX, GAP_PX, BAR_PX, HEAD_PX = 24, 8, 5, 44
# Characters: a cell with all that it may hold.
CELL = len("not seen [99999 .. 99999] 99 of 99")
SHOWN = (STOPPED, DUMP, CRASH_KERNEL)
COLOURS = {STOPPED: "#3a9d5d", DUMP: "#4477aa", CRASH_KERNEL: "#aa3377"}
STYLE = svg.STYLE + "svg { background: #fff; } .spread { fill: #222; }" + "".join(
    f" .m{i} {{ fill: {COLOURS[what]}; }}" for i, what in enumerate(SHOWN))


def _number(value: float | None) -> str:
    if value is None:
        return "not seen"
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _cell(sample: Sample) -> str:
    """The median, the spread, and how many runs got there unless all did."""
    if not sample.runs:
        return "-"
    if sample.low is None:
        return _number(None)
    some = f" {len(sample.values)} of {sample.runs}" if len(sample.values) < sample.runs else ""
    return f"{_number(sample.median)} [{_number(sample.low)} .. {_number(sample.high)}]{some}"


def _ratio(point: Point) -> str:
    value = ratio(point.ours, point.stock)
    return "" if value is None else f"{value:.2f}" if value >= 0.1 else f"{value:.4f}"


def rows(points: list[Point]) -> list[str]:
    """The measurements as lines of a table."""
    return [f"{p.scenario:9}{p.cpus:>5}  {p.what:12} {_cell(p.stock):>{CELL}} {_cell(p.ours):>{CELL}}{_ratio(p):>9}".rstrip()
            for p in points]


HEAD = f"{'scenario':9}{'CPUs':>5}  {'panic() to':12} {'stock':>{CELL}} {'here':>{CELL}}{'ratio':>9}"


def _fewer(bench: Bench) -> str:
    """From how many CPUs on a case was run less often."""
    fewer = [p.cpus for p in bench.points if bench.runs(p.cpus) < bench.times]
    return f", {bench.runs(min(fewer))} from {min(fewer)} CPUs on" if fewer else ""


def table(bench: Bench) -> str:
    """Everything as text."""
    lines = [f"{bench.arch}, Linux {bench.kernel}, {bench.tools}; stock and here in turn, {bench.times} runs each{_fewer(bench)}",
             "median [least .. most]; the ladder alone counts from the first signal, all else from panic() on"]
    for clock in dict.fromkeys(p.clock for p in bench.points):
        lines += ["", clock, HEAD, *rows([p for p in bench.points if p.clock == clock])]
    if fits := bench.fits():
        lines += ["", "cost against CPUs, least squares over the medians",
                  f"{'scenario':9}{'panic() to':14}{'kernel':8}{'constant':>12}{'per CPU':>12}{'r2':>7}"]
        lines += [f"{scenario:9}{what:14}{NAMES[kernel]:8}{line.constant:>12.3f}{line.slope:>12.4f}{line.r2:>7.2f}  {clock}"
                  for scenario, what, clock, kernel, line in fits]
    if bench.sizes:
        stock, ours = (bench.sizes.get(kernel, {}) for kernel in NAMES)
        lines += ["", f"{'bytes':40}{'stock':>12}{'here':>12}{'more':>9}"]
        for name in dict.fromkeys([*stock, *ours]):
            a, b = stock.get(name), ours.get(name)
            more = f"{b - a:+}" if a is not None and b is not None else ""
            lines.append(f"{name:40}{'-' if a is None else a:>12}{'-' if b is None else b:>12}{more:>9}")
    return "\n".join([*lines, *([""] + bench.remarks if bench.remarks else [])]) + "\n"


def as_json(bench: Bench) -> str:
    """Everything for programs."""
    fits = [{"scenario": scenario, "what": what, "clock": clock, "kernel": kernel, "constant": line.constant,
             "per_cpu": line.slope, "r2": line.r2} for scenario, what, clock, kernel, line in bench.fits()]
    return json.dumps({"arch": bench.arch, "kernel": bench.kernel, "tools": bench.tools, "times": bench.times,
                       "points": [p.as_dict() for p in bench.points], "fits": fits, "bytes": bench.sizes,
                       "remarks": bench.remarks}, indent=1) + "\n"


def _row(axis: svg.Axis, y: float, label: str, samples: dict[str, Sample]) -> str:
    base = y + ROW_PX / 2 + svg.FONT_PX / 3
    parts = [svg.text(LABEL_PX, base, label, "label")]
    for i, what in enumerate(SHOWN):
        s = samples.get(what)
        if s is None or s.median is None or s.low is None or s.high is None:
            continue
        top = y + (ROW_PX - len(SHOWN) * (BAR_PX + 1)) / 2 + i * (BAR_PX + 1)
        begin, low, end, high = (axis.at(ms * 1000) for ms in (0, s.low, s.median, s.high))
        parts.append(svg.rect(begin, top, end - begin, BAR_PX, f"m{i}", f"{label} {what}: {_cell(s)} ms"))
        parts.append(svg.rect(low, top + BAR_PX / 2 - 0.5, high - low, 1, "spread"))
    cells = [_number(samples[what].median) if what in samples else "-" for what in SHOWN]
    parts.append(svg.text(NOTE_PX, base, "".join(f"{c:>13}" for c in cells), "note"))
    return svg.group("lane", parts)


def picture(bench: Bench) -> str:
    """Stock and here, side by side, on one time axis."""
    points = [p for p in bench.points if p.clock == GUEST_CLOCK and p.what in SHOWN]
    highs = [s.high for p in points for s in (p.stock, p.ours) if s.high is not None]
    axis = svg.Axis(max(highs, default=1) * 1000, AXIS_PX, NOTE_PX - 40)
    parts = [svg.text(LABEL_PX, 16, f"{bench.arch}, Linux {bench.kernel}: from panic(), ms of guest time, medians", "head")]
    y = HEAD_PX + 8
    for scenario, cpus in dict.fromkeys((p.scenario, p.cpus) for p in points):
        here = [p for p in points if (p.scenario, p.cpus) == (scenario, cpus)]
        pair = []
        for name, of in (("stock", lambda p: p.stock), ("here", lambda p: p.ours)):
            pair.append(_row(axis, y, f"{scenario:6} {cpus:2} CPUs {name}", {p.what: of(p) for p in here}))
            y += ROW_PX
        parts.append(svg.group("kernel", pair))
        y += GAP_PX
    grid = [svg.line(axis.at(us), HEAD_PX, axis.at(us), y, "grid") for us in axis.ticks()]
    grid += [svg.tick(axis, us, HEAD_PX - 6) for us in axis.ticks()]
    for i, what in enumerate(SHOWN):
        right = NOTE_PX + (i + 1) * 13 * svg.CHAR_PX
        parts.append(svg.text(right, HEAD_PX - 6, what, f"head m{i}", "end"))
    return svg.image(WIDTH_PX, y, f"crash-stop bench, {bench.arch}", grid + parts, STYLE)


def write(folder: pathlib.Path, bench: Bench) -> list[pathlib.Path]:
    """The three files of an architecture, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for suffix, content in (("txt", table(bench)), ("json", as_json(bench)), ("svg", picture(bench))):
        path = folder / f"bench-{bench.arch}.{suffix}"
        files.whole(path, content)
        paths.append(path)
    return paths
