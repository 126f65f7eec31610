# SPDX-License-Identifier: GPL-2.0-only
"""The command: what people type, and what it runs."""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import signal
import subprocess
import sys

import apply
import archs
import audit
import build
import files
import packages
import rules
import sources
from errors import EXIT_BUILD, EXIT_FAILED, EXIT_HELD, EXIT_SKIPPED, EXIT_UNUSABLE, BuildFailed, Unusable

sys.path[:0] = [str(archs.ROOT / "tests"), str(archs.ROOT / "tests/boot")]

# What "panic" shows when nobody says what to do: the usual, the hostile, the concurrent.
SHOWN = ("plain", "wedged", "three", "dumper-fault")


def _write_results(args: argparse.Namespace, shown: list[list]) -> None:
    import page
    import report

    runs = [run for case in shown for run in case]
    if args.html:
        page.write(pathlib.Path(args.html), shown)
    if args.json:
        report.write_json(pathlib.Path(args.json), runs)
    if args.junit:
        report.write_junit(pathlib.Path(args.junit), runs)


def _cases(args: argparse.Namespace, arch: archs.Arch, kernel: str) -> list:
    import scenarios

    names = []
    for name in args.scenario or SHOWN:
        base = name.removesuffix("-kdump")
        archs.choose("scenario", base, list(scenarios.BY_NAME))
        names += [(base, True)] if name != base else [(base, False), (base, True)] if not args.scenario else [(base, False)]
    more = {"boot": archs.choose(f"way to boot {arch.name}", args.boot, arch.names("option"))} if args.boot else {}
    if args.store:
        more["store"] = archs.choose(f"store of {arch.name}", args.store, arch.names("store"))
    return [scenarios.case(scenarios.BY_NAME[n], arch, kernel=kernel, kdump="yes" if k else "no", **more) for n, k in names]


def panic(args: argparse.Namespace) -> int:
    """Build, boot, panic, show."""
    import boot
    import report

    files.writable(args.html, args.json, args.junit)
    known = archs.load()
    chosen = [known[archs.choose("architecture", name, list(known))] for name in args.arch or list(known)]
    if args.kernel not in apply.KERNELS and not pathlib.Path(args.kernel).is_dir():
        archs.choose("kernel", args.kernel, list(apply.KERNELS))
    cases_shown, skipped = [], 0
    for arch in chosen:
        packages.need(*packages.BASE, *arch.get("arch", "packages").split())
        version = apply.kernel_version(pathlib.Path(args.kernel)) if args.kernel not in apply.KERNELS else args.kernel
        cases = _cases(args, arch, version)
        kernels = [build.build(args.kernel, arch, patched) for patched in ([False, True] if args.stock else [True])]
        for number, case in enumerate(cases, 1):
            if case.impossible:
                print(f"[{number:2}/{len(cases)}] skipped {case.name}: {case.impossible}", flush=True)
                skipped += 1
                continue
            shown = []
            for kernel in kernels:
                print(f"[{number:2}/{len(cases)}] {case.name} on {kernel.title} {arch.name} ...", flush=True)
                shown.append(boot.run(kernel, case))
            report.show(shown)
            cases_shown.append(shown)
            _write_results(args, cases_shown)
    judged = [r for shown in cases_shown for r in shown if r.kernel.patched]
    print(f"\n{sum(r.verdict.passed for r in judged)} passed, {sum(not r.verdict.passed for r in judged)} failed"
          + (f", {skipped} skipped" if skipped else ""))
    if not judged:
        return EXIT_SKIPPED
    return EXIT_HELD if all(r.verdict.passed for r in judged) else EXIT_FAILED


def bench(args: argparse.Namespace) -> int:
    """Measure stock beside patched, or let the gate judge what the patched kernel costs."""
    import measure

    return measure.run(args)


def test(args: argparse.Namespace) -> int:
    """This project's tests."""
    sys.path.insert(0, str(archs.ROOT / "tests"))
    import suite

    return suite.run(args)


