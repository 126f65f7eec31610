# SPDX-License-Identifier: GPL-2.0-only
"""Build a guest kernel: configuration, make, and what came of it, cached.

An output folder belongs to one tree, architecture and variant, and make decides
what is out of date. A configuration symbol that was asked for and did not
survive is an error, unless the kernel does not know it at all.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence

import compilers
import distro
import kconfig
import locks
import packages
import sources
from archs import ROOT, Arch
from errors import BuildFailed, DidNotSurvive, Killed, Unusable

PLAIN, LEAST, DEFCONFIG, DEBIAN = "plain", "least", "defconfig", "debian"
# What make, gcc and clang say when it was not they who ended, as when memory runs out; a shell's exit code is 128 and the signal.
ENDED = re.compile(r"^.*(?:\b(?:Killed|Terminated|Interrupt) signal terminated program .*|terminated with signal (?:2|9|15)\b.*"
                   r"|unable to execute command: (?:Killed|Terminated|Interrupt)"
                   # make, where the interrupt that ends it comes before its child's end
                   r"|: \*\*\* wait: No child processes\.  Stop\."
                   r"|: \*\*\* \[.*\] (?:Killed|Terminated|Interrupt|Error 1(?:30|37|43))"
                   r"|out of memory allocating \d+ bytes.*|LLVM ERROR: out of memory.*|: Cannot allocate memory)$", re.M)


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
    compiler: str = compilers.GCC

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


# The same objects on each day and machine, and however often they are linked.
ENVIRONMENT = {"CCACHE_NOHASHDIR": "1", "KBUILD_BUILD_TIMESTAMP": "@0", "KBUILD_BUILD_VERSION": "1",
               "KBUILD_BUILD_USER": "crash-stop", "KBUILD_BUILD_HOST": "localhost", "LC_ALL": "C"}


def make_line(arch: Arch, out: pathlib.Path, compiler: str = compilers.GCC) -> list[str]:
    """The make command for this architecture, output folder and compiler."""
    line = ["make", f"O={out}", f"-j{os.cpu_count() or 2}", *arch.get("arch", "make").split()]
    return line + compilers.words(compiler, arch)


def make(kernel: Kernel, *targets: str, log: pathlib.Path, extra: tuple[str, ...] = ()) -> None:
    command = make_line(kernel.arch, kernel.out, kernel.compiler) + list(extra) + list(targets)
    with log.open("a") as out:
        out.write(f"$ cd {kernel.tree} && {shlex.join(command)}\n")
        out.flush()
        begin = out.tell()
        # Who asks, as kconfig does of what is new, gets no answer rather than the terminal's.
        run = subprocess.run(command, cwd=kernel.tree, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                             env=dict(os.environ, **ENVIRONMENT))
    if run.returncode:
        said = log.read_bytes()[begin:].decode(errors="replace")
        if by := killed(run.returncode, said):
            raise Killed(f"Linux {kernel.title} {kernel.arch.name}: make was ended: {by} (log: {log})")
        raise BuildFailed(f"Linux {kernel.title} {kernel.arch.name} does not build: {first_error(said)} (log: {log})")


def killed(code: int, said: str) -> str:
    """What ended a make, or a program that it ran, from outside; nothing where it came to its own end."""
    by = ENDED.search(said)
    return signal.Signals(-code).name if code < 0 else by[0].strip() if by else ""


def first_error(said: str) -> str:
    """What ended a make: the last error before the first target that failed, since sparse has errors that end nothing."""
    before, failed, _ = said.partition(": *** [")
    errors = re.findall(r"^.*(?:error:|No space).*$", before if failed else said, re.M)
    ended = re.findall(r"^.*(?:Error \d.*|\*\*\* .*Stop\.)$", said, re.M)
    return (errors[-1:] or ended[:1] or ["make failed"])[0].strip()


def fragment(arch: Arch, variant: str = PLAIN) -> str:
    """The configuration that is asked for; of two lines for a symbol the later one counts."""
    one = arch.variants()[variant]
    # What is only compiled is compiled as its own maintainers have it; so is what others choose.
    guest = arch.config and one.base in ("allnoconfig", DEFCONFIG, DEBIAN)
    text = ((ROOT / "cross-build/config/common.config").read_text() + arch.config if guest else "") + one.lines
    wanted: dict[str, str] = {}
    for symbol, value in re.findall(r"^(CONFIG_\w+)=(.*)$", text, re.M):
        wanted.pop(symbol, None)
        wanted[symbol] = value
    if one.base in (DEFCONFIG, DEBIAN):  # which have tracers of their own
        wanted.pop("CONFIG_ENABLE_DEFAULT_TRACERS", None)
    return "".join(f"{symbol}={value}\n" for symbol, value in wanted.items())


def configure(kernel: Kernel, log: pathlib.Path, seed: int = 0) -> None:
    """Make .config, unless it is there; what was asked for must be in it."""
    wanted = fragment(kernel.arch, kernel.variant)
    stamp, lines, config = kernel.out / "crash-stop.config", kernel.out / "crash-stop.lines", kernel.out / ".config"
    asked = wanted + (f"# seed {seed}\n" if seed else "")
    if stamp.exists() and stamp.read_text() == asked and config.exists():
        return
    # Who is killed leaves no stamp behind.
    stamp.unlink(missing_ok=True)
    lines.write_text(wanted)
    base = kernel.arch.variants()[kernel.variant].base
    if base in (DEFCONFIG, DEBIAN):
        if base == DEBIAN:
            shutil.copy(distro.config(kernel.version, kernel.arch), config)
        else:
            make(kernel, kernel.arch.get("arch", "defconfig", "defconfig"), log=log)
        merge = [str(kernel.tree / "scripts/kconfig/merge_config.sh"), "-m", "-O", str(kernel.out), str(config), str(lines)]
        subprocess.run(merge, cwd=kernel.tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        make(kernel, "olddefconfig", log=log)
    else:
        make(kernel, base, log=log, extra=(f"KCONFIG_ALLCONFIG={lines}", *([f"KCONFIG_SEED={seed}"] if seed else [])))
    own = kernel.arch.variants()[kernel.variant].lines
    lost = kconfig.lost(kernel.tree, kernel.arch.folder.name, wanted, own, config.read_text())
    if lost:
        raise DidNotSurvive(f"Linux {kernel.title} {kernel.arch.name} (see {config})", lost)
    stamp.write_text(asked)


def need_compiler(arch: Arch) -> None:
    """The cross compiler, where this machine is another one."""
    compilers.need(compilers.GCC, arch)


@contextlib.contextmanager
def folder(out: pathlib.Path) -> Iterator[pathlib.Path]:
    """A build folder, which is made and held; its log, which is empty."""
    with locks.held(out):
        out.mkdir(parents=True, exist_ok=True)
        log = out / "crash-stop.log"
        log.write_text("")
        yield log


def begin_with(done: pathlib.Path, out: pathlib.Path, names: Sequence[str] = (".",), leave: Sequence[str] = ()) -> None:
    """A build folder begins with what another one, which is locked, has made; make sees what has to be made anew.

    It is there whole or not at all; without it, make says what is wrong with the disk.
    """
    new = out.with_name(f"{out.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    try:
        for name in names:
            shutil.copytree(done / name, new / name, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*leave))
        # What is built by tools/build is named with its folder: objtool would be made anew, and with it each object.
        for command in new.rglob(".*.cmd"):
            text = command.read_text()
            if str(done) in text:
                when = command.stat()
                command.write_text(text.replace(str(done), str(out)))
                os.utime(command, ns=(when.st_atime_ns, when.st_mtime_ns))
        new.rename(out)
    except OSError:
        shutil.rmtree(new, ignore_errors=True)


def build(label: str, arch: Arch, patched: bool, variant: str = PLAIN, target: str | None = None) -> Kernel:
    """Build a kernel, or find it built. target None stands for the boot image."""
    packages.need(*packages.BUILD)
    need_compiler(arch)
    after = arch.variants()[variant].after
    before = build(label, arch, patched, after) if after else None
    with sources.using(label, patched) as (version, tree):
        out = sources.CACHE / "build" / f"{tree.name}-{arch.name}-{variant}"
        kernel = Kernel(label, version, patched, variant, arch, tree, out)
        try:
            if before:
                with locks.held(out), locks.held(before.out, shared=True):
                    if not out.exists():
                        begin_with(before.out, out)
            with folder(out) as log:
                started = time.monotonic()
                configure(kernel, log)
                make(kernel, target or os.path.basename(arch.get("arch", "image")), log=log)
        except OSError as error:
            raise Unusable(f"{out}: {error.strerror}; free some space or set XDG_CACHE_HOME") from error
    print(f"built Linux {kernel.title} {arch.name} in {time.monotonic() - started:.0f} s", flush=True)
    return kernel
