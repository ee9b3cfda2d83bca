# SPDX-License-Identifier: Apache-2.0
# The init phase on a real server. A failed one is run once more, as part of the call that waits.
import base64
import json
import math
import os
import re
import sys
import time
import unittest
import urllib.request

SOURCE, BUILD = sys.argv[1], sys.argv[2]
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402
from shared_folder import SharedFolder  # noqa: E402


class Init(unittest.TestCase):
    def setUp(self):
        self.shared = SharedFolder()
        self.addCleanup(self.shared.close)
        self.plan = self.shared.file("plan")

    def serve(self, *arguments):
        self.server = KilnServer(BUILD, arguments=arguments, shared=self.shared)
        self.addCleanup(self.server.kill)

    def deploy_python(self, *steps, timeout=3):
        with open(self.plan, "w") as file:
            json.dump(steps, file)
        self.server.run("deploy", os.path.join(HERE, "python"), "--name", "f", "--timeout", str(timeout), "--env",
                        self.server.inside(f"PLAN={self.plan}"))

    def deploy_provided(self, steps, snap_start=False):
        self.server.run("deploy", os.path.join(HERE, "provided"), "--name", "f", "--env", f"STEPS={steps}")
        if snap_start:
            self.ask("PUT", "/2015-03-31/functions/f/configuration", {"SnapStart": {"ApplyOn": "PublishedVersions"}})

    def ask(self, method, path, body, **headers):
        request = urllib.request.Request(self.server.url + path, json.dumps(body).encode(), method=method,
                                         headers={name.replace("_", "-"): value for name, value in headers.items()})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer, answer.read().decode()

    def invoke(self, error=False, **event):
        answer, body = self.ask("POST", "/2015-03-31/functions/f/invocations", event)
        self.assertEqual(answer.headers.get("X-Amz-Function-Error"), "Unhandled" if error else None, body)
        self.request_id = answer.headers["x-amzn-RequestId"]
        return json.loads(body)

    def imports(self):
        with open(self.plan + ".imports") as file:
            return [float(line) for line in file]

    def log(self):
        return self.server.run("logs", "f").stdout

    # --- the limit and the second attempt ---

    def test_an_endless_init_times_out_as_the_function(self):
        self.serve("--init-timeout", "0.5")
        self.deploy_python("sleep 60", timeout=1)
        begun = time.monotonic()
        self.assertEqual(self.invoke(error=True),
                         {"errorType": "Sandbox.Timedout",
                          "errorMessage": f"RequestId: {self.request_id} Error: Task timed out after 1.00 seconds"})
        took = time.monotonic() - begun
        self.assertGreater(took, 1.45)
        self.assertEqual(len(self.imports()), 2)
        log = self.log()
        self.assertRegex(log, r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: timeout\n")
        self.assertRegex(log, r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: invoke\tStatus: timeout\n")
        self.assertIn(f"START RequestId: {self.request_id} Version: $LATEST", log)
        self.assertIn(f"RequestId: {self.request_id} Error: Task timed out after 1.00 seconds", log)
        self.assertIn(f"END RequestId: {self.request_id}", log)
        self.assertRegex(log, rf"REPORT RequestId: {self.request_id}\tDuration: 1\d\d\d\.\d\d ms.*Status: timeout")

    def test_the_second_attempt_has_the_functions_timeout_and_the_call_what_is_left_of_it(self):
        self.serve("--init-timeout", "0.5")
        self.deploy_python("sleep 60", "sleep 1", timeout=30)
        answer = self.invoke()
        self.assertEqual(answer["import"], 2)
        self.assertLess(answer["left"], 29_000)
        self.assertGreater(answer["left"], 1_000)
        self.assertEqual(self.invoke()["import"], 2)  # the instance stays
        self.assertGreater(self.invoke()["left"], 29_000)

    def test_the_limit_is_ten_seconds_where_nothing_else_is_said(self):
        self.serve()
        self.deploy_python("sleep 60", "sleep 0")
        self.assertEqual(self.invoke()["import"], 2)
        first, second = self.imports()
        self.assertGreater(second - first, 9)
        self.assertLess(second - first, 20)

    def test_an_exception_at_import_reaches_the_invoker_word_for_word_after_a_second_attempt(self):
        self.serve()
        self.deploy_python("raise no such bucket")
        error = self.invoke(error=True)
        self.assertEqual([error["errorType"], error["errorMessage"], error["requestId"]],
                         ["ValueError", "no such bucket", ""])
        self.assertIn("raise ValueError(rest)", "".join(error["stackTrace"]))
        self.assertEqual(len(self.imports()), 2)
        self.assertIn(f"END RequestId: {self.request_id}", self.log())

    def test_an_init_that_fails_once_is_no_failure(self):
        self.serve()
        for first in ("raise not yet", "exit 3"):
            self.deploy_python(first, "sleep 0")
            self.assertEqual(self.invoke()["import"], 2)
            self.server.run("delete", "f")
            os.remove(self.plan + ".imports")

    def test_a_process_that_ends_during_init(self):
        self.serve()
        self.deploy_python("exit 3")
        self.assertEqual(self.invoke(error=True),
                         {"errorType": "Runtime.ExitError",
                          "errorMessage": f"RequestId: {self.request_id} Error: Runtime exited with error: exit status 3"})
        self.assertEqual(len(self.imports()), 2)
        log = self.log()
        self.assertIn(f"RequestId: {self.request_id} Error: Runtime exited with error: exit status 3\n", log)
        for phase in ("init", "invoke"):
            self.assertIn(f" ms\tPhase: {phase}\tStatus: error\tError Type: Runtime.ExitError\n", log)
        self.assertRegex(log, rf"REPORT RequestId: {self.request_id}\t.*Status: error\tError Type: Runtime.ExitError")

    def test_the_log_tail_of_a_call_whose_init_failed(self):
        self.serve()
        self.deploy_python("exit 3")
        answer, _ = self.ask("POST", "/2015-03-31/functions/f/invocations", {}, X_Amz_Log_Type="Tail")
        tail = base64.b64decode(answer.headers["X-Amz-Log-Result"]).decode()
        request_id = answer.headers["x-amzn-RequestId"]
        self.assertTrue(tail.startswith(f"START RequestId: {request_id} Version: $LATEST\n"), tail)
        self.assertIn("Runtime.ExitError", tail)

    # --- readiness ---

    def test_a_runtime_that_says_it_is_ready_before_it_polls(self):
        self.serve("--init-timeout", "0.5")
        # Longer than the limit of the init phase, which has ended.
        self.deploy_provided("ready,sleep 1")
        self.assertEqual(self.invoke(), {"answers": [202], "type": "on-demand"})

    # --- restoring ---

    def test_a_runtime_is_restored_at_once(self):
        self.serve()
        self.deploy_provided("restore", snap_start=True)
        self.assertEqual(self.invoke(), {"answers": [200], "type": "snap-start"})

    def test_a_restore_is_timed_beside_the_init_phase(self):
        self.serve()
        self.deploy_provided("sleep 0.1,restore,sleep 1", snap_start=True)
        self.invoke()
        log = self.log()
        times = re.search(r"Z REPORT .*\tBilled Duration: (\d+) ms\t.*\tInit Duration: (\S+) ms\t"
                          r"Restore Duration: (\S+) ms\tBilled Restore Duration: (\d+) ms\t", log) or self.fail(log)
        billed, init, restore, billed_restore = map(float, times.groups())
        self.assertGreaterEqual(init, 100)
        self.assertGreaterEqual(restore, 1000)
        self.assertLess(init, restore)
        self.assertEqual(billed_restore, math.ceil(restore))
        self.assertGreater(billed, billed_restore)
        self.assertRegex(log, r"Z RESTORE_START Runtime Version: provided\tRuntime Version ARN: \n")
        self.assertRegex(log, rf"Z RESTORE_REPORT Restore Duration: {restore:.2f} ms\n")
        self.invoke()
        self.assertEqual(self.log().count("Restore Duration: "), 3)  # and none in the second call's report

    def test_a_restore_error_reaches_the_invoker_word_for_word(self):
        self.serve()
        self.deploy_provided("restore,fail restore/error", snap_start=True)
        self.assertEqual(self.invoke(error=True), {"errorMessage": "as planned", "errorType": "Planned"})
        self.assertRegex(self.log(), r"RESTORE_REPORT Restore Duration: \S+ ms\tStatus: error\tError Type: \S+\n")

    def test_without_snap_start_there_is_nothing_to_restore(self):
        self.serve()
        self.deploy_provided("restore")
        self.assertEqual(self.invoke(), {"answers": [404], "type": "on-demand"})

    def test_our_own_runtimes_start_with_snap_start_too(self):
        self.serve()
        self.deploy_python("sleep 0")
        self.ask("PUT", "/2015-03-31/functions/f/configuration", {"SnapStart": {"ApplyOn": "PublishedVersions"}})
        self.assertEqual(self.invoke()["type"], "snap-start")

    # --- metadata ---

    def test_an_instance_is_told_where_it_runs(self):
        self.serve("--availability-zone-id", "euc1-az3")
        self.deploy_python("sleep 0")
        self.assertEqual(self.invoke(metadata=True), {"AvailabilityZoneID": "euc1-az3"})


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
