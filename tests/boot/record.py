# SPDX-License-Identifier: GPL-2.0-only
"""Record a run for the tests of the verdict: its log and the symbols it needs, trimmed.

	record.py LOG SYSTEM.MAP FOLDER/NAME

writes FOLDER/NAME.log and FOLDER/kernel.map, which all recordings of a kernel
share. What the evidence does not look at is left out.
"""

from __future__ import annotations

import pathlib
import re
import sys

KEEP = re.compile(r"guest: (?!vmcoreinfo (?!.*crash_|KERNELOFFSET))|store\| .*(Panic#|crash_|Kernel panic)|crash_(stop|test)"
                  r"|# (?:CPU \d|NMI)|Kernel panic|CPU: \d+ (UID|PID)|Linux version|BUG:|WARNING:|TSC unstable")


def main() -> None:
    """Trim one log and its map."""
    log, system_map, out = map(pathlib.Path, sys.argv[1:])
    lines = [l for l in log.read_text().splitlines()
             if l.startswith("# end") or re.match(r"# registers \d+\| .*(CPU#|RIP|PC|NIP|PSW|R15| pc )", l)
             or (l.startswith("[") and KEEP.search(l) and "ommand line" not in l)]
    out.with_suffix(".log").write_text("\n".join(["$ recorded", *lines]) + "\n")
    wanted = re.compile(r"crash_|_stext|kexec|panic|halt|park|stop|delay|idle|busy|wedged")
    entries = sorted(l.split()[:3] for l in system_map.read_text().splitlines() if l.split()[1] in "tTwW")
    keep = [i for i, e in enumerate(entries) if wanted.search(e[2])]
    chosen = sorted({j for i in keep for j in (i, i + 1) if j < len(entries)})
    (out.parent / "kernel.map").write_text("".join(" ".join(entries[i]) + "\n" for i in chosen))


if __name__ == "__main__":
    main()
