# SPDX-License-Identifier: Apache-2.0
# A manifest of `kiln export kubernetes` is one that podman, too, can run, and the rights in it are those that the function gets.
import json
import os
import re
import secrets
import shutil
import unittest

from containers import BUILD, FUNCTIONS, ask, build, podman, run, temporary_folder
from waiting import free_ports, wait_until

HEALTH = "9464"
CALLS = "8080"


def on_the_host_s_network(manifest, calls, health):
    """The manifest as it was written, but for its ports: others, for the host's are shared; and no list of what to map."""
    without = re.sub(r"^ +ports:\n( +- name: \w+\n +containerPort: \d+\n)+", "", manifest, flags=re.MULTILINE)
    assert without != manifest
    return re.sub(rf"\b{HEALTH}\b", str(health), re.sub(rf"\b{CALLS}\b", str(calls), without))


class Manifests(unittest.TestCase):
    def setUp(self):
        folder = temporary_folder()
        self.addCleanup(folder.__exit__, None, None, None)
        self.folder = folder.__enter__()
        # Its liveness is the kubelet's business; podman would have systemd run curl inside.
        os.environ["DISABLE_HC_SYSTEMD"] = "true"
        self.addCleanup(os.environ.pop, "DISABLE_HC_SYSTEMD")

    def path(self, name):
        return os.path.join(self.folder, name)

    def function_image(self):
        shutil.copy(os.path.join(FUNCTIONS, "python", "index.py"), self.folder)
        with open(self.path("Dockerfile"), "w") as file:
            file.write('FROM kiln/python\nCOPY index.py .\nCMD ["index.handler"]\n')
        name = build(self, self.folder, self.path("Dockerfile"))
        podman("tag", name, name + ":1")  # `latest` would be looked for elsewhere
        self.addCleanup(run, "podman", "rmi", "--force", name + ":1")
        return name + ":1"

    def play(self, name, image_name, *options):
        calls, health = free_ports(2)
        manifest = run(os.path.join(BUILD, "bin", "kiln"), "export", "kubernetes", name, "--image", image_name,
                       "--env", "KILN_HOST=127.0.0.1", *options).stdout
        with open(self.path("manifest.yaml"), "w") as file:
            file.write(on_the_host_s_network(manifest, calls, health))
        self.addCleanup(podman, "kube", "down", self.path("manifest.yaml"))
        podman("kube", "play", "--network=host", self.path("manifest.yaml"))
        wait_until(lambda: self.ready(health), "readiness")
        return calls

    @staticmethod
    def ready(port):
        try:
            return ask(port, "/readyz")[0] == 200
        except OSError:
            return False

    def test_a_deployment_runs_with_the_rights_it_names(self):
        value = 'a "b": #c\n'
        calls = self.play(f"kiln-test-{secrets.token_hex(4)}", self.function_image(), "--memory", "192", "--timeout", "7",
                          "--handler", "index.handler", "--env", f"HARD={value}")
        self.assertEqual(ask(calls, "/"), (200, "Hello Serverless"))
        status, body = ask(calls, "/container")
        self.assertEqual(status, 200, body)
        found = json.loads(body)
        self.assertEqual(found["uid"], 10001)
        self.assertEqual(found["capabilities"], 0)
        self.assertEqual(found["no_new_privileges"], "1")
        self.assertEqual(found["seccomp"], "2")
        self.assertEqual(found["memory"], "192")
        self.assertEqual(found["writable"], ["/tmp"])
        self.assertEqual(found["environment"]["HARD"], value)
        self.assertEqual(found["environment"]["AWS_LAMBDA_FUNCTION_TIMEOUT"], "7")
