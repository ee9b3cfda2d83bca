# SPDX-License-Identifier: Apache-2.0
# kiln build, with the container tools themselves.
import json
import os
import secrets
import shutil
import subprocess
import unittest

from containers import BUILD, CERTIFICATES, SOURCE, SUITE, Container, podman, run, temporary_folder

EXAMPLES = os.path.join(SOURCE, "examples")
TRUST = f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"  # as of tests/images/containers.py


class Build(unittest.TestCase):
    def build(self, folder, tool, *options):
        name = f"localhost/kiln-test-{secrets.token_hex(4)}"
        self.addCleanup(subprocess.run, ["podman", "rmi", "--force", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        own = ["--runtime=runc", "--format=oci"] if tool == "buildah" else []
        done = run(os.path.join(BUILD, "bin", "kiln"), "build", folder, "--tag", name, "--with", tool, "--images", "localhost/kiln",
                   "--suite", SUITE, *options, "--", *own, "--network=host", TRUST)
        return name, done.stdout + done.stderr

    @staticmethod
    def layers(name):
        return json.loads(podman("image", "inspect", name).stdout)[0]["RootFS"]["Layers"]

    def test_python_s_dependencies_are_a_layer_that_outlives_a_change_of_the_code(self):
        with temporary_folder() as folder:
            shutil.copytree(os.path.join(EXAMPLES, "image-python"), folder, dirs_exist_ok=True)
            for tool in ("buildah", "podman"):
                with self.subTest(tool):
                    first, _ = self.build(folder, tool)
                    self.assertEqual(Container(self, first).ask("/"), (200, "Hello Serverless 36"))
                    with open(os.path.join(folder, "index.py")) as file:
                        code = file.read()
                    with open(os.path.join(folder, "index.py"), "w") as file:
                        file.write(code.replace("Hello Serverless", f"Hello {tool}"))
                    second, said = self.build(folder, tool)
                    self.assertEqual(Container(self, second).ask("/")[1].split(" ")[-1], "36")
                    self.assertIn(tool, Container(self, second).ask("/")[1])
                    self.assertNotIn("Successfully installed", said)
                    same = [one == other for one, other in zip(self.layers(first), self.layers(second))]
                    self.assertEqual(same.count(False), 1, "of all layers that of the code has changed")
                    shutil.copy(os.path.join(EXAMPLES, "image-python", "index.py"), folder)

    def test_cpp_is_built_and_runs_in_the_slim_image(self):
        name, _ = self.build(os.path.join(EXAMPLES, "hello-cpp"), "buildah", "--slim")
        self.assertEqual(Container(self, name).ask("/"), (200, "Hello Serverless"))


if __name__ == "__main__":
    unittest.main()
