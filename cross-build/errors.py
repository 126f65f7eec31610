# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong for a reason the user can mend, one exit code each."""

EXIT_HELD = 0
EXIT_FAILED = 1
EXIT_BUILD = 2
EXIT_UNUSABLE = 3
EXIT_SKIPPED = 4


class Unusable(Exception):
    """Could not run: the message says what is wrong and what to do."""


class DidNotSurvive(Unusable):
    """A configuration that was asked for and cannot be had: needs says what for."""

    def __init__(self, where: str, needs: str) -> None:
        super().__init__(f"{where}: {needs.split()[0]} was asked for and did not survive: {needs}")
        self.needs = needs


class BuildFailed(Exception):
    """A kernel or a test program did not build."""
