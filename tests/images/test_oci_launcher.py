# SPDX-License-Identifier: Apache-2.0
# The control server's own containers (`--isolation oci`) of kiln's images, as podman has them, cold and warm.
import os
import shutil
import unittest
import urllib.request

from containers import BUILD, SOURCE, image, inspect, run, temporary_folder
from kiln_server import KilnServer
from waiting import PATIENCE

EXAMPLES = os.path.join(SOURCE, "examples")
# Says which image it finds itself in, which each of kiln's says of itself.
HELLO = """
import json

with open("/usr/share/sbom/kiln.spdx.json") as file:
    IMAGE = json.load(file)["name"]


def handler(event, context):
    return f"Hello Serverless from {IMAGE}"
"""


class OciLauncher(unittest.TestCase):
    def setUp(self):
        self.data = self.enterContext(temporary_folder())
        # The first call waits for its image to be unpacked, and the init phase is its time for that.
        self.server = KilnServer(BUILD, data=self.data, isolation="oci",
                                 arguments=["--oci-images", "containers-storage:", "--init-timeout", str(PATIENCE)])
        self.addCleanup(self.server.kill)

    def invoke(self, function):
        request = urllib.request.Request(f"{self.server.url}/2015-03-31/functions/{function}/invocations", b"{}", method="POST")
        with urllib.request.urlopen(request, timeout=2 * PATIENCE) as answer:
            return answer.read().decode(), answer.headers["Server-Timing"].split(",")[0].split(";")[0]

    def containers(self):
        """By the OCI runtime itself: those that the server has."""
        return run("runc", "--root", os.path.join(self.data, "containers", "state"), "list", "--quiet").stdout.split()

    def serves(self, folder, name, says):
        before = self.containers()
        self.server.run("deploy", folder, "--name", name, "--timeout", "30", "--image", image(name))
        self.assertEqual(self.invoke(name), (says, "cold"))
        for _ in range(3):
            self.assertEqual(self.invoke(name), (says, "warm"))
        self.assertEqual(len(set(self.containers()) - set(before)), 1, "one container has answered all of them")
        self.assertIn(inspect(name)["Id"], os.listdir(os.path.join(self.data, "images")))
        # A cold start after that finds the image unpacked.
        unpacked = os.stat(os.path.join(self.data, "images", inspect(name)["Id"])).st_ino
        self.server.run("deploy", folder, "--name", name + "-again", "--timeout", "30", "--image", image(name))
        self.assertEqual(self.invoke(name + "-again"), (says, "cold"))
        self.assertEqual(os.stat(os.path.join(self.data, "images", inspect(name)["Id"])).st_ino, unpacked)

    def ends(self):
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual(self.containers(), [])

    def test_serves_python_in_kiln_s_images(self):
        with temporary_folder() as code:
            with open(os.path.join(code, "index.py"), "w") as file:
                file.write(HELLO)
            for name in ("python", "python-slim"):
                with self.subTest(name):
                    self.serves(code, name, f'"Hello Serverless from kiln/{name}"')
        self.ends()

    def test_serves_cpp_in_kiln_s_images(self):
        with temporary_folder() as code:
            shutil.copytree(os.path.join(EXAMPLES, "hello-cpp"), code, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".kiln"))
            for name in ("cpp", "cpp-slim"):
                with self.subTest(name):
                    self.serves(code, name, '"Hello Serverless"')
        self.ends()


if __name__ == "__main__":
    unittest.main()
