# SPDX-License-Identifier: Apache-2.0
# Images that podman has (`--oci-images containers-storage:`), in a storage of this test's own. As root, with podman and runc.
import os
import subprocess
import sys
import tempfile
import unittest

from containers_fixture import BUILD, PATIENCE, PYTHON, Containers, KilnServer

NAME = f"localhost/{PYTHON}"


class Images_of_podman(Containers):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        place = cls.folder.name
        settings = os.path.join(place, "storage.conf")
        with open(settings, "w") as file:
            file.write(f'[storage]\ndriver = "vfs"\ngraphroot = "{place}/graph"\nrunroot = "{place}/run"\n')
        os.environ["CONTAINERS_STORAGE_CONF"] = settings
        cls.layer_file = os.path.join(place, "layer.tar.gz")
        with open(cls.layer_file, "wb") as file:
            file.write(cls.base)
        cls.import_image(NAME, "ENV FROM_THE_IMAGE=yes")

    @classmethod
    def import_image(cls, name, change):
        subprocess.run(["podman", "import", "--quiet", "--change", change, cls.layer_file, name], check=True, stdout=subprocess.DEVNULL,
                       timeout=PATIENCE)

    def serve(self, *arguments):
        server = KilnServer(BUILD, data=self.data, isolation="oci", arguments=["--oci-images", "containers-storage:", *arguments])
        self.addCleanup(server.kill)
        return server

    def test_are_found_by_name_and_unpacked_once(self):
        code = "import os; result = os.environ.get('FROM_THE_IMAGE')"
        with self.serve("--init-timeout", "60") as server:
            self.deploy(server)  # by the name of its runtime
            self.assertEqual(self.works(server, code), "yes")
            self.deploy(server, "named", "--image", NAME)
            self.assertEqual(self.works(server, code, "named"), "yes")
            self.assertEqual(len(os.listdir(os.path.join(self.data, "images"))), 1)
            # A name that means another image from now on is that one at the next cold start.
            self.import_image(f"{NAME}:later", "ENV FROM_THE_IMAGE=later")
            self.deploy(server, "later", "--image", f"{NAME}:later")
            self.assertEqual(self.works(server, code, "later"), "later")
            self.assertEqual(len(os.listdir(os.path.join(self.data, "images"))), 2)
        self.assert_nothing_left(server)

    def test_that_are_not_there_are_an_error_in_podmans_words(self):
        with self.serve() as server:
            self.deploy(server, "nowhere", "--image", "localhost/no-such-image:7")
            answer = self.fails(server, "result = 1", "nowhere")
            self.assertEqual(answer["errorType"], "Sandbox.Failure")
            self.assertIn("No container image: 'localhost/no-such-image:7': podman: ", answer["errorMessage"])

    def test_need_podman(self):
        with tempfile.TemporaryDirectory() as empty:
            done = subprocess.run([os.path.join(BUILD, "bin", "kiln"), "serve", "--data", self.data, "--listen", "127.0.0.1:0",
                                   "--operations-listen", "127.0.0.1:0", "--isolation", "oci", "--oci-images", "containers-storage:"],
                                  env={**os.environ, "PATH": empty}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 10, done.stderr)
        self.assertIn("podman, which is not installed", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
