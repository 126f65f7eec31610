# SPDX-License-Identifier: GPL-2.0-only
"""What came of the cells: a JSON file for each, written whole or not at all; the table, JUnit and KTAP."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import xml.etree.ElementTree as xml
from collections.abc import Sequence

import files
import locks
from errors import EXIT_BUILD, EXIT_FAILED, EXIT_HELD, EXIT_SKIPPED, Unusable

PASSED, FAILED, BROKEN, SKIPPED, CRASHED, RUNNING = "passed", "failed", "broken", "skipped", "crashed", "running"
BAD = (FAILED, BROKEN, CRASHED)
RED = (*BAD, RUNNING)  # what is not over is no better
PLAN = "shard-{}-of-{}.json"
KILLED = "the run was killed"


@dataclasses.dataclass
class Result:
    """One cell's."""

    cell: str
    state: str
    why: list[str] = dataclasses.field(default_factory=list)
    compiler: str = ""  # with its version
    seconds: float = 0
    digest: str = ""  # of what went in
    log: str = ""
    notes: dict[str, object] = dataclasses.field(default_factory=dict)

    @property
    def title(self) -> str:
        """For people."""
        kernel, arch, compiler, variant = self.cell.split("/")
        return f"{kernel} {arch} {self.compiler or compiler} {variant}"


def stem(cell: str) -> str:
    """A cell's name as that of a file. No comma: a path with one cannot be given to gcc's -Wp."""
    return cell.replace("/", "+")


def write(folder: pathlib.Path, result: Result) -> None:
    """Write one result."""
    folder.mkdir(parents=True, exist_ok=True)
    files.whole(folder / f"{stem(result.cell)}.json", json.dumps(dataclasses.asdict(result), indent=1) + "\n")


def read(folder: pathlib.Path, built: pathlib.Path | None = None) -> dict[str, Result]:
    """The results in a folder. One that says "running" and whose build folder nobody holds is of a run that was killed."""
    found = {}
    for path in sorted(folder.glob("*+*+*+*.json")):
        try:
            one = Result(**json.loads(path.read_text()))
            one.title
        except (ValueError, TypeError) as error:
            raise Unusable(f"{path}: not a cell's result ({error}); remove it") from error
        if one.state == RUNNING:
            over = not built or locks.free(built / path.stem)
            one.state, one.why = (CRASHED, [KILLED]) if over else (RUNNING, ["another run is at it"])
        found[one.cell] = one
    return found


def dealt(cells: Sequence, k: int, n: int) -> Sequence:
    """The K-th of N shards of these, cells or their names."""
    return cells[k - 1::n]


def plan(folder: pathlib.Path, names: Sequence[str], k: int, n: int, part: bool) -> None:
    """Write down which cells all shards of a run are to have, before it begins, so that one without a result is missed.
    A part of what is written down already, which somebody runs again, changes nothing."""
    if part and any(set(names) <= set(whole) for _, _, whole in _plans(folder)):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(PLAN.format("*", "*")):
        if not path.match(PLAN.format("*", n)):
            path.unlink(missing_ok=True)
    files.whole(folder / PLAN.format(k, n), json.dumps(names, indent=1) + "\n")


def _plans(folder: pathlib.Path) -> list[tuple[int, int, tuple[str, ...]]]:
    """K, N and the cells of each shard that began in a folder."""
    found = []
    for path in sorted(folder.glob(PLAN.format("*", "*"))):
        try:
            k, n = map(int, re.findall(r"\d+", path.name))
            found.append((k, n, tuple(json.loads(path.read_text()))))
        except (ValueError, TypeError) as error:
            raise Unusable(f"{path}: not a shard's cells ({error}); remove it") from error
    return found


def of(names: Sequence[str], found: dict[str, Result], why: str = "has no result") -> list[Result]:
    """The results of these cells. One that has none is not green."""
    return [found.get(name) or Result(name, CRASHED, [why]) for name in names]


