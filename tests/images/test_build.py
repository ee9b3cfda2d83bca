# SPDX-License-Identifier: Apache-2.0
# kiln build, with the container tools themselves.
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import unittest

from containers import BUILD, CERTIFICATES, SOURCE, SUITE, Container, podman, run, temporary_folder

EXAMPLES = os.path.join(SOURCE, "examples")
TRUST = f"--volume={CERTIFICATES}:{CERTIFICATES}:ro"  # as of tests/images/containers.py


@contextlib.contextmanager
def mounted(name):
    root = podman("image", "mount", name).stdout.strip()
    try:
        yield root
    finally:
        podman("image", "unmount", name)


def new_dependencies(folder):
    """The same, in a file that no earlier build has seen."""
    with open(os.path.join(folder, "requirements.txt"), "a") as file:
        file.write(f"# {secrets.token_hex(8)}\n")


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
                    new_dependencies(folder)
                    first, said = self.build(folder, tool)
                    self.assertIn("Successfully installed", said)
                    self.assertEqual(Container(self, first).ask("/"), (200, "Hello Serverless 36"))
                    with open(os.path.join(folder, "index.py")) as file:
                        code = file.read()
                    with open(os.path.join(folder, "index.py"), "w") as file:
                        file.write(code.replace("Hello Serverless", f"Hello {tool}"))
                    second, said = self.build(folder, tool)
                    self.assertEqual(Container(self, second).ask("/")[1].split(" ")[-1], "36")
                    self.assertIn(tool, Container(self, second).ask("/")[1])
                    self.assertNotIn("Successfully installed", said)
                    self.assertEqual(len(self.layers(first)), len(self.layers(second)))
                    same = [one == other for one, other in zip(self.layers(first), self.layers(second))]
                    self.assertEqual(same.count(False), 1, "of all layers that of the code has changed")
                    shutil.copy(os.path.join(EXAMPLES, "image-python", "index.py"), folder)

    def test_pip_s_configuration_is_in_no_layer(self):
        with temporary_folder() as folder:
            shutil.copytree(os.path.join(EXAMPLES, "image-python"), folder, dirs_exist_ok=True)
            with temporary_folder() as other:
                settings = os.path.join(other, "pip.conf")
                with open(settings, "w") as file:
                    file.write("[global]\nquiet = 1\n")
                new_dependencies(folder)
                name, said = self.build(folder, "buildah", "--slim", "--pip-config", settings)
            container = Container(self, name)
            self.assertEqual(container.ask("/"), (200, "Hello Serverless 36"))
            self.assertNotIn("Successfully installed", said)  # so it was read
            with mounted(name) as root:
                self.assertTrue(os.path.isdir(os.path.join(root, "opt", "python", "numpy")))
                self.assertFalse(os.path.exists(os.path.join(root, "run", "secrets", "pip")))

    def test_cpp_is_built_and_runs_in_the_slim_image(self):
        name, _ = self.build(os.path.join(EXAMPLES, "hello-cpp"), "buildah", "--slim")
        self.assertEqual(Container(self, name).ask("/"), (200, "Hello Serverless"))


if __name__ == "__main__":
    unittest.main()
