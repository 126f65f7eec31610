# SPDX-License-Identifier: GPL-2.0-only
"""Apply the layer to a kernel tree, all of it or nothing.

New files are copied, existing ones go through the rules. What stood there before
is kept in .crash-stop/ inside the tree (the kernel's .gitignore covers it), so
that a second run is a no-op, a newer layer replaces an older one, and local edits
to what we changed are noticed instead of overwritten.
"""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shutil

import rules
from errors import Unusable

ROOT = pathlib.Path(__file__).resolve().parent.parent
KERNELS = ("6.1", "6.12", "7.3")
STATE = ".crash-stop"

# What the layer is: files copied as they are, from below a folder, and the rules.
# The test driver is a layer of its own, which goes into stock kernels too.
Copied = tuple[tuple[pathlib.Path, str], ...]
LAYER: Copied = tuple((ROOT, p) for p in ("include/linux/crash_stop.h", "kernel/*.c", "kernel/*.h", "kernel/Kconfig.*",
                                          "arch/*/kernel/*.[ch]", "Documentation/admin-guide/*.rst"))
LAYER_RULES = ("kernel/*.cocci", "arch/*/*.cocci", "Documentation/*.cocci")  # applied in this order
DRIVER: Copied = ((ROOT / "tests/boot/guest", "drivers/misc/crash_test.c"), (ROOT, "arch/*/include/asm/crash_test.h"))
DRIVER_RULES = ("tests/boot/driver.cocci",)


def kernel_version(tree: pathlib.Path) -> str:
    """The version of a kernel tree, as far as the rules tell versions apart."""
    try:
        head = (tree / "Makefile").read_text()[:400]
        version = re.search(r"^VERSION = (\d+)\nPATCHLEVEL = (\d+)$", head, re.M)
    except OSError:
        version = None
    if not version or not (tree / "Kbuild").exists():
        raise Unusable(f"{tree}: not a kernel tree (no Makefile with VERSION and PATCHLEVEL); give its top folder")
    found = f"{version[1]}.{version[2]}"
    if found not in KERNELS:
        raise Unusable(f"{tree}: Linux {found} is not known to the rules; they know {', '.join(KERNELS)}")
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def copies(copied: Copied) -> list[tuple[str, pathlib.Path]]:
    """The files to copy: (name in the tree, path)."""
    return [(str(p.relative_to(base)), p) for base, pattern in copied for p in sorted(base.glob(pattern))]


def rule_files(ruled: tuple[str, ...]) -> list[pathlib.Path]:
    """The files of rules, in the order in which they are applied."""
    return [p for pattern in ruled for p in sorted(ROOT.glob(pattern))]


def _layer_digest(kernel: str, copied: Copied, ruled: tuple[str, ...]) -> str:
    """Of everything that the new content is made from, but the tree."""
    sums = [f"{name} {_digest(path.read_bytes())}" for name, path in copies(copied)]
    sums += [f"{path} {_digest(path.read_bytes())}" for path in rule_files(ruled)]
    return _digest("\n".join([kernel, *sums]).encode())


def compute(tree: pathlib.Path, kernel: str, copied: Copied, ruled: tuple[str, ...],
            original: dict[str, bytes | None]) -> dict[str, bytes]:
    """The new content of every file that the layer touches; original stands before the tree."""
    new: dict[str, bytes] = {}
    for name, path in copies(copied):
        new[name] = path.read_bytes()
    changes: dict[str, list[rules.Rule]] = {}
    for path in rule_files(ruled):
        for rule in rules.load(path, str(path.relative_to(ROOT))):
            if name := rule.file_in(kernel):
                changes.setdefault(name, []).append(rule)

    def change(name: str) -> bytes:
        text = original[name] if name in original else _read(tree / name)
        for rule in changes[name]:
            if text is None:
                raise rules.RuleError(f"{rule.source}: rule {rule.name}: Linux {kernel} in {tree} has no {name}")
            text = rule.apply(text.decode(), kernel).encode()
        return text

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        new.update(zip(changes, pool.map(change, changes)))
    return new


def _read(path: pathlib.Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _write(path: pathlib.Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tmp = path.with_name(path.name + ".crash-stop-new")
    tmp.write_bytes(data)
    if path.exists():
        shutil.copymode(path, tmp)
    os.replace(tmp, path)


def _apply(tree: pathlib.Path, layer: str, copied: Copied, ruled: tuple[str, ...]) -> bool:
    kernel = kernel_version(tree)
    state = tree / STATE / layer
    manifest = json.loads((state / "manifest.json").read_text()) if (state / "manifest.json").exists() else {}
    original: dict[str, bytes | None] = {}
    for name, digest in manifest.items():
        now = _read(tree / name)
        if now is None or _digest(now) != digest:
            raise Unusable(f"{tree}/{name}: edited since the layer was applied; take the edit back or start from a fresh tree")
        original[name] = _read(state / "original" / name)
    digest = _layer_digest(kernel, copied, ruled)
    if manifest and _read(state / "layer") == digest.encode():
        return False
    new = compute(tree, kernel, copied, ruled, original)
    if manifest == {name: _digest(data) for name, data in new.items()}:
        _write(state / "layer", digest.encode())
        return False
    for name in new:
        if name not in original:
            original[name] = _read(tree / name)
    try:
        for name, data in original.items():
            if data is not None:
                _write(state / "original" / name, data)
        for name in original.keys() - new.keys():
            _restore(tree / name, original[name])
        for name, data in new.items():
            if _read(tree / name) != data:
                _write(tree / name, data)
        _write(state / "manifest.json",
               json.dumps({n: _digest(d) for n, d in new.items()}, indent=1).encode())
        _write(state / "layer", digest.encode())
    except OSError as error:
        for name, data in original.items():
            _restore(tree / name, data)
        if not manifest:
            shutil.rmtree(state, ignore_errors=True)
        raise Unusable(f"{tree}: {error.strerror}; the tree is as it was") from error
    return True


def _restore(path: pathlib.Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    elif _read(path) != data:
        _write(path, data)


def _is_current(tree: pathlib.Path, layer: str, copied: Copied, ruled: tuple[str, ...]) -> bool:
    state = tree / STATE / layer
    if _read(state / "layer") != _layer_digest(kernel_version(tree), copied, ruled).encode():
        return False
    manifest = json.loads((state / "manifest.json").read_text())
    return all((now := _read(tree / name)) is not None and _digest(now) == digest for name, digest in manifest.items())


def is_current(tree: pathlib.Path, patched: bool) -> bool:
    """Is a tree what it is built from: the driver, and the layer where it is patched, as they are now?"""
    return tree.exists() and _is_current(tree, "driver", DRIVER, DRIVER_RULES) and (
        not patched or _is_current(tree, "layer", LAYER, LAYER_RULES))


def digest(kernel: str) -> str:
    """Of all that makes a patched tree from a stock one."""
    return _layer_digest(kernel, LAYER + DRIVER, LAYER_RULES + DRIVER_RULES)


def touched(tree: pathlib.Path) -> list[str]:
    """The files of a tree that the layer was applied to which it has written."""
    return sorted(json.loads((tree / STATE / "layer" / "manifest.json").read_text()))


def apply_layer(tree: pathlib.Path) -> bool:
    """Apply crash_stop to a tree. Returns whether anything changed."""
    return _apply(tree, "layer", LAYER, LAYER_RULES)


def apply_driver(tree: pathlib.Path) -> bool:
    """Put the test driver into a tree, stock or patched."""
    return _apply(tree, "driver", DRIVER, DRIVER_RULES)
