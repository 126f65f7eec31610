# SPDX-License-Identifier: GPL-2.0-only
"""Files that others read: written whole, or not at all."""

from __future__ import annotations

import os
import pathlib
import threading

from errors import Unusable


def whole(path: pathlib.Path, content: str) -> None:
    """Write a file; who reads it meanwhile sees the old one, and so does who finds the disk full. Of two who write, one wins."""
    new = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    try:
        new.write_text(content, encoding="utf-8")
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def writable(*paths: str | None) -> None:
    """Can these be written, which somebody has asked for? Said before the work whose result they are to get."""
    for path in map(pathlib.Path, filter(None, paths)):
        if path.is_dir() or not path.parent.is_dir():
            raise Unusable(f"{path}: {'is a folder' if path.is_dir() else 'its folder does not exist'}; name a file")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise Unusable(f"{path}: cannot be written here")
