# SPDX-License-Identifier: Apache-2.0
# `kiln conformance server`: our own server keeps everything, a server with a fault is caught by the case that is for it.
import json
import os
import socket
import unittest

from conformance import BUILD, HERE, in_parallel, names, not_passed, report, run, verdicts
from faults import SERVER
from kiln_server import KilnServer


class OwnServer(unittest.TestCase):
    maxDiff = None

    def test_a_running_kiln_keeps_every_case_and_is_left_as_it_was(self):
        with KilnServer(BUILD) as server:
            document = report("server", "--strict", "--platform", "kiln", "--endpoint", server.url)
            self.assertEqual(json.loads(server.run("list", "--json").stdout)["Functions"], [])
        self.assertEqual(not_passed(document), [])
        self.assertTrue(document["Conforms"])


class Faults(unittest.TestCase):
    maxDiff = None

    @staticmethod
    def try_server(fault, *arguments):
        # Both are held until both are known, so that they differ; the server takes them a moment later.
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
            invoke, runtime = one.getsockname()[1], other.getsockname()[1]
        address = f"http://127.0.0.1:{invoke}"
        return report("server", "--invoke", address + "/invoke", "--invoke-stream", address + "/stream", *arguments, "--",
                      "python3", os.path.join(HERE, "faulty_server.py"), fault, str(invoke), str(runtime), "{bootstrap}")

    def test_a_server_without_a_fault_keeps_every_case(self):
        document = self.try_server("none", "--strict")
        self.assertEqual(not_passed(document), [])
        self.assertEqual(len(document["Cases"]), len(names("server")))

    def test_every_case_is_in_the_table_of_faults(self):
        self.assertEqual(sorted(set(names("server"))), sorted(case for cases in SERVER.values() for case in cases))

    def test_each_fault_is_noticed_by_the_cases_that_are_for_it(self):
        def noticed(fault, cases):
            filters = [word for case in cases for word in ("--filter", case)]
            return verdicts(self.try_server(fault, "--patience", "4", *filters))

        found = in_parallel({fault: lambda f=fault, c=cases: noticed(f, c) for fault, cases in SERVER.items()})
        unnoticed = [(fault, case, verdict) for fault, each in found.items() for case, verdict in each.items()
                     if verdict != "fail"]
        self.assertEqual(unnoticed, [])
        self.assertEqual({fault: sorted(each) for fault, each in found.items()},
                         {fault: sorted(cases) for fault, cases in SERVER.items()})


class Usage(unittest.TestCase):
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
