# SPDX-License-Identifier: GPL-2.0-only
"""What many measurements of one thing say: the middle, the spread, and how it grows with the CPUs."""

from __future__ import annotations

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Sample:
    """Measurements of one thing; those that never came are counted, not measured."""

    values: tuple[float, ...]
    runs: int

    @property
    def median(self) -> float | None:
        """The middle; None where most runs, or half of them, never got there."""
        return statistics.median(self.values) if 2 * len(self.values) > self.runs else None

    @property
    def low(self) -> float | None:
        """The least."""
        return min(self.values, default=None)

    @property
    def high(self) -> float | None:
        """The most."""
        return max(self.values, default=None)

    def as_dict(self) -> dict:
        """For JSON."""
        return {"median": self.median, "low": self.low, "high": self.high, "reached": len(self.values), "runs": self.runs,
                "values": list(self.values)}


@dataclasses.dataclass(frozen=True)
class Fit:
    """cost = constant + slope * CPUs, least squares over the medians."""

    constant: float
    slope: float
    r2: float  # 1: on the line


def sample(values: list[float | None]) -> Sample:
    """None stands for a run that never got there."""
    return Sample(tuple(v for v in values if v is not None), len(values))


def ratio(ours: Sample, stock: Sample) -> float | None:
    """Ours to stock, of the medians, where both have one."""
    if ours.median is None or not stock.median:
        return None
    return ours.median / stock.median


def fit(points: list[tuple[float, float]]) -> Fit | None:
    """The line through (CPUs, cost); None with fewer than three numbers of CPUs, where any line fits."""
    if len({x for x, _ in points}) < 3:
        return None
    xs, ys = zip(*points)
    slope, constant = statistics.linear_regression(xs, ys)
    mean = statistics.fmean(ys)
    total = sum((y - mean) ** 2 for y in ys)
    left = sum((y - constant - slope * x) ** 2 for x, y in points)
    return Fit(constant, slope, 1 - left / total if total else 1.0)
