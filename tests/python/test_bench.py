# SPDX-License-Identifier: GPL-2.0-only
"""The benchmark on recorded runs: statistics, the line through them, table, JSON, picture, gate."""

import dataclasses
import json
import pathlib
import re
import tempfile
import unittest
import xml.etree.ElementTree as xml
from unittest import mock

import runs
import archs
import bench
import boot
import chart
import evidence
import gate
import scenarios
import stats
from errors import Unusable

ARCH = archs.load()["x86_64"]


class Statistics(unittest.TestCase):
    """Medians and spreads."""

    def test_median_and_spread(self) -> None:
        s = stats.sample([5.0, 1.0, 3.0])
        self.assertEqual((s.median, s.low, s.high), (3.0, 1.0, 5.0))

    def test_what_never_came_is_no_time(self) -> None:
        self.assertEqual(stats.sample([None, 4.0, 5.0]).median, 4.5)
        self.assertIsNone(stats.sample([None, 4.0]).median)
        self.assertIsNone(stats.sample([None, None]).low)
        self.assertIsNone(stats.sample([]).median)

    def test_ratio(self) -> None:
        self.assertEqual(stats.ratio(stats.sample([1.0]), stats.sample([4.0])), 0.25)
        self.assertIsNone(stats.ratio(stats.sample([1.0]), stats.sample([None])))

    def test_a_line_is_found_again(self) -> None:
        line = stats.fit([(n, 7 + 0.5 * n) for n in (1, 2, 4, 8, 64)])
        self.assertAlmostEqual(line.constant, 7)
        self.assertAlmostEqual(line.slope, 0.5)
        self.assertAlmostEqual(line.r2, 1)

    def test_least_squares(self) -> None:
        line = stats.fit([(1, 1), (2, 3), (3, 2)])  # by hand: y = 1 + x / 2, which leaves 1.5 of 2
        self.assertAlmostEqual(line.constant, 1)
        self.assertAlmostEqual(line.slope, 0.5)
        self.assertAlmostEqual(line.r2, 0.25)

    def test_two_numbers_of_cpus_are_no_line(self) -> None:
        self.assertIsNone(stats.fit([(1, 1), (4, 2), (4, 3)]))
        self.assertIsNone(stats.fit([]))

    def test_a_flat_line(self) -> None:
        self.assertEqual(stats.fit([(1, 2), (2, 2), (4, 2)]), stats.Fit(2, 0, 1))


def case(name: str = "wedged", **more: object) -> scenarios.Case:
    return scenarios.case(scenarios.BY_NAME[name], ARCH, kernel="7.3", **more)


