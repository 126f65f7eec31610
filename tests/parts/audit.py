# SPDX-License-Identifier: GPL-2.0-only
"""The crash path of linked kernels: what it reaches, and its stack."""

from __future__ import annotations

import argparse

import audit
import build
import scenarios
from parts.common import Results, native

# The slice takes the kernel that part "size" has linked; --all and --arch take each that is booted.
SLICE = ("7.3",)


def crash_path(args: argparse.Namespace) -> Results:
    """From the linked kernel: the crash path sleeps, allocates, locks and waits nowhere but behind a named boundary."""
    results: Results = []
    for arch in native(args):
        for kernel in scenarios.options_of(arch)["kernel"] if args.all or args.arch else SLICE:
            name = f"{arch.name} {kernel}: the crash path"
            found = audit.audit(build.build(kernel, arch, True))
            print(found.said, flush=True)
            results += [(name, f) for f in found.findings] or [(f"{name} reaches nothing that it must not", "")]
    return results
