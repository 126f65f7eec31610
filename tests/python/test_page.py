# SPDX-License-Identifier: GPL-2.0-only
"""The page with the timelines and the benchmark's picture, in a real browser: nothing overlaps, every lane is labelled."""

import re
import unittest

import runs
import browser
import chart
import page
import svg
import timeline
from evidence import Hang
from timeline import Lane, Span, Timeline

CASES = ("three", "wedged-kdump")


def shown() -> list:
    """Stock above, patched below; and one case whose CPU runs on."""
    return [[runs.recorded(name, False), runs.recorded(name)] for name in CASES] + [[runs.recorded("unreachable-kdump")]]


def crowd(cpus: int) -> Timeline:
    """As many CPUs as we boot, all of which have something to say."""
    lanes = [Lane(c, stopped_by="by itself", stopped_us=c * 997, message="x" * 44) for c in range(1, cpus)]
    stages = [Span("message", 0, 90_000_000), Span("kmsg_dump", 0, None, "store: nothing"),
              Span("crash kernel", 1, 90_000_001, f"notes: {cpus} of {cpus}")]
    return Timeline("a kernel <with> \"signs\" & more", 0, [Span("rung ipi", 5, 6, "63 acknowledged")], stages,
                    [Lane(0, owner=True), *lanes])


class Facts(unittest.TestCase):
    """What is drawn is what the log says."""

    def test_acknowledgements_are_on_the_clock_of_panic(self) -> None:
        run = runs.recorded("wedged-kdump")
        drawn = timeline.of(run)
        signal = run.evidence.signal_us
        self.assertGreater(signal, 0)
        self.assertEqual({l.cpu: l.stopped_us - signal for l in drawn.lanes if not l.owner},
                         {c: us for c, (_, us, _) in run.evidence.how.items()})
        self.assertEqual([l.stopped_by for l in drawn.lanes if not l.owner], ["ipi", "nmi", "ipi"])
        stop, dump = (next(s for s in drawn.stages if s.name == n) for n in ("stop", "kmsg_dump"))
        self.assertEqual(stop.end_us, signal + run.evidence.stop_us)
        self.assertLessEqual(stop.end_us, dump.start_us)

    def test_stock_has_lanes_too(self) -> None:
        run = runs.recorded("three", False)
        run.evidence.ran_until = {0: 3000, 2: 10, 3: 20}
        drawn = timeline.of(run)
        self.assertEqual([l.stopped_us for l in drawn.lanes], [3000, None, 10, 20])
        self.assertEqual((drawn.lanes[1].owner, drawn.rungs), (True, []))
        self.assertEqual(timeline.stopped_us(run.evidence), 3000)

    def test_stock_reaches_the_crash_kernel_and_saves_no_log(self) -> None:
        stages = {s.name: s.end_us for s in timeline.of(runs.recorded("wedged-kdump", False)).stages}
        self.assertIsNone(stages["kmsg_dump"])
        self.assertGreater(stages["crash kernel"], 0)

    def test_hang_that_was_given_up(self) -> None:
        run = runs.recorded("wedged-kdump")
        run.evidence.hung = [Hang(1, "kmsg_dump", 1000, True, 2)]
        run.evidence.hangs_us = [40_000]
        hang = next(s for s in timeline.of(run).stages if s.name == "hang")
        self.assertEqual((hang.start_us, hang.end_us), (40_000, 1_040_000))
        self.assertIn("kmsg_dump on cpu1, cpu2 goes on", page.render([[run]]))

    def test_cpu_that_runs_on(self) -> None:
        lanes = timeline.of(runs.recorded("unreachable-kdump")).lanes
        self.assertEqual([l.cpu for l in lanes if l.runs_on], [2])
        self.assertIn("RUNS ON", page.render([[runs.recorded("unreachable-kdump")]]))


class Whole(unittest.TestCase):
    """The page needs nothing else."""

    def test_no_script_and_no_other_file(self) -> None:
        text = page.render(shown()).replace("http://www.w3.org/2000/svg", "")
        self.assertEqual(re.findall(r"<script|<link|<img|@import|url\(|\b(?:src|href)=|https?:", text), [])

    def test_stock_stands_above_patched(self) -> None:
        for case in shown()[:2]:
            text = page.render([case])
            self.assertLess(text.index('data-title="7.3 stock"'), text.index('data-title="7.3 patched"'))
            places = re.findall(r'class="tick" x="([\d.]+)"', text)
            self.assertEqual(len(places), len(set(places)), "two axes")


class Axis(unittest.TestCase):
    """Where times stand."""

    def test_ends_and_order(self) -> None:
        axis = svg.Axis(2_000_000, 100, 700)
        self.assertEqual((axis.at(0), axis.at(2_000_000)), (100, 700))
        places = [axis.at(us) for us in (0, 1, 50, 100, 1000, 2_000_000)]
        self.assertEqual(places, sorted(set(places)))

    def test_nothing_happened(self) -> None:
        self.assertEqual(svg.Axis(0, 100, 700).at(0), 100)


# One thing is broken at a time: in the picture of a case with stock above.
BROKEN = {
    "a label lies on its bar": (r'<text class="label" x="[\d.]+"(?=[^>]*>cpu0<)', '<text class="label" x="140.0"',
                                "a text and a bar overlap"),
    "a label lies on another one": (r'(<text class="label" x="[\d.]+" y=")[\d.]+(?="[^>]*>cpu0<)', r"\g<1>60.0",
                                    "texts overlap"),
    "a lane has no label": (r">cpu0<", "><", "a lane without a label"),
    "a lane has another's label": (r">cpu0<", ">cpu3<", "the lane of cpu0 is labelled cpu3"),
    "a note leaves the picture": (r'<text class="note" x="[\d.]+"', '<text class="note" x="1100.0"', "out of the picture"),
    "two bars meet": (r'(<rect class="ran" x="[\d.]+" y="[\d.]+" width="[\d.]+" height=")[\d.]+', r"\g<1>40",
                      "bars of two lanes"),
}


class Seen(unittest.TestCase):
    """What the browser sees, in one look since it takes its time to start."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.cases = shown()
        drawn = [timeline.of(runs.recorded("three"))]
        more = [page.picture("many", [crowd(64), crowd(2)]), chart.picture(runs.benchmark())]
        for title, (pattern, by, _) in BROKEN.items():
            changed, times = re.subn(pattern, by, page.picture(title, drawn), count=1)
            assert times == 1, f"{title}: the picture has nothing of the kind"
            more.append(changed)
        text = page.render(cls.cases).replace("</body>", "".join(more) + "</body>")
        cls.seen = {one.title: one for one in browser.look(text)}

    def test_nothing_overlaps_and_every_lane_is_labelled(self) -> None:
        good = {t: one for t, one in self.seen.items() if t not in BROKEN}
        self.assertEqual(len(good), 1 + len(self.cases) + 2)
        self.assertEqual([p for one in good.values() for p in one.problems], [])
        drawn = [timeline.of(r) for case in self.cases for r in case] + [crowd(64), crowd(2)]
        pairs = 2 * 3  # stock and here, on three numbers of CPUs
        self.assertEqual(sum(one.lanes for one in good.values()),
                         pairs + sum(len(t.lanes) + len(t.stages) + len(t.rungs) for t in drawn))

    def test_what_is_broken_is_noticed(self) -> None:
        for title, (_, _, says) in BROKEN.items():
            with self.subTest(title):
                problems = self.seen[title].problems
                self.assertTrue(any(says in p for p in problems), problems)


if __name__ == "__main__":
    unittest.main()
