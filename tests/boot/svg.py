# SPDX-License-Identifier: GPL-2.0-only
"""A little SVG: shapes as text, and a time axis that shows microseconds and seconds alike."""

from __future__ import annotations

import dataclasses
import html
import math

# Every text is set in this, so that its width is known without a browser.
FONT_PX, CHAR_PX = 12, 7.3
# The axis is linear up to here and logarithmic behind it.
LINEAR_US = 100
TICKS_US = (0, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
TICK_GAP_PX = 66

STYLE = f"""
text {{ font: {FONT_PX}px monospace; fill: #222; white-space: pre; }}
.head {{ font-weight: bold; }}
.tick, .note {{ fill: #555; }}
.grid {{ stroke: #ddd; }}
"""


def text(x: float, y: float, content: str, kind: str, anchor: str = "start") -> str:
    """One line of text; y is its baseline."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(content)}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str, tip: str = "") -> str:
    """A bar; tip is what a pointer over it shows."""
    inside = f"<title>{html.escape(tip)}</title>" if tip else ""
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}">{inside}</rect>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def group(kind: str, parts: list[str], **data: object) -> str:
    """Shapes that belong together."""
    more = "".join(f' data-{key}="{html.escape(str(value))}"' for key, value in data.items())
    return f'<g class="{kind}"{more}>' + "".join(parts) + "</g>"


def image(width: float, height: float, title: str, parts: list[str], style: str = "") -> str:
    """A whole picture."""
    inside = f"<style>{style}</style>" if style else ""
    box = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" role="img" {box}><title>{html.escape(title)}</title>{inside}'
    return head + "\n".join(parts) + "</svg>\n"


def duration(us: float) -> str:
    """A time for people."""
    if us >= 1_000_000:
        return f"{us / 1_000_000:.3g} s"
    return f"{us / 1000:.1f} ms" if us >= 1000 or us % 1000 % 100 == 0 else f"{us / 1000:.2f} ms"


@dataclasses.dataclass(frozen=True)
class Axis:
    """Times on a stretch of pixels, from the one at 0 us to the one at last_us."""

    last_us: float
    start_px: float
    end_px: float

    def at(self, us: float) -> float:
        """Where a time stands."""
        share = math.log1p(max(us, 0) / LINEAR_US) / math.log1p(max(self.last_us, LINEAR_US) / LINEAR_US)
        return self.start_px + (self.end_px - self.start_px) * share

    def ticks(self, gap_px: float = TICK_GAP_PX) -> list[int]:
        """Round times that stand far enough from each other to be labelled."""
        found: list[int] = []
        for us in TICKS_US:
            if us <= self.last_us and (len(found) < 2 or abs(self.at(us) - self.at(found[-1])) >= gap_px):
                found.append(us)
        return found


def tick(axis: Axis, us: int, y: float) -> str:
    """The label of a time on the axis."""
    return text(axis.at(us), y, duration(us) if us else "0", "tick", "middle")
