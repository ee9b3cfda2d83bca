# SPDX-License-Identifier: Apache-2.0
# `kiln conformance server`: our own server keeps everything.
import json
import os
import unittest

from conformance import BUILD, HERE, in_parallel, names, not_passed, report, run, verdicts
from faults import SERVER
from kiln_server import KilnServer

# What our server does not do yet.
NOT_DONE = ("stream", "concurrency.late-beside")


class OwnServer(unittest.TestCase):
    maxDiff = None

    def test_a_running_kiln_keeps_every_case_and_is_left_as_it_was(self):
        with KilnServer(BUILD) as server:
            skips = [word for name in NOT_DONE for word in ("--skip", name)]
            document = report("server", "--platform", "kiln", "--endpoint", server.url, *skips)
            self.assertEqual(json.loads(server.run("list", "--json").stdout)["Functions"], [])
        self.assertEqual(not_passed(document), [])
        self.assertTrue(document["Conforms"])

    def test_a_server_that_is_not_there_cannot_be_tried(self):
        for arguments, cause in ((["--platform", "kiln", "--endpoint", "http://127.0.0.1:9"], "127.0.0.1:9"),
                                 ([], "which server"), (["--", "true"], "how is the function invoked"),
                                 (["--invoke", "http://127.0.0.1:9/", "--", "true"], "no {bootstrap}")):
            done = run("server", *arguments)
            self.assertIn(done.returncode, (2, 3), done.stderr)
            self.assertIn(cause, done.stderr)


if __name__ == "__main__":
    import sys

    unittest.main(argv=sys.argv[:1], verbosity=2)