class Measured(unittest.TestCase):
    """What is taken from a run."""

    def measure(self, name: str, one: scenarios.Case, times: int = 3) -> tuple[dict, list[bench.Point], list[bool]]:
        """As bench.measure() does it, with recorded runs instead of guests."""
        order: list[bool] = []

        def run(kernel: str, _case: scenarios.Case, _mark: str) -> object:
            order.append(kernel == "patched")
            return runs.recorded(name, kernel == "patched")

        with mock.patch("bench.boot.run", run):
            seen, points = bench.measure({False: "stock", True: "patched"}, one, times)
        return seen, points, order

    def test_in_turn(self) -> None:
        self.assertEqual(self.measure("three", case("three"))[2], [False, True] * 3)

    def test_numbers_are_those_of_the_log(self) -> None:
        _, points, _ = self.measure("three", case("three"))
        found = {p.what: p for p in points}
        self.assertEqual(set(found), {bench.STOPPED, bench.LADDER, bench.DUMP})
        for patched in (False, True):
            e = runs.recorded("three", patched).evidence
            got = {what: (p.ours if patched else p.stock).median for what, p in found.items()}
            self.assertEqual(got[bench.DUMP], e.dumps[0][1] / 1000)
            self.assertEqual(got[bench.LADDER], e.stop_us / 1000 if patched else None)

    def test_when_the_others_ran_last(self) -> None:
        e = evidence.Evidence(running_on=set())
        evidence._console_line(e, 0.0, "crash_test: last ran 0:12 2:3456 3:0 us, 1104 bytes of stack")
        self.assertEqual((e.ran_until, e.stack_bytes), ({0: 12, 2: 3456, 3: 0}, 1104))
        self.assertEqual(bench.stood_still_us(e), 3456)
        evidence._console_line(e, 0.0, "crash_test: last ran us, 8 bytes of stack")
        self.assertIsNone(bench.stood_still_us(e), "there is no other CPU")

    def test_the_ladder_is_ours_alone(self) -> None:
        _, points, _ = self.measure("three", case("three"))
        ladder = next(p for p in points if p.what == bench.LADDER)
        self.assertEqual((ladder.stock.runs, ladder.ours.runs), (0, 3))

    def test_more_cpus_have_fewer_runs(self) -> None:
        for times, runs_of in ((1, [1, 1]), (3, [3, 1]), (5, [5, 1]), (9, [9, 3])):
            one = bench.Bench("x86_64", "7.3", "gcc, QEMU", times)
            self.assertEqual([one.runs(bench.MANY), one.runs(bench.MANY + 1)], runs_of)
            point = dataclasses.replace(self.measure("three", case("three"))[1][0], cpus=64)
            one.points = [dataclasses.replace(point, cpus=4), point]
            said = f"{times} runs each, {runs_of[1]} from 64 CPUs on" if times > 1 else "1 runs each"
            self.assertTrue(chart.table(one).splitlines()[0].endswith(said), chart.table(one).splitlines()[0])

    def test_with_a_crash_kernel_only_that_is_timed(self) -> None:
        _, points, _ = self.measure("wedged-kdump", case(kdump="yes"))
        self.assertEqual([p.what for p in points], [bench.CRASH_KERNEL])
        self.assertGreater(points[0].stock.median, 0)
        self.assertGreater(points[0].ours.median, 0)

    def test_a_crash_kernel_that_says_nothing_was_not_seen(self) -> None:
        e = runs.recorded("wedged-kdump").evidence
        self.assertGreater(e.began_us, e.dumps[0][1])
        for name in ("per_ms", "due_cycle", "began_cycle"):
            lost = evidence.Evidence(per_ms=e.per_ms, due_cycle=e.due_cycle, began_cycle=e.began_cycle)
            setattr(lost, name, None)
            self.assertIsNone(lost.began_us, name)

    def test_instructions(self) -> None:
        counted = scenarios.Case(scenarios.BY_NAME["three"], ARCH, (("kernel", "7.3"),), counted=True)
        _, points, _ = self.measure("three", counted, 1)
        self.assertEqual({p.what for p in points}, {bench.LADDER, bench.DUMP})
        dump = next(p for p in points if p.what == bench.DUMP)
        self.assertEqual(dump.clock, bench.INSTRUCTIONS)
        us = runs.recorded("three").evidence.dumps[0][1]
        self.assertAlmostEqual(dump.ours.median * 1000 * boot.INSTRUCTION_NS, us * 1000)

    def test_a_cpu_that_runs_on_was_not_stopped(self) -> None:
        e = evidence.Evidence(running_on={2}, ran_until={2: 5, 3: 4})
        self.assertIsNone(bench.stood_still_us(e))

    def test_a_guest_that_never_panics_ends_it_in_one_line(self) -> None:
        dead = runs.recorded("three")
        dead.evidence.panics.clear()
        dead.evidence.dumps.clear()
        with mock.patch("bench.boot.run", return_value=dead) as run, self.assertRaisesRegex(Unusable, "did not get as far"):
            bench.measure({True: dead.kernel}, case("three"), 1)
        self.assertEqual(run.call_count, bench.TRIES)

    def test_more_cpus_are_not_tried_when_fewer_did_not_boot(self) -> None:
        one = bench.Bench("x86_64", "7.3", "gcc, QEMU", 1)
        todo, _ = bench.cases(ARCH, "7.3", ("plain",), [1, 2, 4])
        with mock.patch("bench.measure", side_effect=Unusable("it hangs")) as tried:
            self.assertEqual(list(bench.run(one, {}, todo)), [])
        self.assertEqual(tried.call_count, 3)  # without, with a crash kernel, counted
        self.assertEqual(sum("left out" in r for r in one.remarks), 6)


