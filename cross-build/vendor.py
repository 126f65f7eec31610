# SPDX-License-Identifier: GPL-2.0-only
"""The series in the forms that embedded build systems take patches in.

yocto	a feature of a kernel-cache: an .scc that names the patches in their order, and
	a .cfg, a configuration fragment
buildroot	a folder for BR2_LINUX_KERNEL_PATCH, which takes each *.patch by its name,
	and beside them a fragment for BR2_LINUX_KERNEL_CONFIG_FRAGMENT_FILES

The patches are those of the mails; the fragment is the same.
"""

from __future__ import annotations

import pathlib
import shutil

from archs import ROOT

FRAGMENT = ROOT / "cross-build/config/crash-stop.cfg"
SCC = """\
# SPDX-License-Identifier: GPL-2.0-only
define KFEATURE_DESCRIPTION "Stop the other CPUs the same way in every crash"
define KFEATURE_COMPATIBILITY all

kconf non-hardware {fragment}

"""


def _yocto(folder: pathlib.Path, patches: list[str]) -> None:
    shutil.copy(FRAGMENT, folder)
    lines = "".join(f"patch {name}\n" for name in patches)
    (folder / "crash-stop.scc").write_text(SCC.format(fragment=FRAGMENT.name) + lines)


def _buildroot(folder: pathlib.Path, patches: list[str]) -> None:
    shutil.copy(FRAGMENT, folder / "crash-stop.fragment")


# What is added to the patches, and what to do with the folder then.
FORMS = {"yocto": _yocto, "buildroot": _buildroot}
NEXT = {
    "yocto": "put the folder into the kernel-cache as features/crash-stop, and in the recipe:\n"
             '  KERNEL_FEATURES:append = " features/crash-stop/crash-stop.scc"',
    "buildroot": 'in the configuration:\n  BR2_LINUX_KERNEL_PATCH="{out}"\n'
                 '  BR2_LINUX_KERNEL_CONFIG_FRAGMENT_FILES="{out}/crash-stop.fragment"',
}
