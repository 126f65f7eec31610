# SPDX-License-Identifier: GPL-2.0-only
"""The parts that need no kernel: unit tests, mutants, Python modules, style."""

from __future__ import annotations

import argparse
import os
import re
import sys

import lint
import packages
import sources
import support
from archs import ROOT
from parts.common import Results, call, in_parts, mutate, noticed

# Lines of one file; a core file is near 250, a backend near 120.
CORE_LINES, ARCH_LINES = 280, 220


def unit(args: argparse.Namespace) -> Results:
    """The core's own files against a fake machine that misbehaves."""
    return in_parts("unit")[0]


def mutants(args: argparse.Namespace) -> Results:
    """Broken variants of the core, each of which the unit tests must notice."""
    shards = os.cpu_count() or 1
    # The first shows that the core passes unbroken.
    run = [mutate(f"mutants-{k}", SHARD=f"{k}/{shards}", **({"PROVEN": "1"} if k > 1 else {})) for k in range(1, shards + 1)]
    return [result for shard in run for result in noticed(shard)]


# These build or boot something, and are parts of their own.
SLOW = ("test_series", "test_page")


def read_python(text: str) -> tuple[Results, list[str]]:
    """What unittest -v says of each test, and which were skipped, with the cause. Above a result may stand a docstring."""
    results, skipped = [], []
    for m in re.finditer(r"^(\w+) \((\S+)\).*?\.\.\. (ok|FAIL|ERROR|expected failure|unexpected success|skipped (['\"])(.*?)\4)$",
                         text, re.M | re.S):
        if m[4]:
            skipped.append(f"{m[2]}: {m[5]}")
        else:
            results.append((m[1], "" if m[3] in ("ok", "expected failure") else m[3]))
    return results, skipped


def _python(*modules: str) -> Results:
    code, text = call([sys.executable, "-m", "unittest", "-v", "-b", *modules], ROOT / "tests/python")
    results, skipped = read_python(text)
    for test in skipped:
        print(f"   skipped {test}")
    if code or not (results or skipped):
        sys.stdout.write(text[-4000:])
        results.append(("the Python tests ran through", f"exit code {code}"))
    return results


def verdicts(args: argparse.Namespace) -> Results:
    """The verdict code on recorded consoles, and the other Python modules."""
    return _python(*sorted(p.stem for p in (ROOT / "tests/python").glob("test_*.py") if p.stem not in SLOW))


def pages(args: argparse.Namespace) -> Results:
    """The timelines as a page, in a real browser: nothing overlaps, and every lane is labelled."""
    packages.need(*packages.BROWSER)
    return _python("test_page")


def mails(args: argparse.Namespace) -> Results:
    """The series for each kernel: git am gives what apply gives, step by step, and checkpatch is silent."""
    return _python("test_series")


def style(args: argparse.Namespace) -> Results:
    """checkpatch --strict, kernel-doc, MAINTAINERS, SPDX, file sizes."""
    packages.need("perl", "git")
    tree = sources.pristine(lint.KERNEL)
    results: Results = []
    files = lint.files()
    results.append(("checkpatch --strict is silent", "; ".join(lint.checkpatch(tree, files)[:1])))
    results.append(("kernel-doc is silent", "; ".join(lint.kernel_doc(tree, files)[:1])))
    tracked = call(["git", "ls-files"])[1].split()
    unclaimed = []
    for name in tracked:
        if not call(["perl", str(tree / "scripts/get_maintainer.pl"), "--no-tree", "--no-git", "--no-git-fallback",
                      "--mpath", str(ROOT / "MAINTAINERS"), "--sections", "-f", name])[1].strip():
            unclaimed.append(name)
    results.append(("every file has a maintainer", ", ".join(unclaimed[:3])))
    bare = [n for n in tracked if (ROOT / n).suffix in (".c", ".h", ".py", ".cocci", ".conf", ".audit", ".config", ".sh")
            and "SPDX-License-Identifier: GPL-2.0-only" not in (ROOT / n).read_text()[:200]]
    results.append(("every source file has its SPDX line", ", ".join(bare[:3])))
    core = "\n".join((ROOT / f).read_text() for f in files if f.startswith(("kernel/", "include/")))
    named = re.findall(r"CONFIG_(?:X86|ARM|PPC|S390)\w*|__x86_64__|__aarch64__", core)
    results.append(("the core knows no architecture", ", ".join(named[:2])))
    results.append(("arch-support.txt is what the data says", support.differs()))
    weak = [f for f in files if "__weak" in (ROOT / f).read_text()]
    results.append(("nothing new is weak", ", ".join(weak)))
    long = [f"{f}: {n}" for f in files if (n := len((ROOT / f).read_text().splitlines())) > (ARCH_LINES if f.startswith("arch/") else CORE_LINES)
            and not f.startswith("include/") and not f.endswith("_test.c")]
    results.append(("files stay small", ", ".join(long)))
    return results