class Cases(unittest.TestCase):
    """What is run."""

    def test_a_scenario_has_the_cpus_that_it_names(self) -> None:
        for name, fewest in (("plain", 1), ("wedged", 3), ("three", 4)):
            fit = [n for n in (1, 2, 3, 4, 64) if bench.on_cpus(scenarios.BY_NAME[name], n)]
            self.assertEqual(fit[0], fewest, name)
        self.assertEqual(bench.on_cpus(scenarios.BY_NAME["plain"], 1).act, "panic=0")

    def test_one_cpu_owns_its_crash(self) -> None:
        self.assertEqual(bench.on_cpus(scenarios.BY_NAME["plain"], 1).owners, (0,))

    def test_cpus_and_counting_reach_qemu(self) -> None:
        todo, _ = bench.cases(ARCH, "7.3", ("plain",), [8])
        kernel = runs.recorded("three").kernel
        with mock.patch("boot.guest.initrd", return_value="initrd"):
            lines = [" ".join(boot.command(kernel, c, pathlib.Path("s"), pathlib.Path("f"))) for c in todo]
        self.assertTrue(all(line.rindex("-smp 8") > line.index("-smp 4") for line in lines))
        counted = [line for line, c in zip(lines, todo) if c.counted]
        self.assertEqual(len(counted), 1)
        self.assertIn("-icount shift=4", counted[0])
        self.assertNotIn("thread=multi", counted[0])
        self.assertEqual(len({c.name for c in todo}), len(todo), "two cases would share a log")

    def test_what_an_architecture_cannot_do_is_said(self) -> None:
        _, why = bench.cases(archs.load()["arm64"], "7.3", ("wedged",), [4])
        self.assertEqual(why, [])


class Shown(unittest.TestCase):
    """Table, JSON and picture."""

    def test_table(self) -> None:
        text = chart.table(runs.benchmark())
        dump = runs.recorded("three").evidence.dumps[0][1] / 1000
        row = next(l for l in text.splitlines() if l.startswith("wedged") and " 64 " in l and "kmsg_dump" in l)
        shown = chart._number(dump)
        self.assertIn(f"{shown} [{shown} .. {shown}]", row)
        self.assertIn("least squares", text)
        self.assertIn("+200", text)
        self.assertIn("a case: left out", text)

    def test_table_says_when_not_all_runs_got_there(self) -> None:
        cell = chart.rows([bench.Point("plain", 4, bench.DUMP, bench.GUEST_CLOCK, stats.sample([None] * 3),
                                       stats.sample([1.0, 2.0, None]))])[0]
        self.assertIn("not seen", cell)
        self.assertIn("1.50 [1.00 .. 2.00] 2 of 3", cell)

    def test_table_has_its_columns_apart(self) -> None:
        never, once = stats.sample([None] * 3), stats.sample([31.7, None, None])
        row = chart.rows([bench.Point("wedged", 16, bench.CRASH_KERNEL, bench.GUEST_CLOCK, never, once)])[0]
        self.assertEqual(re.split(" {2,}", row), ["wedged", "16", "crash kernel", "not seen", "not seen [31.7 .. 31.7] 1 of 3"])

    def test_json(self) -> None:
        said = json.loads(chart.as_json(runs.benchmark()))
        self.assertEqual({p["cpus"] for p in said["points"]}, {4, 8, 64})
        dump = next(p for p in said["points"] if p["what"] == bench.DUMP)
        self.assertEqual(dump["patched"]["runs"], 3)
        self.assertAlmostEqual(dump["ratio"], dump["patched"]["median"] / dump["stock"]["median"])
        flat = next(f for f in said["fits"] if f["what"] == bench.DUMP and f["kernel"] == "patched")
        self.assertAlmostEqual(flat["per_cpu"], 0)
        self.assertAlmostEqual(flat["constant"], dump["patched"]["median"])
        self.assertEqual(said["bytes"]["patched"]["text"], 1200)

    def test_picture_is_xml_with_stock_beside_ours(self) -> None:
        root = xml.fromstring(chart.picture(runs.benchmark()))
        labels = [e.text.split() for e in root.iter() if e.get("class") == "label"]
        self.assertEqual(labels, [["wedged", n, "CPUs", k] for n in ("4", "8", "64") for k in ("stock", "here")])

    def test_files_are_whole(self) -> None:
        with tempfile.TemporaryDirectory() as tmp:
            paths = chart.write(pathlib.Path(tmp, "new"), runs.benchmark())
            self.assertEqual(sorted(p.name for p in pathlib.Path(tmp, "new").iterdir()), sorted(p.name for p in paths))
            self.assertEqual([p.suffix for p in paths], [".txt", ".json", ".svg"])

    def test_nothing_was_measured(self) -> None:
        empty = bench.Bench("x86_64", "7.3", "gcc, QEMU", 1)
        self.assertTrue(chart.table(empty) and chart.as_json(empty) and xml.fromstring(chart.picture(empty)) is not None)


