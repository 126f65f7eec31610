# SPDX-License-Identifier: GPL-2.0-only
"""Bad input gets one clear line and the right exit code."""

import os
import subprocess
import tempfile
import unittest

import paths
import archs
import scenarios

EXIT_UNUSABLE = 3


class BadInput(unittest.TestCase):
    """The command as people type it."""

    def refuses(self, *args: str, says: str, env: dict[str, str] | None = None) -> None:
        run = subprocess.run([str(paths.ROOT / "crash-stop"), *args], capture_output=True, text=True,
                             env=dict(os.environ, **(env or {})), stdin=subprocess.DEVNULL)
        self.assertEqual(run.returncode, EXIT_UNUSABLE, run.stdout + run.stderr)
        self.assertIn(says, run.stderr)
        self.assertNotIn("Traceback", run.stderr)
        self.assertEqual(len(run.stderr.strip().splitlines()), 1, run.stderr)

    def test_unknown_architecture(self) -> None:
        self.refuses("panic", "x86_65", says="x86_65: unknown architecture; known: x86_64")

    def test_no_guests_at_all(self) -> None:
        self.refuses("test", "--only", "boots", "--jobs", "0", says="--jobs 0: give 1 or more")
        self.refuses("test", "--only", "repeat", "--times", "0", says="--times 0: give 1 or more")

    def test_campaigns(self) -> None:
        self.refuses("test", "--campaign", "0", says="--campaign 0: give 1 or more")
        self.refuses("test", "--campaign", "1", "--arch", "x86_64", "--kernel", "7.4", says="7.4: unknown kernel of x86_64; known: 7.3")
        self.refuses("test", "--campaign", "1", "--arch", "x86_64", "--words", "panic=1 wegded=2", says="wegded=2: unknown word; known: wedged=2")
        self.refuses("test", "--campaign", "1", "--arch", "s390", "--words", "panic=1 late=2", says="panic=1 late=2: SIGP STOP cannot be")
        self.refuses("test", "--words", "panic=1", says="--words is for --campaign N")
        self.refuses("test", "--only", "unit", "--kernel", "6.12", says="--kernel is for --campaign N and --only repeat")
        self.refuses("test", "--campaign", "1", "--scenario", "plain", says="--scenario is for --only repeat")
        self.refuses("test", "--only", "repeat", "--scenario", "dumper-hing", says="dumper-hing: unknown scenario; known: dumper-hang")
        self.refuses("test", "--only", "repeat", "--arch", "s390", "--scenario", "standby-hang", says="s390 can have none of standby-hang")

    def test_unknown_kernel(self) -> None:
        self.refuses("panic", "x86_64", "--kernel", "7.4", says="7.4: unknown kernel; known: 7.3")

    def test_unknown_scenario(self) -> None:
        self.refuses("panic", "x86_64", "--scenario", "wegded", says="wegded: unknown scenario; known: wedged")

    def test_unknown_part(self) -> None:
        self.refuses("test", "--only", "boot", says="boot: unknown part; known: boots")

    def test_folder_that_is_no_kernel(self) -> None:
        with tempfile.TemporaryDirectory() as empty:
            self.refuses("panic", "x86_64", "--kernel", empty, says="not a kernel tree")
            self.refuses("apply", empty, says="not a kernel tree")

    def test_apply_to_nothing(self) -> None:
        self.refuses("apply", "/nonexistent", says="not a kernel tree")

    def test_series_into_nothing_new(self) -> None:
        self.refuses("series", "--kernel", "7.4", "-o", "/nonexistent/series", says="7.4: neither a kernel that is known")
        with tempfile.TemporaryDirectory() as full:
            os.mkdir(os.path.join(full, "mine"))
            self.refuses("series", "-o", full, says="is there already and not an empty folder")
            self.refuses("series", "--kernel", full, "-o", os.path.join(full, "series"), says="not a kernel tree")
            self.assertEqual(os.listdir(full), ["mine"])

    def test_form_that_no_tool_takes(self) -> None:
        self.refuses("series", "--for", "yokto", "-o", "/nonexistent/series", says="yokto: unknown form; known: yocto")

    def test_no_cpus(self) -> None:
        self.refuses("judge", "/nonexistent.log", "--cpus", "0", says="--cpus 0: give 1 or more")

    def test_bench(self) -> None:
        self.refuses("bench", "x86_64", "--cpus", "0", says="--cpus 0: give 1 or more")
        self.refuses("bench", "x86_64", "--times", "0", says="--times 0: give 1 or more")
        self.refuses("bench", "arm", "--cpus", "4", "64", says="--cpus 64: arm boots with 8 at most")
        self.refuses("bench", "x86_64", "--scenario", "late", says="late: unknown scenario; known: ")
        self.refuses("bench", "x86_64", "--boot", "many", says="many: unknown way to boot x86_64")
        self.refuses("bench", "x86_64", "--gate", "--baseline", "/dev/null", says="/dev/null: no baseline can be read")
        self.refuses("bench", "x86_64", "--gate", "--record", says="give one of them")

    def test_nothing_cached_and_no_network(self) -> None:
        with tempfile.TemporaryDirectory() as empty:
            nowhere = os.path.join(empty, "apt.conf")
            with open(nowhere, "w") as conf:
                conf.write('Acquire::http::Proxy "http://127.0.0.1:9";\nAcquire::https::Proxy "http://127.0.0.1:9";\n'
                           'Acquire::Retries "0";\nDir::Cache::archives "%s";\n' % empty)
            self.refuses("panic", "x86_64", says="could not be fetched",
                         env={"XDG_CACHE_HOME": empty, "APT_CONFIG": nowhere})
            left = os.listdir(os.path.join(empty, "crash-stop", "sources"))
            self.assertEqual(left, [], "something half-written was left behind")


class Slice(unittest.TestCase):
    """What CI boots."""

    def test_every_option_value_and_every_pair_occurs(self) -> None:
        arches = list(archs.load().values())
        cases = scenarios.pairwise(arches)  # raises when a pair is missing
        for arch in arches:
            mine = [c for c in cases if c.arch is arch]
            possible = [s for s in scenarios.in_slice(arch)
                        if any(not scenarios.case(s, arch, kdump=k, boot=b).impossible for k in ("no", "yes")
                               for b in scenarios.options_of(arch)["boot"])]
            self.assertEqual({c.scenario.name for c in mine}, {s.name for s in possible}, arch.name)
        # With one architecture only, a scenario runs once in the slice; which way is counted over all.
        if len(arches) > 1:
            for scenario in scenarios.SCENARIOS:
                ways = {c.get("kdump") for c in cases if c.scenario is scenario}
                possible = {"yes"} if scenario.image_is_bad else {"no", "yes"} if scenario.panics else {"no"}
                self.assertEqual(ways, set() if scenario.rare else possible, scenario.name)

    def test_what_an_architecture_cannot_do_has_a_reason_and_a_name_that_is_known(self) -> None:
        for arch in archs.load().values():
            for name, why in (arch.conf["impossible"].items() if "impossible" in arch.conf else ()):
                self.assertIn(name, {*scenarios.BY_NAME, "kdump", "standby"}, arch.name)
                self.assertGreater(len(why), 20, f"{arch.name}: {name} has no reason")


if __name__ == "__main__":
    unittest.main()
