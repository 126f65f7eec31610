# SPDX-License-Identifier: GPL-2.0-only
"""One run on one time axis: the stages of the crash, the rungs, and what became of each CPU.

Times are microseconds after panic(): of the guest's cycle counter, but for the crash
kernel, whose first line is timed from outside. What is shown to people, as text or as
a page, is taken from here.
"""

from __future__ import annotations

import dataclasses

from boot import Run
from evidence import Evidence

BY_ITSELF = "by itself"
HANGS = ("hang", "hang again")


@dataclasses.dataclass(frozen=True)
class Span:
    """Something that took from start to end; end None: it never came to that."""

    name: str
    start_us: int
    end_us: int | None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Lane:
    """One CPU: the owner, or one that ran until it stopped."""

    cpu: int
    owner: bool = False
    stopped_by: str = ""  # a rung, or by itself; empty: nobody said, or it did not
    stopped_us: int | None = None  # when the owner saw it stopped, or, if nobody said, when it ran last
    runs_on: bool = False
    message: str = ""  # of the panic that it lost


@dataclasses.dataclass
class Timeline:
    """What is drawn."""

    title: str
    owner: int | None
    rungs: list[Span] = dataclasses.field(default_factory=list)  # each until the last CPU that it stopped
    stages: list[Span] = dataclasses.field(default_factory=list)
    lanes: list[Lane] = dataclasses.field(default_factory=list)

    @property
    def last_us(self) -> int:
        """The latest time there is."""
        spans = [s.end_us or s.start_us for s in self.rungs + self.stages]
        return max(spans + [lane.stopped_us or 0 for lane in self.lanes], default=0)


def rungs_of(run: Run) -> list[str]:
    """The names of the architecture's rungs, in the ladder's order."""
    return run.kernel.arch.get("arch", "rungs").split()


def stopped_us(e: Evidence) -> int | None:
    """When the last of the others stood still: as the owner saw it, or when it ran last."""
    if e.report:
        return e.signal_us + (e.stop_us or 0)
    ran = [us for cpu, us in e.ran_until.items() if cpu not in (e.running_on or ())]
    return max(ran) if ran and not e.running_on else None


def _rungs(run: Run, e: Evidence) -> list[Span]:
    """A rung follows on the one before; its end is the last acknowledgement that it got."""
    spans, start = [], e.signal_us
    for index, name in enumerate(rungs_of(run)):
        cpus = [c for c, (how, _, _) in e.how.items() if how == index]
        if cpus:
            end = e.signal_us + max(e.how[c][1] for c in cpus)
            spans.append(Span(f"rung {name}", start, end, f"{len(cpus)} acknowledged"))
            start = end
    return spans


def _stages(run: Run, e: Evidence) -> list[Span]:
    begun = e.dumps[0][1] if e.dumps else None
    spans = []
    stop = stopped_us(e)
    if e.report:
        left = f", {len(e.not_stopped)} run on" if e.not_stopped else ""
        spans += [Span("message", 0, e.signal_us),
                  Span("stop", e.signal_us, stop, f"{e.stopped} of {e.others} stopped{left}")]
    else:
        spans.append(Span("message, stop", 0, stop if stop is not None else begun, "no report line"))
    size = sum(len(line) + 1 for line in e.store)
    kept = f"store: {run.case.get('store')}, {size / 1024:.1f} KB" if e.store else "store: nothing"
    spans.append(Span("kmsg_dump", begun or 0, begun and (e.dump_end_us or begun), kept))
    for name, h, us in zip(HANGS, e.hung, e.hangs_us):
        spans.append(Span(name, us, us + h.ms * 1000, f"{h.step} on cpu{h.cpu}, cpu{h.heir} goes on"))
    if e.notifier_us is not None:
        spans.append(Span("notifiers", e.notifier_us, e.notifier_us))
    if run.case.get("kdump") == "yes":
        last = e.dump_end_us or begun or 0
        # A recording may be older than the counter that both kernels have: then its first line, on the host's clock.
        began = e.crash_kernel_us if e.began_us is None else e.began_us
        spans.append(Span("crash kernel", began and min(last, began) or 0, began,
                          f"notes: {len(e.notes)} of {run.case.cpus}"))
    return spans


def _lane(run: Run, e: Evidence, cpu: int) -> Lane:
    if cpu == e.owner:
        return Lane(cpu, owner=True)
    if cpu in (e.running_on or ()) or cpu in e.not_stopped:
        return Lane(cpu, runs_on=True)
    if cpu in e.how:
        how, us, message = e.how[cpu]
        # One that stopped by itself did so before the first signal.
        at = e.signal_us + us if how >= 0 else e.ran_until.get(cpu, e.signal_us)
        return Lane(cpu, stopped_by=rungs_of(run)[how] if how >= 0 else BY_ITSELF, stopped_us=at, message=message)
    return Lane(cpu, stopped_us=e.ran_until.get(cpu))


def of(run: Run) -> Timeline:
    """The timeline of a run."""
    e = run.evidence
    lanes = [_lane(run, e, cpu) for cpu in range(run.case.cpus)]
    return Timeline(run.kernel.title, e.owner, _rungs(run, e) if e.report else [], _stages(run, e), lanes)