class Gate(unittest.TestCase):
    """Five per cent more is a failure."""

    KEY = "x86_64 7.3 plain 4 CPUs, kmsg_dump"

    def judged(self, value: float | None, baseline: dict[str, float], growth: float = gate.GROWTH) -> str:
        return dict(gate.judge({self.KEY: value}, baseline, growth))[self.KEY]

    def test_limit(self) -> None:
        self.assertEqual(self.judged(1049.0, {self.KEY: 1000.0}), "")
        self.assertIn("+5.1 %", self.judged(1051.0, {self.KEY: 1000.0}))

    def test_the_ladder_has_a_limit_of_its_own(self) -> None:
        key = self.KEY.replace(bench.DUMP, bench.LADDER)
        for value, why in ((2.9, ""), (3.1, "+210.0 %")):
            self.assertIn(why, dict(gate.judge({key: value}, {key: 1.0}, gate.GROWTH))[key])
            self.assertEqual(bool(why), bool(dict(gate.judge({key: value}, {key: 1.0}, gate.GROWTH))[key]))

    def test_what_is_gone_or_new_fails(self) -> None:
        self.assertEqual(self.judged(None, {self.KEY: 1000.0}), "was not reached")
        self.assertIn("not in the baseline", self.judged(5.0, {}))

    def test_other_tools_may_differ_more(self) -> None:
        old = {"gcc 12.2, QEMU 7.2": {self.KEY: 1000.0}}
        self.assertEqual(gate.choose(old, "gcc 12.2, QEMU 7.2", {self.KEY: 1.0}), ("gcc 12.2, QEMU 7.2", gate.GROWTH))
        self.assertEqual(gate.choose(old, "gcc 14.2, QEMU 10.0", {self.KEY: 1.0})[1], gate.GROWTH_OTHER_TOOLS)
        with self.assertRaisesRegex(Unusable, "there is no baseline"):
            gate.choose(old, "gcc 12.2, QEMU 7.2", {"another thing": 1.0})

    def test_recording_keeps_what_other_tools_have(self) -> None:
        with tempfile.TemporaryDirectory() as tmp:
            path = pathlib.Path(tmp, "baseline.json")
            gate.record(path, "one", {"a": 1.0, "lost": None})
            gate.record(path, "two", {"a": 2.0})
            gate.record(path, "one", {"b": 3.0})
            self.assertEqual(gate.load(path), {"one": {"a": 1.0, "b": 3.0}, "two": {"a": 2.0}})

    def test_broken_baseline_is_one_line(self) -> None:
        with tempfile.TemporaryDirectory() as tmp:
            path = pathlib.Path(tmp, "baseline.json")
            for text in ("", "[1]", '{"a": 5}', '{"a": {"b": "c"}}'):
                path.write_text(text)
                with self.assertRaisesRegex(Unusable, "no baseline can be read"):
                    gate.load(path)

    def test_count_show_judge(self) -> None:
        run = runs.recorded("three")
        dump, ladder = (us / boot.INSTRUCTION_NS for us in (run.evidence.dumps[0][1], run.evidence.stop_us))
        key, ladders = self.KEY, self.KEY.replace(bench.DUMP, bench.LADDER)
        with tempfile.TemporaryDirectory() as tmp, mock.patch("bench.boot.run", return_value=run), \
                mock.patch("bench.tools", return_value="gcc 12.2, QEMU 7.2"):
            path = pathlib.Path(tmp, "baseline.json")
            with self.assertRaisesRegex(Unusable, "record one with --record"):
                gate.check(ARCH, run.kernel, path)
            gate.record(path, "gcc 12.2, QEMU 7.2", {key: dump / 1.04, ladders: ladder / 2})
            self.assertEqual(dict(gate.check(ARCH, run.kernel, path)), {key: "", ladders: ""})
            gate.record(path, "gcc 12.2, QEMU 7.2", {key: dump / 1.06})
            self.assertIn("+6.0 %", dict(gate.check(ARCH, run.kernel, path))[key])

    def test_the_projects_own_baseline(self) -> None:
        baselines = gate.load(gate.BASELINE)
        self.assertTrue(baselines)
        for counted in baselines.values():
            self.assertTrue(all(value > 0 for value in counted.values()))


if __name__ == "__main__":
    unittest.main()