def apply_to(args: argparse.Namespace) -> int:
    """Apply the layer to a tree in place."""
    packages.need(*packages.BASE)
    changed = apply.apply_layer(pathlib.Path(args.dir))
    print(f"{args.dir}: {'the layer is applied' if changed else 'nothing to do, the layer was there already'}")
    return EXIT_HELD


def write_series(args: argparse.Namespace) -> int:
    """Write the layer as patches to be sent."""
    import series
    import vendor

    form = archs.choose("form", args.form, [series.MAILS, *vendor.FORMS])
    packages.need(*packages.BASE, "git", "perl")
    out = pathlib.Path(args.output)
    says = series.make(args.kernel, {form: out})
    patches = sorted(out.iterdir())
    nobody = {n for p in patches for n in re.findall(r"[\w.+-]+@[\w.-]+\.invalid\b", p.read_text())}
    print(*says, *(p.name for p in patches), *(f"before it is sent, {n} has to become a person" for n in sorted(nobody)), sep="\n")
    if says:
        print(f"{out}: checkpatch --strict is not silent, see above")
        return EXIT_FAILED
    print(f"{out}: checkpatch --strict is silent")
    if form in vendor.NEXT:
        print(vendor.NEXT[form].format(out=out.absolute()))
    else:
        print(f"  to apply: git am --empty=drop {out}/*.patch\n  to send:  git send-email {out}/*.patch")
    return EXIT_HELD


def audit_path(args: argparse.Namespace) -> int:
    """What the crash path reaches in linked kernels, and its stack."""
    known = archs.load()
    findings = []
    for name in args.arch or list(known):
        arch = known[archs.choose("architecture", name, list(known))]
        packages.need(*packages.BASE, "binutils")
        found = audit.audit(build.build(args.kernel, arch, True))
        print(found.said, flush=True)
        findings += found.findings
    print(*findings, sep="\n", end="\n" if findings else "")
    print(f"the crash path reaches {f'what it must not, {len(findings)} findings' if findings else 'nothing that it must not'}")
    return EXIT_FAILED if findings else EXIT_HELD


def run_matrix(args: argparse.Namespace) -> int:
    """Compile the layer for every kernel, architecture, compiler and variant."""
    import matrix

    return matrix.run(args)


def judge_console(args: argparse.Namespace) -> int:
    """Judge a console that somebody recorded."""
    import judge

    if args.cpus is not None and args.cpus < 1:
        raise Unusable(f"--cpus {args.cpus}: give 1 or more")
    return judge.show(pathlib.Path(args.console), args.cpus)


