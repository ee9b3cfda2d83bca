# SPDX-License-Identifier: Apache-2.0
# Three containers serve one function of a control server that starts none; one is killed while it has a call.
import concurrent.futures
import json
import os
import unittest
import urllib.request

from containers import BUILD, FUNCTIONS, Container, ask, image, temporary_folder
from kiln_server import KilnServer
from waiting import PATIENCE, wait_until

FUNCTION = os.path.join(FUNCTIONS, "python")


class Pull(unittest.TestCase):
    def setUp(self):
        self.server = KilnServer(BUILD, isolation="process")
        self.addCleanup(self.server.kill)
        self.server.run("deploy", FUNCTION, "--name", "pulled", "--timeout", "60", "--pull", "127.0.0.1:0")
        self.gate = self.enterContext(temporary_folder())
        self.port = int(self.server.url.rsplit(":", 1)[1])

    def view(self):
        with urllib.request.urlopen(f"{self.server.url}/kiln/v1/functions/pulled/instances", timeout=PATIENCE) as answer:
            return json.load(answer)

    def states(self):
        return sorted(one["State"] for one in self.view()["Instances"])

    def container(self):
        return Container(self, image("python"), "index.handler", function=FUNCTION, wait=False,
                         options=[f"--volume={self.gate}:/gate:ro"],
                         environment={"AWS_LAMBDA_RUNTIME_API": self.view()["Pull"]["Address"], "GATE": "/gate/open"})

    def invoke(self, event):
        return ask(self.port, "/2015-03-31/functions/pulled/invocations", "POST", json.dumps(event))

    def test_three_containers_serve_and_one_is_killed_within_a_call(self):
        containers = [self.container() for _ in range(3)]
        wait_until(lambda: self.states() == ["Idle"] * 3, "all have joined")
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            calls = [pool.submit(self.invoke, {"rawPath": "/wait"}) for _ in range(3)]
            wait_until(lambda: self.states() == ["Busy"] * 3, "each has a call")
            containers[0].signal("KILL")
            lost = next(done for done in concurrent.futures.as_completed(calls, PATIENCE))
            self.assertEqual(json.loads(lost.result()[1])["errorType"], "Runtime.ExitError")
            wait_until(lambda: len(self.states()) == 2, "it is dropped")
            open(os.path.join(self.gate, "open"), "w").close()
            self.assertEqual([call.result(PATIENCE)[1] for call in calls if call is not lost], ['"waited"'] * 2)
        self.assertEqual(self.invoke({}), (200, '"Hello Serverless"'))
        # One that is asked to end leaves the other one to serve.
        containers[1].signal("TERM")
        self.assertEqual(containers[1].wait(), 0, containers[1].output())
        wait_until(lambda: self.states() == ["Idle"], "it has left")
        self.assertEqual(self.invoke({}), (200, '"Hello Serverless"'))


if __name__ == "__main__":
    unittest.main()
