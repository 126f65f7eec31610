# SPDX-License-Identifier: GPL-2.0-only
"""What the layer can change in a kernel: which objects, and how two of them are compared."""

from __future__ import annotations

import hashlib
import pathlib
import re
import subprocess
import tempfile

import apply
import locks
import packages
import rules
import sources
from archs import ROOT, Arch

# How the names of the trees end.
STOCK, LINED = "-stock", "-lined"
CONDITIONAL = re.compile(r"\s*#\s*(else|elif|endif)\b")


def added(arch: Arch) -> list[str]:
    """What we add to a kernel of this architecture, but for its KUnit tests."""
    return [str(p.relative_to(ROOT))[:-2] + ".o" for folder in (ROOT / "kernel", arch.folder / "kernel")
            for p in sorted(folder.glob("*.c")) if not p.stem.endswith("_test")]


def _changed(arch: Arch, version: str) -> set[str]:
    """The existing files of a kernel that the rules change on this architecture."""
    files = {rule.file_in(version) for folder in (ROOT / "kernel", arch.folder) for path in folder.glob("*.cocci")
             for rule in rules.load(path, path.name)}
    return {f for f in files if f and not f.startswith("tools/")}


def touched(arch: Arch, version: str) -> list[str]:
    """The objects of existing files that the rules change on this architecture."""
    return sorted(f[:-2] + ".o" for f in _changed(arch, version) if f.endswith(".c"))


def including(arch: Arch, version: str, tree: pathlib.Path) -> list[str]:
    """The objects of files that include a header which the rules change; what includes it through another one is not looked for."""
    headers = {re.sub(r"^(arch/\w+/)?include/(uapi/)?", "", f) for f in _changed(arch, version) if f.endswith(".h")}
    if not headers:
        return []
    line = rf"^#[[:space:]]*include[[:space:]]*<(uapi/)?({'|'.join(map(re.escape, sorted(headers)))})>"
    found = subprocess.run(["grep", "-rlE", "--include=*.c", line, *map(str, sources.places(tree, arch.folder.name))],
                           capture_output=True, text=True).stdout.splitlines()
    names = [str(pathlib.Path(path).relative_to(tree)) for path in found]
    # Of asm-offsets.c a header is made.
    return sorted(n[:-2] + ".o" for n in names if not n.startswith(("tools/", "samples/", "scripts/")) and "/asm-offsets" not in n)


def selected(objects: list[str], tree: pathlib.Path, config: str) -> list[str]:
    """Those of the objects that this configuration has, as far as the Makefiles say, of their folders too."""

    def has(folder: str, base: str) -> bool:
        texts = [path.read_text() for name in ("Makefile", "Kbuild") if (path := tree / folder / name).exists()]
        lines = re.sub(r"\\\n", " ", "\n".join(texts)).splitlines()
        found = [m for line in lines if base in line.split()
                 for m in [re.match(r"\s*([\w-]+)-(?:\$\((\w+)\)|y|objs)\s*[:+]?=", line)] if m]
        # What an object consists of is there when the object is.
        return not found or any((not m[2] or re.search(rf"^{m[2]}=[ym]$", config, re.M))
                                and (m[1] == "obj" or f"{m[1]}.o" == base or has(folder, f"{m[1]}.o")) for m in found)

    def there(name: str) -> bool:
        folder, _, base = name.rstrip("/").rpartition("/")
        return not folder or has(folder, base + "/" * name.endswith("/")) and there(f"{folder}/")

    return [name for name in objects if there(name)]


def code(path: pathlib.Path) -> str:
    """What an object consists of, without what does not reach the kernel."""
    with tempfile.NamedTemporaryFile() as same:
        # UBSAN has the paths of sources as data; those of the two trees are equally long.
        same.write(path.read_bytes().replace(LINED.encode() + b"/", STOCK.encode() + b"/"))
        same.flush()
        dump = subprocess.run(["objdump", "-s", "-r", same.name], capture_output=True, text=True, check=True).stdout
    dump = re.sub(r"\bCSWTCH\.\d+", "CSWTCH", dump)  # gcc's own tables of a switch: their number counts functions inlined before
    parts = re.split(r"^(?=Contents of section |RELOCATION RECORDS FOR )", dump, flags=re.M)[1:]
    apart = re.compile(r"(?:Contents of section |RELOCATION RECORDS FOR \[)(\.comment|\.note|\.discard|\.debug)")
    return "".join(p for p in parts if not apart.match(p))


def with_lines(stock: pathlib.Path, patched: pathlib.Path) -> str:
    """A patched file in which each line that is unchanged has the stock file's number. The compiler does not see a #line
    in what a conditional leaves out, so there is one behind each conditional too."""
    diff = ["diff", "--old-line-format=", "--new-line-format=+:%L", "--unchanged-line-format=%dn:%L", str(stock), str(patched)]
    lines, following = [], 0
    for line in subprocess.run(diff, capture_output=True, text=True).stdout.splitlines(keepends=True):
        number, _, text = line.partition(":")
        if number != "+" and int(number) != following:
            lines.append(f"#line {number}\n")
        following = 0 if number == "+" or CONDITIONAL.match(text) else int(number) + 1
        lines.append(text)
    return "".join(lines)


def lined(stock: pathlib.Path, patched: pathlib.Path) -> pathlib.Path:
    """The patched tree, in which what is unchanged has the line numbers of the stock one: warnings carry theirs as data.
    The caller holds both."""
    tree = patched.with_name(patched.name.removesuffix("-patched") + LINED)
    layers = [(patched / apply.STATE / layer / "layer").read_text() for layer in ("layer", "driver")]
    made_of = [str(patched.stat().st_ino), *layers, hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()]
    stamp = tree / apply.STATE / "lined"
    with locks.held(tree):
        if stamp.exists() and stamp.read_text().split() == made_of:
            return tree
        packages.run(["rsync", "-a", "--delete", f"--link-dest={patched}", f"{patched}/", f"{tree}/"])
        for name in apply.touched(patched):
            if name.endswith((".c", ".h")) and (stock / name).exists():
                (tree / name).unlink()
                (tree / name).write_text(with_lines(stock / name, patched / name))
        stamp.write_text("\n".join(made_of))
    return tree
