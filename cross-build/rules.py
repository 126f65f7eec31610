# SPDX-License-Identifier: GPL-2.0-only
"""The rewiring rules: semantic patches and anchored lines, read from .cocci files.

The form is explained at the head of kernel/panic.cocci. A rule is applied to the
text of one file and must match exactly once; anything else is a RuleError that
names the rule, the file and the kernel.
"""

from __future__ import annotations

import dataclasses
import difflib
import pathlib
import re
import subprocess
import tempfile


class RuleError(Exception):
    """A rule did not match its file exactly once."""


@dataclasses.dataclass(frozen=True)
class Rule:
    """One change to one file of the kernel tree."""

    name: str
    source: str  # the .cocci file, for messages
    file_of: dict[str, str]  # kernel version -> file; "" stands for every version
    body: str
    hunks: int
    after: str | None  # set: an anchored insertion

    def file_in(self, kernel: str) -> str | None:
        """The file this rule changes in that kernel, None if it changes none."""
        return self.file_of.get("", self.file_of.get(kernel))

    def apply(self, text: str, kernel: str) -> str:
        """The text after the rule."""
        after = self._insert(text) if self.after else self._spatch(text)
        found = _count_hunks(text, after)
        if found != self.hunks:
            times = "does not match" if not found else f"makes {found} changes instead of {self.hunks}"
            raise RuleError(
                f"{self.source}: rule {self.name} {times} in {self.file_in(kernel)} of Linux {kernel}; "
                "the tree is as it was (local edits there, or a version that the rules do not know)"
            )
        return after

    def _insert(self, text: str) -> str:
        new = [line[1:] + "\n" for line in self.body.splitlines() if line.startswith("+")]
        lines = text.splitlines(keepends=True)
        at = [i for i, line in enumerate(lines) if line.rstrip("\n") == self.after]
        if len(at) != 1:
            return text
        return "".join(lines[: at[0] + 1] + new + lines[at[0] + 1 :])

    def _spatch(self, text: str) -> str:
        with tempfile.TemporaryDirectory() as tmp:
            rule, src, out = (pathlib.Path(tmp, n) for n in ("r.cocci", "in.c", "out.c"))
            rule.write_text(self.body)
            src.write_text(text)
            command = ["spatch", "--very-quiet", "--sp-file", str(rule), str(src), "-o", str(out)]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                raise RuleError(f"{self.source}: rule {self.name}: spatch: {run.stderr.strip()[-300:]}")
            return out.read_text() if out.exists() else text


def _count_hunks(before: str, after: str) -> int:
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    return sum(1 for line in diff if line.startswith("@@"))


def load(path: pathlib.Path, source: str) -> list[Rule]:
    """All rules of one .cocci file, in their order."""
    rules = []
    for part in re.split(r"^// rule: ", path.read_text(), flags=re.M)[1:]:
        lines = part.splitlines()
        tags: dict[str, str] = {}
        for i, line in enumerate(lines[1:], 1):
            tag = re.match(r"// (file|kernels|hunks|after): (.*)", line)
            if tag:
                tags[tag[1]] = tag[2]
            elif not line.startswith("//"):
                break
        files = [f.strip() for f in tags["file"].split("|")]
        kernels = [k.split() for k in tags.get("kernels", "").split("|")]
        file_of = {k: f for f, ks in zip(files, kernels) for k in ks or [""]}
        rules.append(
            Rule(lines[0].strip(), source, file_of, "\n".join(lines[i:]) + "\n",
                 int(tags.get("hunks", "1")), tags.get("after"))
        )
    return rules