def merge(folders: list[pathlib.Path]) -> list[Result]:
    """The results of all shards of a run; the same cell must not differ, and none may be missing."""
    found: dict[str, Result] = {}
    runs: dict[tuple[int, tuple[str, ...]], set[int]] = {}
    for folder in folders:
        if not folder.is_dir():
            raise Unusable(f"{folder}: not a folder of results")
        here, plans = read(folder), _plans(folder)
        for k, n, names in plans:
            runs.setdefault((n, names), set()).add(k)
        if not here and not plans:
            raise Unusable(f"{folder}: has no results of cells (KERNEL+ARCH+COMPILER+VARIANT.json)")
        for name, one in here.items():
            if name in found and found[name].state != one.state:
                raise Unusable(f"{name}: {found[name].state} in one folder, {one.state} in {folder}; "
                               "merge shards of one run")
            found[name] = one
    for (n, names), there in runs.items():
        for k in range(1, n + 1):
            why = "has no result" if k in there else f"shard {k}/{n} is not among these folders"
            found |= {one.cell: one for one in of(dealt(names, k, n), found, why)}
    return list(found.values())


def table(results: list[Result]) -> str:
    """Architecture by kernel: how many cells passed of those that could be run, and what did not."""
    split = {r.cell: r.cell.split("/") for r in results}
    kernels = list(dict.fromkeys(s[0] for s in split.values()))
    arches = sorted({s[1] for s in split.values()})
    rows = [["", *kernels]]
    for arch in arches:
        row = [arch]
        for kernel in kernels:
            mine = [r.state for r in results if split[r.cell][:2] == [kernel, arch]]
            words = [f"{mine.count(PASSED)} passed"] if PASSED in mine else []
            words += [f"{mine.count(s)} {s.upper()}" for s in RED if s in mine]
            words += [f"{mine.count(SKIPPED)} skipped"] if SKIPPED in mine else []
            row.append(", ".join(words) or "-")
        rows.append(row)
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in rows) + "\n"


def summary(results: list[Result]) -> str:
    """The table, with every reason below it."""
    lines = [table(results)]
    for state in (*RED, SKIPPED):
        for one in (r for r in results if r.state == state):
            shown = one.why[:3] + ([f"{len(one.why) - 3} more"] if len(one.why) > 3 else [])
            log = f"   log: {one.log}" if state != SKIPPED and one.log else ""
            lines.append(f"{state}: {one.title}: {'; '.join(shown)}{log}")
    unsparse: dict[str, int] = {}
    for one in results:
        if one.state == PASSED and (why := str(one.notes.get("no sparse", ""))):
            unsparse[why] = unsparse.get(why, 0) + 1
    lines += [f"not checked by sparse: {n} cells: {why}" for why, n in unsparse.items()]
    lines += [f"{' '.join(one.cell.split('/')[:2])}: {one.notes['bytes']} bytes added, crash path {one.notes['stack']} bytes of stack"
              for one in results if {"bytes", "stack"} <= one.notes.keys()]
    states = [r.state for r in results]
    counts = [f"{states.count(s)} {s}" for s in (PASSED, *RED, SKIPPED) if s in states]
    return "\n".join(lines + [", ".join(counts) or "no cells"])


def exit_code(results: list[Result]) -> int:
    """As errors.py says."""
    states = {r.state for r in results}
    if states & {FAILED, CRASHED, RUNNING}:
        return EXIT_FAILED
    if BROKEN in states:
        return EXIT_BUILD
    return EXIT_HELD if PASSED in states else EXIT_SKIPPED


def junit(results: list[Result]) -> str:
    """The same for CI systems."""
    suite = xml.Element("testsuite", name="crash-stop matrix", tests=str(len(results)),
                        failures=str(sum(r.state in RED for r in results)),
                        skipped=str(sum(r.state == SKIPPED for r in results)))
    for one in results:
        kernel, arch, compiler, variant = one.cell.split("/")
        case = xml.SubElement(suite, "testcase", classname=f"{kernel}.{arch}", name=f"{compiler} {variant}",
                              time=f"{one.seconds:.1f}")
        if one.state in RED:
            xml.SubElement(case, "failure", message=f"{one.state}: {'; '.join(one.why)}").text = one.log
        elif one.state == SKIPPED:
            xml.SubElement(case, "skipped", message="; ".join(one.why))
    return xml.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def ktap(results: list[Result]) -> str:
    """The same as the kernel's own test format."""
    lines = ["KTAP version 1", f"1..{len(results)}"]
    for number, one in enumerate(results, 1):
        name = one.cell.replace(" ", "_")
        lines += [f"# {w}" for w in one.why if one.state in RED]
        lines.append(f"{'not ok' if one.state in RED else 'ok'} {number} {name}"
                     + (f" # SKIP {'; '.join(one.why)}" if one.state == SKIPPED else ""))
    return "\n".join(lines) + "\n"
