# SPDX-License-Identifier: GPL-2.0-only
"""What can go wrong for a reason the user can mend, one exit code each."""

EXIT_HELD = 0
EXIT_FAILED = 1
EXIT_BUILD = 2
EXIT_UNUSABLE = 3
EXIT_SKIPPED = 4


class Unusable(Exception):
    """Could not run: the message says what is wrong and what to do."""


class NotHere(Unusable):
    """What was asked for cannot be had on this machine: needs says what for, where many things are asked for in turn."""

    def __init__(self, message: str, needs: str = "") -> None:
        super().__init__(message)
        self.needs = needs or message


class NotNow(NotHere):
    """The same, where another day may have it."""


class DidNotSurvive(NotHere):
    """A configuration symbol that was asked for and is not there."""

    def __init__(self, where: str, needs: str) -> None:
        super().__init__(f"{where}: {needs.split()[0]} was asked for and did not survive: {needs}", needs)


class Killed(Unusable):
    """A program was ended from outside: nothing is known of what it was to show."""


class BuildFailed(Exception):
    """A kernel or a test program did not build."""
