# SPDX-License-Identifier: Apache-2.0
# A container that is told of a Runtime API polls it: kiln's control server's, and the official emulator's.
import os
import re
import secrets
import subprocess
import unittest

from containers import BUILD, FUNCTIONS, SOURCE, Container, ask, image, restricted, run, temporary_folder
from kiln_server import KilnServer
from waiting import free_ports, listens, wait_until

PYTHON_FUNCTION = os.path.join(FUNCTIONS, "python")
# What the control server starts in place of a bootstrap is a container, which finds the instance's Runtime API on loopback.
BOOTSTRAP = """#!/bin/sh
exec podman run --rm --name {name} --network=host --env=AWS_LAMBDA_RUNTIME_API --env=AWS_LAMBDA_FUNCTION_MEMORY_SIZE \\
  {options} --volume={function}:/var/task:ro {image} index.handler
"""


class Polling(unittest.TestCase):
    def test_the_control_server_s_runtime_api(self):
        server = KilnServer(BUILD, isolation="process")
        self.addCleanup(server.kill)
        for name in ("python", "python-slim"):
            with self.subTest(name), temporary_folder() as folder:
                container = f"kiln-test-{secrets.token_hex(6)}"
                self.addCleanup(subprocess.run, ["podman", "rm", "--force", "--time=0", "--ignore", container],
                                stdout=subprocess.DEVNULL)
                with open(os.path.join(folder, "bootstrap"), "w") as script:
                    script.write(BOOTSTRAP.format(name=container, options=" ".join(restricted(23456)), image=image(name),
                                                  function=PYTHON_FUNCTION))
                os.chmod(os.path.join(folder, "bootstrap"), 0o755)
                function = name.replace(".", "-")
                variables = {"CONTAINERS_CONF": os.environ["CONTAINERS_CONF"], "HOME": os.environ["HOME"], "PATH": os.environ["PATH"]}
                server.run("deploy", folder, "--name", function, "--runtime", "provided", "--timeout", "30", "--no-build",
                           *(word for key, value in variables.items() if key != "PATH" for word in ("--env", f"{key}={value}")))
                port = int(server.url.rsplit(":", 1)[1])
                for _ in range(3):
                    self.assertEqual(ask(port, f"/2015-03-31/functions/{function}/invocations", "POST", "{}"),
                                     (200, '"Hello Serverless"'))
                # The same container has answered all of them.
                self.assertEqual(run("podman", "ps", "--filter", f"name={container}", "--format", "{{.Image}}").stdout.strip(), image(name))
                server.run("delete", function)
                wait_until(lambda: not run("podman", "ps", "--quiet", "--filter", f"name={container}").stdout, "the container's end")
        self.assertEqual(server.stop(), 0)

    def test_the_official_emulator_in_front_of_the_bootstrap(self):
        emulator = os.path.join(run(os.path.join(SOURCE, "scripts", "fetch-interop"), "emulator").stdout.strip(), "aws-lambda-rie")
        ports = free_ports(2)
        container = Container(
            self, image("python"), "--runtime-api-address", f"127.0.0.1:{ports[0]}", "--runtime-interface-emulator-address",
            f"127.0.0.1:{ports[1]}", "/var/runtime/bootstrap", "index.handler", function=PYTHON_FUNCTION, wait=False,
            options=[f"--volume={emulator}:/aws-lambda-rie:ro", "--entrypoint=/aws-lambda-rie"])
        wait_until(lambda: listens(ports[1]) or container.process.poll() is not None, "the emulator listens")
        for _ in range(2):
            self.assertEqual(ask(ports[1], "/2015-03-31/functions/function/invocations", "POST", "{}"), (200, '"Hello Serverless"'))
        # One bootstrap, which has ended in neither of them.
        self.assertEqual(len(re.findall("INIT_REPORT|INIT RTDONE", container.output())), 1, container.output())
