# SPDX-License-Identifier: GPL-2.0-only
"""What a real browser says of a page: which of its parts overlap, and which lanes have no label."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import subprocess
import tempfile

BROWSER = "chromium"
BROWSER_S = 300.0

# Runs in the browser. Half a pixel is rounding. Grid lines are meant to lie behind everything.
SCRIPT = """
const found = [{title: "the page", problems: [], lanes: 0}], slack = 0.5;
let problems = found[0].problems;
const meet = (a, b) =>
  Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack &&
  Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > slack;
const inside = (a, b) => Math.max(b.left - a.left, a.right - b.right, b.top - a.top, a.bottom - b.bottom) <= slack;
const say = (e) => `${e.localName}.${e.getAttribute("class") || ""} '${(e.textContent || "").trim().slice(0, 40)}'`;
const apart = (ones, others, what) => {
  for (const [i, a] of ones.entries())
    for (const [j, b] of others.entries())
      if ((ones !== others || i < j) && meet(a.box, b.box)) problems.push(what + ": " + say(a.e) + " and " + say(b.e));
};
const boxes = (root, query) => [...root.querySelectorAll(query)].map(e => ({e, box: e.getBoundingClientRect()}));
apart(...Array(2).fill(boxes(document.body, "h1, h2, p, pre, svg")), "blocks overlap");
for (const svg of document.querySelectorAll("svg")) {
  const count = svg.querySelectorAll("g.kernel g.lane").length;
  found.push({title: svg.querySelector("title").textContent, problems: [], lanes: count});
  problems = found.at(-1).problems;
  const texts = boxes(svg, "text"), bars = boxes(svg, "rect, circle"), frame = svg.getBoundingClientRect();
  apart(texts, texts, "texts overlap");
  apart(texts, bars, "a text and a bar overlap");
  for (const {e, box} of [...texts, ...bars])
    if (!inside(box, frame)) problems.push("out of the picture: " + say(e));
  const lanes = [...svg.querySelectorAll("g.lane")].map(e => ({e, bars: boxes(e, "rect")}));
  for (const [i, a] of lanes.entries())
    for (const b of lanes.slice(i + 1)) apart(a.bars, b.bars, "bars of two lanes overlap");
  for (const kernel of svg.querySelectorAll("g.kernel")) {
    const names = new Set();
    for (const lane of kernel.querySelectorAll("g.lane")) {
      const label = lane.querySelector("text.label"), cpu = lane.dataset.cpu, name = label ? label.textContent.trim() : "";
      if (!name || !label.getBBox().width) { problems.push("a lane without a label: " + say(lane)); continue; }
      if (names.has(name)) problems.push("two lanes are labelled " + name);
      names.add(name);
      if (cpu !== undefined && name.split(" ")[0] !== "cpu" + cpu)
        problems.push(`the lane of cpu${cpu} is labelled ${name}`);
      const box = label.getBoundingClientRect(), middle = (box.top + box.bottom) / 2;
      const bars = boxes(lane, "rect").map(bar => bar.box);
      if (bars.length && (middle < Math.min(...bars.map(b => b.top)) || middle > Math.max(...bars.map(b => b.bottom))))
        problems.push("the label is not beside its bars: " + name);
    }
  }
}
const out = document.createElement("script");
out.type = "application/json";
out.id = "found";
out.textContent = JSON.stringify(found).replaceAll("<", "\\\\u003c");
document.body.append(out);
"""


@dataclasses.dataclass(frozen=True)
class Seen:
    """One picture, or what stands around them."""

    title: str
    problems: list[str]
    lanes: int


def look(page: str) -> list[Seen]:
    """Open a page: what is wrong with it, and with each picture in it."""
    with tempfile.TemporaryDirectory(prefix="crash-stop-") as tmp:
        file = pathlib.Path(tmp, "page.html")
        closing = page.rindex("</body>")
        file.write_text(f"{page[:closing]}<script>{SCRIPT}</script>{page[closing:]}", encoding="utf-8")
        line = [BROWSER, "--headless", "--disable-gpu", f"--user-data-dir={tmp}/profile", "--window-size=1400,900",
                "--dump-dom", file.as_uri()]
        if not os.geteuid():
            line.insert(1, "--no-sandbox")  # which root cannot have
        run = subprocess.run(line, capture_output=True, text=True, timeout=BROWSER_S)
    found = re.search(r'<script type="application/json" id="found">(.*?)</script>', run.stdout, re.S)
    if not found:
        raise AssertionError(f"{BROWSER} showed nothing: {(run.stderr.strip() or 'no message').splitlines()[-1]}")
    return [Seen(**one) for one in json.loads(found[1])]
