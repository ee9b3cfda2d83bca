# SPDX-License-Identifier: Apache-2.0
# A container that nobody tells of a Runtime API serves its function itself, whatever rights it is given.
import json
import os
import threading
import time
import unittest

from containers import FUNCTIONS, HERE, PYTHON, Container, image, podman, temporary_folder
from waiting import free_ports, wait_until

PYTHON_FUNCTION = os.path.join(FUNCTIONS, "python")


class Serving(unittest.TestCase):
    def folder(self):
        folder = temporary_folder()
        self.addCleanup(folder.__exit__, None, None, None)
        return folder.__enter__()

    def serve(self, name, **options):
        return Container(self, image(name), "index.handler", function=PYTHON_FUNCTION, **options)

    def test_hello(self):
        for name in ("python", "python-slim"):
            with self.subTest(name):
                container = self.serve(name)
                self.assertEqual(container.ask("/"), (200, "Hello Serverless"))
                self.assertEqual(container.invoke({}), (200, '"Hello Serverless"'))
                event = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "t"}
                self.assertEqual(container.ask("/", "POST", "", event)[0], 200)
                wait_until(lambda: sum(line.startswith("REPORT ") for line in container.out) == 3, "a REPORT line for each call")

    def test_the_handler_may_be_named_by_a_variable(self):
        container = Container(self, image("python"), function=PYTHON_FUNCTION, environment={"_HANDLER": "index.handler"})
        self.assertEqual(container.ask("/"), (200, "Hello Serverless"))

    def test_a_bootstrap_of_somebody_else(self):
        container = Container(self, image("provided"), "any.handler", function=os.path.join(FUNCTIONS, "provided"))
        self.assertEqual(container.invoke({"a": 1}), (200, '{"a": 1}'))

    def test_any_user_with_no_rights_at_all_in_128_mb(self):
        for name in ("python", "python-slim"):
            with self.subTest(name):
                container = self.serve(name)
                found = container.tell("/container")
                self.assertEqual(found["uid"], container.user)
                self.assertEqual(found["capabilities"], 0)
                self.assertEqual(found["no_new_privileges"], "1")
                self.assertEqual(found["seccomp"], "2")
                self.assertEqual(found["memory"], "128")
                self.assertEqual(found["writable"], ["/tmp"])
                environment = found["environment"]
                self.assertEqual([environment[key] for key in ("LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_EXECUTION_ENV", "_HANDLER")],
                                 ["/var/task", "/var/runtime", f"AWS_Lambda_python{PYTHON}", "index.handler"])

    def test_the_image_s_own_user_is_nobody_in_particular(self):
        container = self.serve("python", restrict=False)
        self.assertEqual(container.tell("/container")["uid"], 10001)

    def test_a_layer_is_found_in_opt(self):
        folder = self.folder()
        os.mkdir(os.path.join(folder, "python"))
        with open(os.path.join(folder, "python", "from_layer.py"), "w") as module:
            module.write("SAYS = 'hello'\n")
        for name in ("python", "python-slim"):
            with self.subTest(name):
                container = self.serve(name, options=[f"--volume={folder}:/opt:ro"])
                self.assertEqual(container.tell("/layer"), {"from": "/opt/python/from_layer.py", "says": "hello"})

    def test_the_trimmed_library_still_does_its_work(self):
        expected = self.serve("python").tell("/library")
        self.assertEqual((expected["sqlite"], expected["certificates"], expected["asyncio"]), (42, True, ["a", "b"]))
        self.assertEqual(self.serve("python-slim").tell("/library"), expected)

    def test_several_instances_in_one_container(self):
        gate = self.folder()
        container = self.serve("python", environment={"KILN_MAX_INSTANCES": "2", "GATE": "/gate/open"},
                               options=[f"--volume={gate}:/gate:ro"])
        waiting = Call(container, "/wait")
        wait_until(lambda: self.scale(container)["in_flight"] == 1, "the first call")
        self.assertEqual(container.ask("/"), (200, "Hello Serverless"))
        self.open(gate)
        self.assertEqual(waiting.answer(), (200, "waited"))
        # Forks, though it has no right to anything.
        self.assertFalse([line for line in container.err if "cannot be forked" in line])

    @staticmethod
    def scale(container):
        return json.loads(container.ask("/scale", operations=True)[1])

    @staticmethod
    def open(gate):
        open(os.path.join(gate, "open"), "w").close()

    def test_sigterm_answers_the_call_under_way_and_ends_within_its_budget(self):
        for name in ("python", "python-slim"):
            with self.subTest(name):
                gate = self.folder()
                container = self.serve(name, environment={"GATE": "/gate/open"}, options=[f"--volume={gate}:/gate:ro"])
                waiting = Call(container, "/wait")
                wait_until(lambda: self.scale(container)["in_flight"] == 1, "the call")
                container.signal("TERM")
                wait_until(lambda: container.ask("/readyz", operations=True)[0] == 503, "readiness to say no")
                self.open(gate)
                began = time.monotonic()
                self.assertEqual(waiting.answer(), (200, "waited"))
                self.assertEqual(container.wait(), 0, container.output())
                self.assertLess(time.monotonic() - began, 5)

    def test_podman_stop_needs_no_force(self):
        container = self.serve("python")
        podman("stop", "--time=20", container.name)
        self.assertEqual(container.wait(), 0)  # 137 where it had to be killed

    def test_a_failed_init_ends_the_container_with_the_reason(self):
        for name in ("python", "python-slim"):
            with self.subTest(name):
                container = self.serve(name, environment={"FAIL_INIT": "1"}, wait=False)
                self.assertEqual(container.wait(), 1)
                self.assertEqual(container.err[-1], "kiln: the function could not be initialised: RuntimeError: asked to fail\n")

    def test_a_function_that_is_not_there(self):
        container = Container(self, image("cpp-slim"), "index.handler", function=HERE, wait=False)
        self.assertEqual(container.wait(), 1)
        self.assertIn("the function could not be initialised", container.err[-1])

    def test_health_for_schedulers_that_only_execute(self):
        for name in ("python", "python-slim"):
            with self.subTest(name):
                gate = self.folder()
                port, = free_ports(1)
                container = self.serve(name, wait=False, options=[f"--volume={gate}:/gate:ro"],
                                       environment={"INIT_GATE": "/gate/open", "KILN_OPERATIONS_PORT": str(port)})
                wait_until(lambda: any("INIT_START" in line for line in container.out), "the init phase")
                early = container.execute("/usr/bin/kiln-standalone", "healthcheck", status=1)
                self.assertIn("not healthy", early.stderr)
                self.open(gate)
                wait_until(container.ready_line, "readiness")
                container.execute("/usr/bin/kiln-standalone", "healthcheck")


class Call:
    """One that is under way on a thread of its own."""

    def __init__(self, container, path):
        self.answers = []
        self.thread = threading.Thread(target=lambda: self.answers.append(container.ask(path)), daemon=True)
        self.thread.start()

    def answer(self):
        self.thread.join(60)
        return self.answers[0] if self.answers else None
