# SPDX-License-Identifier: GPL-2.0-only
"""Files that are written whole or not at all, and paths that are refused before the work."""

import concurrent.futures
import errno
import os
import pathlib
import tempfile
import threading
import unittest
from unittest import mock

import paths
import files
from errors import Unusable


class Files(unittest.TestCase):
    """What is there stays until the new is whole."""

    def setUp(self) -> None:
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.tmp = pathlib.Path(tmp.name)

    def test_a_full_disk_leaves_what_was_there(self) -> None:
        path = self.tmp / "table"
        files.whole(path, "old\n")
        with mock.patch("os.replace", side_effect=OSError(errno.ENOSPC, "No space left on device")):
            with self.assertRaises(OSError):
                files.whole(path, "new\n")
        self.assertEqual((path.read_text(), list(self.tmp.iterdir())), ("old\n", [path]))
        files.whole(path, "new\n")
        self.assertEqual((path.read_text(), list(self.tmp.iterdir())), ("new\n", [path]))

    def test_two_threads_write_one_file(self) -> None:
        path, replace = self.tmp / "table", os.replace
        both = threading.Barrier(2, timeout=30)

        def when_both_have_written(old: pathlib.Path, new: pathlib.Path) -> None:
            both.wait()
            replace(old, new)

        with mock.patch("os.replace", when_both_have_written), concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda text: files.whole(path, text), ("one\n", "two\n")))
        self.assertIn(path.read_text(), ("one\n", "two\n"))
        self.assertEqual(list(self.tmp.iterdir()), [path])

    def test_what_cannot_be_written_is_refused(self) -> None:
        files.writable(None, str(self.tmp / "there.xml"))
        for path, why in ((self.tmp, "is a folder"), (self.tmp / "no/there.xml", "its folder does not exist")):
            with self.subTest(path=path), self.assertRaisesRegex(Unusable, why):
                files.writable(str(path))
        with mock.patch("os.access", return_value=False), self.assertRaisesRegex(Unusable, "cannot be written"):
            files.writable(str(self.tmp / "there.xml"))


if __name__ == "__main__":
    unittest.main()
