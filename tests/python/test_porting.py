# SPDX-License-Identifier: GPL-2.0-only
"""Documentation/porting.rst against what it describes."""

import configparser
import pathlib
import re
import subprocess
import tempfile
import textwrap
import unittest

import paths
import archs
import rules

GUIDE = (archs.ROOT / "Documentation/porting.rst").read_text()
API = (archs.ROOT / "include/linux/crash_stop.h").read_text()
FIELDS = ("Called by", "Context", "Must", "Must not", "When absent")


def hooks() -> list[str]:
    """The function pointers of a backend and of a rung."""
    found = []
    for struct in ("crash_rung", "crash_stop_backend"):
        body = re.search(rf"^struct {struct} {{\n(.*?)^}};", API, re.M | re.S)
        found += re.findall(r"\(\*(\w+)\)\(", body[1])
    return found


def sections() -> dict[str, str]:
    """Title to text, of sections and subsections."""
    parts = re.split(r"^(\S.*)\n[=-]{3,}\n", GUIDE, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def worked(name: str) -> str:
    """A file of the worked port."""
    block = re.search(rf"^``{re.escape(name)}``.*?\n\.\. code-block:: \w+\n\n(.*?)(?=^\S|\Z)", GUIDE, re.M | re.S)
    return textwrap.dedent(block[1]) if block else ""


class Porting(unittest.TestCase):
    """The guide has what the header has, and its example is one."""

    def test_there_are_hooks(self) -> None:
        self.assertGreater(len(hooks()), 5)

    def test_every_hook_has_its_section_with_the_five_fields(self) -> None:
        for hook in hooks():
            with self.subTest(hook=hook):
                self.assertIn(hook, sections())
                fields = re.findall(r"^:([^:]+): *\S", sections()[hook], re.M)
                self.assertEqual(tuple(fields), FIELDS)

    def test_every_hook_is_shown_with_its_type(self) -> None:
        types = re.sub(r"\s+", " ", API)
        for hook in hooks():
            with self.subTest(hook=hook):
                shown = re.search(r"``(.*?)``", sections().get(hook, "").replace("\n", " "))
                self.assertTrue(shown and f"{shown[1]};" in types, f"{hook} is shown as {shown and shown[1]}")

    def test_no_section_is_of_a_hook_that_is_gone(self) -> None:
        of_hooks = [title for title, text in sections().items() if re.search(r"^:When absent:", text, re.M)]
        self.assertEqual(of_hooks, hooks())

    def test_every_key_of_a_crash_stop_conf_is_explained(self) -> None:
        data = sections()["The data"]
        for arch in archs.compiled().values():
            for section in arch.conf.sections():
                for key in arch.conf[section]:
                    with self.subTest(arch=arch.name, section=section, key=key):
                        name = section.split()[0]
                        self.assertIn(f"``[{name}", data)
                        free = name == "impossible"
                        key = re.sub("^not_(?!on_).*", "not_SCENARIO", key)
                        key = re.sub(r"^(crash_image|rungs)_[\d.]+$", r"\1", key)
                        self.assertTrue(free or f"``{key}``" in data, f"[{section}] {key} is not explained")

    def test_the_worked_backend_compiles_against_the_contract(self) -> None:
        with tempfile.TemporaryDirectory() as tmp:
            folder = pathlib.Path(tmp)
            for name in ("crash_stop.c", "crash_stop_compat.h"):
                (folder / name).write_text(worked(f"arch/foo/kernel/{name}"))
            # The kernel's own headers are the unit tests' stand-in.
            for header in re.findall(r"#include <(.*)>", "".join(f.read_text() for f in folder.iterdir()) + API):
                path = folder / "include" / header
                path.parent.mkdir(parents=True, exist_ok=True)
                if header != "linux/crash_stop.h":
                    path.write_text('#include "shim.h"\n')
            (folder / "kernel.h").write_text('#include "shim.h"\n'
                                             "void crash_save_cpu(struct pt_regs *regs, int cpu);\n"
                                             "void machine_crash_shutdown(struct pt_regs *regs);\n")
            gcc = subprocess.run(["gcc", "-fsyntax-only", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-I", str(folder / "include"),
                                  "-I", str(archs.ROOT / "include"), "-iquote", str(archs.ROOT / "tests/unit"),
                                  "-include", str(folder / "kernel.h"), str(folder / "crash_stop.c")],
                                 capture_output=True, text=True)
            self.assertEqual(gcc.stderr, "")

    def test_the_worked_rules_match_what_they_are_for(self) -> None:
        smp = "#include <linux/cpu.h>\n\nstatic void ipi_stop(void)\n{\n\tset_cpu_online(0, false);\n}\n\n" \
              "void smp_send_stop(void)\n{\n\tunsigned long timeout;\n\n\ttimeout = 1;\n}\n\n" \
              "void crash_smp_send_stop(void)\n{\n\tstatic int cpus_stopped;\n\n\tif (cpus_stopped)\n\t\treturn;\n}\n\n" \
              "EXPORT_SYMBOL_GPL(arch_smp_send_reschedule);\n"
        text = {"arch/foo/Kconfig": "\tselect ARCH_HAS_CPU_FINALIZE_INIT\n", "arch/foo/kernel/Makefile": "obj-y\t+= reset.o\n",
                "arch/foo/kernel/smp.c": smp}
        with tempfile.TemporaryDirectory() as tmp:
            path = pathlib.Path(tmp, "crash_stop.cocci")
            path.write_text(worked("arch/foo/crash_stop.cocci"))
            found = rules.load(path, path.name)
        self.assertEqual(len(found), 7)
        for rule in found:
            name = rule.file_in("7.3")
            text[name] = rule.apply(text[name], "7.3")
        self.assertEqual(text["arch/foo/kernel/smp.c"].count("IS_ENABLED(CONFIG_CRASH_STOP)"), 3)

    def test_the_worked_data_has_what_an_architecture_must_have(self) -> None:
        conf = configparser.ConfigParser(interpolation=None)
        conf.read_string(worked("arch/foo/crash_stop.conf"))
        theirs = [{(s, k) for s in a.conf.sections() for k in a.conf[s]} for a in archs.load().values()]
        everywhere = {(s, k) for s, k in set.intersection(*theirs)}
        ours = {(s, k) for s in conf.sections() for k in conf[s]}
        # The worked port has no park(), so its CPUs are seen in the core alone; and Debian has no such port.
        self.assertEqual(everywhere - ours, {("registers", "parked"), ("arch", "debian")})
        self.assertIn("CONFIG_", worked("arch/foo/crash_stop.config"))


if __name__ == "__main__":
    unittest.main()
