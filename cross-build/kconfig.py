# SPDX-License-Identifier: GPL-2.0-only
"""Why a configuration symbol that was asked for is not there.

Kconfig drops such a symbol in silence. What it depends on is read from the tree,
as far as one line after the other says it; what is around it ("if", menus) is named.
"""

from __future__ import annotations

import pathlib
import re
import subprocess

import sources


def _blocks(tree: pathlib.Path, arch: str, name: str) -> list[str]:
    """What the tree says of a symbol, other architectures aside."""
    found = subprocess.run(["grep", "-rlsE", "--include=Kconfig*", rf"^[[:space:]]*(menu)?config {name}$",
                            *map(str, sources.places(tree, arch))], capture_output=True, text=True).stdout.splitlines()
    ends = r"(?=^(?:\s*(?:menu)?config |menu|endmenu|if |endif|choice|endchoice|source|comment )|\Z)"
    return [block for path in found for block in
            re.findall(rf"^[ \t]*(?:menu)?config {name}\n.*?{ends}", pathlib.Path(path).read_text(), re.M | re.S)]


def _holds(expression: str, config: str) -> bool:
    """Is an expression of Kconfig true, modules counted as yes?"""
    def value(match: re.Match[str]) -> str:
        if match[0] in ("y", "m", "n"):
            return str(match[0] != "n")
        return str(bool(re.search(rf"^CONFIG_{match[0]}=(?!n$)", config, re.M)))

    text = re.sub(r"\s+#.*", "", expression)
    if re.search(r"[<>\"$]", text):
        return True  # compares texts, or calls a compiler: not judged here
    text = re.sub(r"(\w+)\s*!=\s*(\w+)", r"(\1 and not \2 or \2 and not \1)",
                  re.sub(r"(\w+)\s*=\s*(\w+)", r"(\1 and \2 or not \1 and not \2)", text))
    text = text.replace("&&", " and ").replace("||", " or ").replace("!", " not ")
    text = re.sub(r"\b(?!and\b|or\b|not\b)\w+\b", value, text)
    try:
        return bool(eval(text, {"__builtins__": {}}))  # nothing but True, False, and, or, not is left
    except SyntaxError:
        return True


def why(tree: pathlib.Path, arch: str, symbol: str, config: str) -> str:
    """What a symbol needs that this configuration has not."""
    blocks = _blocks(tree, arch, symbol.removeprefix("CONFIG_"))
    if not blocks:
        return "a kernel that has it"
    for block in blocks:
        for line in re.findall(r"^\s+depends on (.*)$", re.sub(r"\\\n\s*", " ", block), re.M):
            if not _holds(line, config):
                return line.strip()
    return "what stands around it in Kconfig"


def lost(tree: pathlib.Path, arch: str, wanted: str, own: str, config: str) -> str:
    """The first symbol that was asked for and is not so: "CONFIG_X needs Y". Symbols that the kernel does not have
    count when the variant's own lines ask for them."""
    for symbol, value in re.findall(r"^(CONFIG_\w+)=([yn])", wanted, re.M):
        mine = f"{symbol}={value}\n" in own
        there = re.search(rf"^{symbol}=[ym]$", config, re.M)
        if value == "n" and there and mine:
            return f"{symbol}=n needs another architecture or kernel: something selects it"
        if value == "y" and not there:
            needs = why(tree, arch, symbol, config)
            if mine or needs != "a kernel that has it":
                return f"{symbol} needs {needs}"
    return ""
