# SPDX-License-Identifier: Apache-2.0
# Images of functions, made as docs/container-images.md says.
import json
import os
import shutil
import sys
import unittest

from containers import SOURCE, Container, build, image, temporary_folder
from waiting import wait_until

sys.path[:0] = [os.path.join(SOURCE, "tests", "integration", "readme")]
from blocks import blocks_of  # noqa: E402

EXAMPLES = os.path.join(SOURCE, "examples")


def read(path):
    with open(os.path.join(SOURCE, path)) as file:
        return file.read()


class FunctionImages(unittest.TestCase):
    def test_the_page_shows_the_examples(self):
        shown = [block.text for block in blocks_of(read("docs/container-images.md")) if block.language == "dockerfile"]
        self.assertEqual(shown[:2], [read("examples/image-python/Dockerfile"), read("examples/hello-cpp/Dockerfile")])

    def test_python_with_a_native_package_of_pip_s(self):
        folder = os.path.join(EXAMPLES, "image-python")
        container = Container(self, build(self, folder, os.path.join(folder, "Dockerfile")))
        self.assertEqual(container.ask("/"), (200, "Hello Serverless 36"))

    def test_python_in_two_stages_for_the_slim_image(self):
        recipe = [block.text for block in blocks_of(read("docs/container-images.md")) if block.language == "dockerfile"][2]
        with temporary_folder() as folder:
            shutil.copytree(os.path.join(EXAMPLES, "image-python"), folder, dirs_exist_ok=True)
            with open(os.path.join(folder, "Dockerfile"), "w") as file:
                file.write(recipe)
            container = Container(self, build(self, folder, os.path.join(folder, "Dockerfile")))
            self.assertEqual(container.ask("/"), (200, "Hello Serverless 36"))

    def test_cpp_in_the_full_image_and_in_the_slim_one(self):
        folder = os.path.join(EXAMPLES, "hello-cpp")
        slim = read("examples/hello-cpp/Dockerfile")
        self.assertIn("FROM kiln/cpp-slim\n", slim)
        with temporary_folder() as place:
            for recipe in (slim, slim.replace("kiln/cpp-slim", "kiln/cpp")):
                with self.subTest(recipe):
                    dockerfile = os.path.join(place, "Dockerfile")
                    with open(dockerfile, "w") as file:
                        file.write(recipe)
                    container = Container(self, build(self, folder, dockerfile))
                    self.assertEqual(container.ask("/"), (200, "Hello Serverless"))
                    self.assertEqual(container.invoke({}), (200, '"Hello Serverless"'))
                    container.signal("TERM")
                    self.assertEqual(container.wait(), 0)

    def test_the_control_server_s_image_serves_both_runtimes(self):
        with temporary_folder() as data:
            os.chmod(data, 0o777)
            server = Container(self, image("control-server"), "serve", "--data", "/data", "--listen", "127.0.0.1:0",
                               "--operations-listen", "127.0.0.1:0", wait=False,
                               options=[f"--volume={data}:/data", f"--volume={EXAMPLES}:/examples:ro", "--memory=512m"])
            wait_until(lambda: any(line.startswith("ready ") for line in server.out) or server.process.poll() is not None, "the server")
            words = next((line for line in server.out if line.startswith("ready ")), "").split()
            self.assertEqual(len(words), 4, server.output())
            endpoint = {"KILN_ENDPOINT": words[1], "HOME": "/tmp"}
            runtimes = json.loads(server.execute("/usr/bin/kiln", "runtimes", "--json", environment=endpoint).stdout)
            self.assertIn("cpp", json.dumps(runtimes))
            server.execute("/usr/bin/kiln", "deploy", "/examples/hello-python", "--name", "hello", environment=endpoint)
            answer = server.execute("/usr/bin/kiln", "invoke", "hello", environment=endpoint)
            self.assertEqual(answer.stdout, '"Hello Serverless"\n')
            server.signal("TERM")
            self.assertEqual(server.wait(), 0, server.output())
