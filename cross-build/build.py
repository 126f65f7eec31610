# SPDX-License-Identifier: GPL-2.0-only
"""Build a guest kernel: configuration, make, and what came of it, cached.

An output folder belongs to one tree, architecture and variant, and make decides
what is out of date. A configuration symbol that was asked for and did not
survive is an error, unless the kernel does not know it at all.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import re
import shlex
import subprocess
import time

import packages
import sources
from archs import ROOT, Arch
from errors import BuildFailed, Unusable

# Kernels that are built otherwise, on every architecture: lines added to the
# fragments. An architecture may have more, as [variant NAME] of its crash_stop.conf.
PLAIN, DEFCONFIG = "plain", "defconfig"
VARIANTS = {
    PLAIN: "",
    "lockdep": "CONFIG_PROVE_LOCKING=y\nCONFIG_DEBUG_ATOMIC_SLEEP=y\n",
    "rt": "CONFIG_PREEMPT_RT=y\n",
    DEFCONFIG: "",
}


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A built kernel."""

    label: str  # as the user named it: 7.3, or a folder
    version: str  # as the rules know it
    patched: bool
    variant: str
    arch: Arch
    tree: pathlib.Path
    out: pathlib.Path

    @property
    def image(self) -> pathlib.Path:
        """The boot image."""
        return self.out / self.arch.get("arch", "image")

    @property
    def crash_image(self) -> pathlib.Path:
        """What kexec_file_load() takes; the boot image on most architectures and kernels."""
        image = self.arch.get("arch", "crash_image", self.arch.get("arch", "image"))
        return self.out / self.arch.get("arch", f"crash_image_{self.version}", image)

    @property
    def digest(self) -> str:
        """Of what was linked: by it a record knows its kernel again."""
        return hashlib.sha256((self.out / "vmlinux").read_bytes()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """For people: version, kind, variant."""
        variant = "" if self.variant == PLAIN else f" {self.variant}"
        return f"{self.label} {'patched' if self.patched else 'stock'}{variant}"


def cross(arch: Arch) -> str:
    """What the names of its compiler and binutils begin with."""
    return arch.get("arch", "cross") if arch.name != os.uname().machine else ""


def make_line(arch: Arch, out: pathlib.Path) -> list[str]:
    """The make command for this architecture and output folder."""
    line = ["make", f"O={out}", f"-j{os.cpu_count() or 2}", *arch.get("arch", "make").split()]
    if cross(arch):
        line.append(f"CROSS_COMPILE={cross(arch)}")
    line.append(f"CC=ccache {cross(arch)}gcc")
    return line


def make(kernel: Kernel, *targets: str, log: pathlib.Path, extra: tuple[str, ...] = ()) -> None:
    command = make_line(kernel.arch, kernel.out) + list(extra) + list(targets)
    with log.open("a") as out:
        out.write(f"$ cd {kernel.tree} && {shlex.join(command)}\n")
        out.flush()
        env = dict(os.environ, CCACHE_NOHASHDIR="1", KBUILD_BUILD_TIMESTAMP="@0", KBUILD_BUILD_USER="crash-stop",
                   KBUILD_BUILD_HOST="localhost", LC_ALL="C")
        run = subprocess.run(command, cwd=kernel.tree, stdout=out, stderr=subprocess.STDOUT, env=env)
    if run.returncode:
        errors = [l for l in log.read_text(errors="replace").splitlines() if re.search(r"error:|Error \d|No space", l)]
        raise BuildFailed(f"Linux {kernel.title} {kernel.arch.name} does not build: "
                          f"{(errors or ['make failed'])[0].strip()} (log: {log})")


def fragment(arch: Arch, variant: str = PLAIN) -> str:
    """The configuration that is asked for; of two lines for a symbol the later one counts."""
    text = (ROOT / "cross-build/config/common.config").read_text() + arch.config
    if variant in VARIANTS:
        text += VARIANTS[variant]
    else:
        text += (arch.folder / arch.get(f"variant {variant}", "config")).read_text()
    wanted: dict[str, str] = {}
    for symbol, value in re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.M):
        wanted.pop(symbol, None)
        wanted[symbol] = value
    if variant == DEFCONFIG:  # which has tracers of its own
        wanted.pop("CONFIG_ENABLE_DEFAULT_TRACERS", None)
    return "".join(f"{symbol}={value}\n" for symbol, value in wanted.items())


def _known(kernel: Kernel, symbol: str) -> bool:
    """Does any Kconfig of the tree define this symbol, other architectures' aside?"""
    name = symbol.removeprefix("CONFIG_")
    places = [p for p in kernel.tree.iterdir() if p.name != "arch" and p.name[0] != "."]
    places.append(kernel.tree / "arch" / kernel.arch.folder.name)
    grep = ["grep", "-rqsE", "--include=Kconfig*", rf"^[[:space:]]*(menu)?config {name}$"]
    return subprocess.run(grep + [str(p) for p in places]).returncode == 0


def configure(kernel: Kernel, log: pathlib.Path) -> None:
    """Make .config, unless it is there; what was asked for must be in it."""
    wanted = fragment(kernel.arch, kernel.variant)
    stamp = kernel.out / "crash-stop.config"
    if stamp.exists() and stamp.read_text() == wanted and (kernel.out / ".config").exists():
        return
    stamp.write_text(wanted)
    if kernel.variant == DEFCONFIG:
        make(kernel, kernel.arch.get("arch", "defconfig", "defconfig"), log=log)
        merge = [str(kernel.tree / "scripts/kconfig/merge_config.sh"), "-m", "-O", str(kernel.out),
                 str(kernel.out / ".config"), str(stamp)]
        subprocess.run(merge, cwd=kernel.tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        make(kernel, "olddefconfig", log=log)
    else:
        make(kernel, "allnoconfig", log=log, extra=(f"KCONFIG_ALLCONFIG={stamp}",))
    got = (kernel.out / ".config").read_text()
    lost = [s for s in re.findall(r"^(CONFIG_\w+)=y", wanted, re.M)
            if f"\n{s}=y\n" not in got and _known(kernel, s)]
    if lost:
        stamp.unlink()
        raise Unusable(f"Linux {kernel.title} {kernel.arch.name}: {lost[0]} was asked for and did not survive "
                       f"(see {kernel.out}/.config)")


def need_compiler(arch: Arch) -> None:
    """The cross compiler, where this machine is another one."""
    if arch.name != os.uname().machine:
        packages.need(*arch.get("arch", "cross_packages").split())


def build(label: str, arch: Arch, patched: bool, variant: str = PLAIN, target: str | None = None) -> Kernel:
    """Build a kernel, or find it built. target None stands for the boot image."""
    version, tree = sources.tree(label, patched)
    packages.need(*packages.BUILD)
    need_compiler(arch)
    out = sources.CACHE / "build" / f"{tree.name}-{arch.name}-{variant}"
    kernel = Kernel(label, version, patched, variant, arch, tree, out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        log = out / "crash-stop.log"
        log.write_text("")
        started = time.monotonic()
        configure(kernel, log)
        make(kernel, target or os.path.basename(arch.get("arch", "image")), log=log)
    except OSError as error:
        raise Unusable(f"{out}: {error.strerror}; free some space or set XDG_CACHE_HOME") from error
    print(f"built Linux {kernel.title} {arch.name} in {time.monotonic() - started:.0f} s", flush=True)
    return kernel
