# SPDX-License-Identifier: Apache-2.0
# `kiln conformance runtime`: our own bootstraps keep everything, a runtime with a fault is caught by the case that is for it.
import json
import os
import tempfile
import unittest
import xml.etree.ElementTree

from conformance import BUILD, HERE, SOURCE, in_parallel, names, not_passed, report, run, verdicts
from faults import RUNTIME

FAULTY = ["--", "python3", os.path.join(HERE, "faulty_runtime.py")]
PYTHON = [os.path.join(BUILD, "libexec", "kiln", name, "bootstrap")
          for name in os.listdir(os.path.join(BUILD, "libexec", "kiln")) if name.startswith("python")][0]
CPP = os.path.join(BUILD, "libexec", "kiln", "cpp", "bootstrap")
OFFERS = ("context", "big", "sleep", "exit", "stream", "stream-error", "init-failure", "concurrency")


class OwnRuntimes(unittest.TestCase):
    maxDiff = None

    def keeps_everything(self, bootstrap, task_root, *arguments):
        document = report("runtime", "--strict", "--task-root", task_root, *arguments, "--", bootstrap)
        self.assertEqual(not_passed(document), [])
        self.assertTrue(document["Conforms"])

    def test_the_python_bootstrap_keeps_every_case(self):
        self.keeps_everything(PYTHON, os.path.join(SOURCE, "examples", "conformance-python"))

    def test_the_cpp_bootstrap_keeps_every_case(self):
        self.keeps_everything(CPP, os.path.join(BUILD, "tests", "conformance-cpp"),
                              "--stream-handler", "index.streaming")


class Faults(unittest.TestCase):
    maxDiff = None

    def test_a_runtime_without_a_fault_keeps_every_case(self):
        document = report("runtime", "--strict", *FAULTY, status=0)
        self.assertEqual(not_passed(document), [])
        self.assertEqual(len(document["Cases"]), len(names("runtime")))

    def test_every_case_is_in_the_table_of_faults(self):
        self.assertEqual(sorted(set(names("runtime"))), sorted(case for cases in RUNTIME.values() for case in cases))

    def test_each_fault_is_noticed_by_the_cases_that_are_for_it(self):
        def noticed(fault, cases):
            filters = [word for case in cases for word in ("--filter", case)]
            # Said here, since a faulty runtime may not be able to say it.
            offers = [word for name in OFFERS for word in ("--offers", name)]
            return verdicts(report("runtime", "--patience", "3", *offers, *filters, *FAULTY, fault))

        found = in_parallel({fault: lambda f=fault, c=cases: noticed(f, c) for fault, cases in RUNTIME.items()})
        unnoticed = [(fault, case, verdict) for fault, each in found.items() for case, verdict in each.items()
                     if verdict != "fail"]
        self.assertEqual(unnoticed, [])
        self.assertEqual({fault: sorted(each) for fault, each in found.items()},
                         {fault: sorted(cases) for fault, cases in RUNTIME.items()})


class Reports(unittest.TestCase):
    def test_the_exit_status_says_whether_it_conforms(self):
        must = ["--filter", "response.target", "--patience", "2"]
        should = ["--filter", "response.content-type"]
        self.assertEqual(run("runtime", *must, *FAULTY).returncode, 0)
        self.assertEqual(run("runtime", *must, *FAULTY, "posts-elsewhere").returncode, 1)
        self.assertEqual(run("runtime", *should, *FAULTY, "no-content-type").returncode, 0)
        self.assertEqual(run("runtime", "--strict", *should, *FAULTY, "no-content-type").returncode, 1)

    def test_what_cannot_be_tried_is_2_with_the_cause(self):
        for arguments, cause in ((["--", "./no-such-bootstrap"], "cannot execute ./no-such-bootstrap"), ([], "which runtime"),
                                 (["--filter", "nothing", *FAULTY], "no case is selected"),
                                 (["--explain", "nothing"], "no case is called nothing")):
            done = run("runtime", *arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(cause, done.stderr)

    def test_a_failure_says_what_was_expected_and_found_and_where_it_stands(self):
        done = run("runtime", "--filter", "error.posted", *FAULTY, "errors-as-responses")
        self.assertRegex(done.stdout, r"FAIL  must   error\.posted")
        self.assertRegex(done.stdout, r"expected +an error for .*asked for")
        self.assertRegex(done.stdout, r"found +a response: ")
        self.assertRegex(done.stdout, r"source +AWS Lambda developer guide, runtimes-api: Invocation error")
        self.assertIn("1 cases: 0 pass, 1 fail (1 must, 0 should), 0 skip", done.stdout)

    def test_a_handler_that_offers_nothing_is_told_so_and_not_failed(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "index.py"), "w", encoding="utf-8") as file:
                file.write("def handler(event, context):\n    return event['value']\n")
            document = report("runtime", "--task-root", folder, "--filter", "event.echo", "--filter", "context.tenant-id",
                              "--", PYTHON, status=0)
        self.assertEqual(verdicts(document), {"event.echo": "pass", "context.tenant-id": "skip"})
        self.assertIn("not offered", document["Cases"][1]["Reason"])
        self.assertIn("does not say what it offers", document["Notes"][0])

    def test_junit_has_a_test_case_for_each_case(self):
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "report.xml")
            run("runtime", "--filter", "response.content-type", "--filter", "response.target", "--filter", "error.posted",
                "--junit", file, *FAULTY, "errors-as-responses")
            suite = xml.etree.ElementTree.parse(file).getroot().find("testsuite")
        self.assertEqual((suite.get("tests"), suite.get("failures"), suite.get("skipped")), ("3", "1", "0"))
        cases = {(case.get("classname"), case.get("name")): case.find("failure") for case in suite.iter("testcase")}
        self.assertEqual(set(cases), {("conformance.runtime.response", "content-type"),
                                      ("conformance.runtime.response", "target"), ("conformance.runtime.error", "posted")})
        self.assertIn("expected an error", cases["conformance.runtime.error", "posted"].get("message"))

    def test_every_case_is_explained(self):
        for kit in ("runtime", "server"):
            for case in json.loads(run(kit, "--list", "--json").stdout)["Cases"]:
                done = run(kit, "--explain", case["Name"])
                self.assertEqual(done.returncode, 0)
                for member in ("Name", "Level", "Keeps", "How", "Source"):
                    self.assertTrue(case[member], case)
                    self.assertIn(case[member], done.stdout)


if __name__ == "__main__":
    import sys

    unittest.main(argv=sys.argv[:1], verbosity=2)
