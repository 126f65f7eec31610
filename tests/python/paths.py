# SPDX-License-Identifier: GPL-2.0-only
"""Where the modules under test are."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "cross-build"), str(ROOT / "tests"), str(ROOT / "tests/boot")]