def show_list(args: argparse.Namespace) -> int:
    """What there is, and what this machine can run."""
    import shutil

    import scenarios
    import support

    if args.support:
        print(support.table(), end="")
        return EXIT_HELD

    print("architectures")
    for arch in archs.load().values():
        binary = arch.get("qemu", "binary")
        there = shutil.which(binary)
        version = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout.splitlines()[0] if there else ""
        print(f"  {arch.name:12} rungs: {arch.get('arch', 'rungs'):16} {version or binary + ' is not installed'}")
        for name in arch.names("option"):
            print(f"  {'':12}   --boot {name}: {arch.get(f'option {name}', 'what')}")
        print(f"  {'':12}   --store {' '.join(arch.names('store'))}")
        for what, why in arch.conf["impossible"].items() if "impossible" in arch.conf else ():
            print(f"  {'':12}   not {what}: {why}")
    print("kernels")
    for kernel in apply.KERNELS:
        cached = (sources.CACHE / "sources" / f"linux-{kernel}").exists()
        print(f"  {kernel:12} {'in the cache' if cached else 'to be fetched (linux-source-' + kernel + ')'}")
    print("scenarios (NAME-kdump: with a crash kernel loaded)")
    for s in scenarios.SCENARIOS:
        only = f"  [{' '.join(s.kernels)} only: {s.why_not}]" if s.kernels else ""
        print(f"  {s.name:18} {s.what}{only}")
    return EXIT_HELD


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="crash-stop", description="One way to stop the other CPUs when Linux panics.",
                                     epilog="exit codes: 0 all held, 1 a check failed, 2 a build failed, 3 could not run, 4 all skipped")
    verbs = parser.add_subparsers(dest="verb", required=True,
                                  metavar="panic|test|bench|apply|series|judge|audit|matrix|list")
    one = verbs.add_parser("panic", help="build a real kernel, boot it, panic it, show what happened")
    one.add_argument("arch", nargs="*", metavar="ARCH", help="architectures; default: all")
    one.add_argument("--kernel", default="6.12", help="6.1, 6.12 (default), 7.3, or a kernel tree")
    one.add_argument("--scenario", nargs="+", metavar="S", help="see crash-stop list; S-kdump with a crash kernel")
    one.add_argument("--boot", metavar="B", help="another way to boot, see crash-stop list")
    one.add_argument("--store", metavar="S", help="another store, see crash-stop list")
    one.add_argument("--stock", action="store_true", help="show the unpatched kernel beside it")
    one.add_argument("--html", metavar="FILE", help="the timelines as a page, to be read without a network or a script")
    one.set_defaults(run=panic)
    two = verbs.add_parser("test", help="this project's tests")
    two.add_argument("--quick", action="store_true", help="those that build and boot no kernel, some minutes")
    two.add_argument("--all", action="store_true", help="more kernels and every scenario, takes hours")
    two.add_argument("--only", nargs="+", metavar="PART", help="some parts, by name")
    two.add_argument("--arch", nargs="+", metavar="ARCH", help="only these architectures")
    two.add_argument("--times", type=int, default=20, metavar="N", help="the part \"repeat\" goes on until it has run each case N times")
    two.add_argument("--campaign", type=int, metavar="N", help="only this: N random panics on each architecture")
    two.add_argument("--seed", type=int, default=1, metavar="S", help="of the first random panic (default 1); the next has S+1")
    two.add_argument("--kernel", metavar="V", help="the kernel of the random panics, or of \"repeat\"; default: the newest")
    two.add_argument("--scenario", nargs="+", metavar="NAME", help="the part \"repeat\" runs only these")
    two.add_argument("--words", nargs="+", metavar="WORD", help="the random panics are this one, and not what a seed draws: \"panic=1 kdump=yes ...\"")
    two.add_argument("--jobs", type=int, default=2, metavar="N", help="guests at a time (default 2); those that fail are run again alone")
    two.set_defaults(run=test)
    nine = verbs.add_parser("bench", help="how long a panic takes, stock beside patched, on 1 to 64 CPUs")
    nine.add_argument("arch", nargs="*", metavar="ARCH", help="architectures; default: all")
    nine.add_argument("--kernel", default="7.3", help="6.1, 6.12, 7.3 (default)")
    nine.add_argument("--scenario", nargs="+", metavar="S", help="default: plain wedged three")
    nine.add_argument("--cpus", nargs="+", type=int, metavar="N", help="default: 1 2 4 ... as many as the machine can have")
    nine.add_argument("--times", type=int, default=5, metavar="N", help="runs of each kernel, in turn (default 5)")
    nine.add_argument("--boot", metavar="B", help="another way to boot, see crash-stop list")
    nine.add_argument("-o", "--output", default=str(sources.CACHE / "bench"), metavar="DIR",
                     help="for the table, JSON and a picture of each architecture; default: %(default)s")
    nine.add_argument("--gate", action="store_true", help="count instructions only; 5 %% more than the baseline is a failure")
    nine.add_argument("--record", action="store_true", help="count instructions only, and put them into the baseline")
    nine.add_argument("--baseline", metavar="FILE", help="default: tests/boot/baseline.json")
    nine.set_defaults(run=bench)
    three = verbs.add_parser("apply", help="patch a kernel tree in place")
    three.add_argument("dir", metavar="DIR")
    three.set_defaults(run=apply_to)
    five = verbs.add_parser("series", help="write patches for git am, and for git send-email")
    five.add_argument("--kernel", default="7.3", help="6.1, 6.12, 7.3 (default), or a kernel tree")
    five.add_argument("--for", dest="form", default="mails", metavar="FORM",
                      help="mails (default); yocto: a kernel-cache feature; buildroot: a BR2_LINUX_KERNEL_PATCH folder")
    five.add_argument("-o", "--output", required=True, metavar="DIR", help="a folder that is not there yet")
    five.set_defaults(run=write_series)
    six = verbs.add_parser("audit", help="what the crash path reaches in a linked kernel, and how deep its stack gets")
    six.add_argument("arch", nargs="*", metavar="ARCH", help="architectures; default: all")
    six.add_argument("--kernel", default="7.3", help="6.1, 6.12, 7.3 (default), or a kernel tree")
    six.set_defaults(run=audit_path)
    seven = verbs.add_parser("matrix", help="compile for every kernel, architecture, compiler and variant, and compare")
    seven.add_argument("cell", nargs="*", metavar="CELL", help="KERNEL/ARCH/COMPILER/VARIANT, or a pattern; or: merge DIR...")
    seven.add_argument("--kernel", nargs="+", metavar="K", help="6.1, 6.12, 7.3 (default: these three), or a kernel tree")
    seven.add_argument("--all", action="store_true", help="every cell; takes hours")
    seven.add_argument("--list", action="store_true", help="name the cells, run none")
    seven.add_argument("--jobs", type=int, default=os.cpu_count() or 2, metavar="N", help="cells at a time (default: one per CPU)")
    seven.add_argument("--again", action="store_true", help="also what an earlier run has shown")
    seven.add_argument("--rerun-failed", action="store_true", help="only what failed in an earlier run")
    seven.add_argument("--seed", type=int, default=0, metavar="N", help="for randconfig; default: another one each time")
    seven.add_argument("--shard", default="", metavar="K/N", help="the K-th of N parts")
    seven.add_argument("--on", choices=("slurm",), help="as a Slurm job array, on nodes that share the cache")
    seven.add_argument("--results", metavar="DIR", help="where the JSON of each cell goes; default: in the cache")
    seven.add_argument("--junit", metavar="FILE")
    seven.add_argument("--ktap", metavar="FILE")
    seven.set_defaults(run=run_matrix)
    eight = verbs.add_parser("judge", help="judge a panic whose console was recorded over a serial line")
    eight.add_argument("console", metavar="CONSOLE.log", help="with any time stamps or none; see Documentation/boards.rst")
    eight.add_argument("--cpus", type=int, metavar="N", help="that were online, where the recording does not begin with the boot")
    eight.set_defaults(run=judge_console)
    four = verbs.add_parser("list", help="architectures, kernels, scenarios, rungs")
    four.add_argument("--support", action="store_true", help="a table: what each architecture can do on each kernel")
    four.set_defaults(run=show_list)
    for verb in (one, two):
        verb.add_argument("--json", metavar="FILE")
        verb.add_argument("--junit", metavar="FILE")
    return parser


def _interrupt(*_: object) -> None:
    """No guest outlives the program: nobody would see what it says."""
    import qemu

    qemu.end_all()
    raise KeyboardInterrupt


def main() -> int:
    """Run the command line; errors are one line each."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    parser = _parser()
    try:
        args = parser.parse_args()
    except SystemExit as stop:
        return EXIT_UNUSABLE if stop.code else EXIT_HELD
    try:
        return args.run(args)
    except BuildFailed as error:
        print(f"crash-stop: {error}", file=sys.stderr)
        return EXIT_BUILD
    except (Unusable, rules.RuleError) as error:
        print(f"crash-stop: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    except OSError as error:
        print(f"crash-stop: {error.filename or ''}: {error.strerror}", file=sys.stderr)
        return EXIT_UNUSABLE
    except KeyboardInterrupt:
        print("crash-stop: interrupted", file=sys.stderr)
        return EXIT_UNUSABLE


if __name__ == "__main__":
    sys.exit(main())
