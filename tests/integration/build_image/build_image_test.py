# SPDX-License-Identifier: Apache-2.0
# What kiln build tells a container tool and gives it: by tools that write it down and build nothing.
import json
import os
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD = sys.argv[1:3]
KILN = os.path.join(BUILD, "bin", "kiln")
PATIENCE = 60
# Writes its arguments, its context and its recipe into $RECORD; fails where a file `fails` is in the context.
TOOL = f"""#!{sys.executable}
import json, os, sys
context = sys.argv[-1]
recipe = next(a for a in sys.argv if a.startswith("--file="))[7:]
files = {{}}
for folder, _, names in os.walk(context):
    for name in names:
        path = os.path.join(folder, name)
        status = os.stat(path)
        files[os.path.relpath(path, context)] = [oct(status.st_mode & 0o777), int(status.st_mtime), open(path).read()]
print("STEP 1/1", flush=True)
if "fails" in files:
    print("no such base image", file=sys.stderr)
    sys.exit(125)
with open(os.environ["RECORD"], "w") as record:
    json.dump({{"arguments": sys.argv, "files": files, "recipe": open(recipe).read()}}, record)
"""


class Build(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-build-test-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.code, self.tools, self.temporary = (os.path.join(self.folder, name) for name in ("hello", "tools", "tmp"))
        for made in (self.code, self.tools, self.temporary):
            os.mkdir(made)
        self.record = os.path.join(self.folder, "record")

    def write(self, path, text, mode=0o644):
        place = os.path.join(self.code, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w") as file:
            file.write(text)
        os.chmod(place, mode)

    def tool(self, name):
        place = os.path.join(self.tools, name)
        with open(place, "w") as file:
            file.write(TOOL)
        os.chmod(place, 0o755)

    def kiln(self, *arguments, status=0, environment=None):
        done = subprocess.run([KILN, "build", self.code, "--tag", "hello:1", *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              env={"PATH": self.tools, "RECORD": self.record, "TMPDIR": self.temporary, **(environment or {})})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertEqual(os.listdir(self.temporary), [], "what was made for the tool is gone")
        return done

    def recorded(self):
        with open(self.record) as file:
            return json.load(file)

    def test_gives_the_files_that_belong_to_the_function_all_of_one_time(self):
        self.write("index.py", "def handler(event, context): return 1")
        self.write("requirements.txt", "numpy")
        self.write("bin/run", "#!/bin/sh", 0o700)
        self.write("secret.txt", "no")
        self.write(".git/config", "no")
        self.write(".kilnignore", "secret.txt")
        for tool in ("docker", "podman"):
            self.tool(tool)
        done = self.kiln("--env", "STAGE=test", "--", "--network=host")
        seen = self.recorded()
        self.assertEqual(os.path.basename(seen["arguments"][0]), "podman")
        self.assertEqual(seen["arguments"][1:4], ["build", "--layers", "--tag=hello:1"])
        self.assertEqual(seen["arguments"][-2], "--network=host")
        self.assertEqual({path: (mode, text) for path, (mode, _, text) in seen["files"].items() if path != ".kilnignore"}, {
            "index.py": ("0o644", "def handler(event, context): return 1"), "requirements.txt": ("0o644", "numpy"),
            "bin/run": ("0o755", "#!/bin/sh")})
        self.assertEqual(len({time for _, time, _ in seen["files"].values()}), 1)
        self.assertEqual(seen["recipe"], '''FROM kiln/python
COPY requirements.txt .
RUN pip install --requirement requirements.txt
COPY . .
ENV STAGE="test"
LABEL org.opencontainers.image.title="hello" io.kiln.runtime="python" io.kiln.handler="index.handler"
CMD ["index.handler"]
''')
        self.assertIn("STEP 1/1", done.stderr)
        self.assertIn("built image hello:1", done.stdout)
        self.kiln("--with", "docker")
        self.assertEqual(os.path.basename(self.recorded()["arguments"][0]), "docker")

    def test_prints_the_recipe_without_any_tool(self):
        self.write("CMakeLists.txt", "")
        self.write("dependencies/CMakeLists.txt", "")
        done = self.kiln("--print-dockerfile", "--slim", "--suite", "bookworm")
        self.assertTrue(done.stdout.startswith("FROM kiln/cpp-build:bookworm AS build\nCOPY dependencies dependencies\n"), done.stdout)
        self.assertIn("FROM kiln/cpp-slim:bookworm\n", done.stdout)

    def test_hands_pip_s_configuration_over_as_a_secret(self):
        self.write("index.py", "")
        self.write("requirements.txt", "numpy")
        self.tool("buildah")
        settings = os.path.join(self.folder, "pip.conf")
        open(settings, "w").close()
        self.kiln(environment={"PIP_CONFIG_FILE": settings})
        seen = self.recorded()
        self.assertIn(f"--secret=id=pip,src={settings}", seen["arguments"])
        self.assertIn("RUN --mount=type=secret,id=pip,", seen["recipe"])
        self.assertIn("there is no file /nowhere", self.kiln("--pip-config", "/nowhere", status=8).stderr)

    def test_says_what_is_wrong_and_what_to_do(self):
        self.write("index.py", "")
        self.assertIn("none of buildah, podman and docker is installed", self.kiln(status=9).stderr)
        self.assertIn("docker is not installed", self.kiln("--with", "docker", status=9).stderr)
        self.tool("buildah")
        self.write("fails", "")
        failed = self.kiln(status=9).stderr
        self.assertIn("no such base image", failed)
        self.assertIn("buildah could not build the image (exit status 125)", failed)
        self.assertIn("make images", failed)
        shown = json.loads(self.kiln("--json", status=9).stderr.splitlines()[-1])
        self.assertEqual(shown["Error"]["Kind"], "build-failed")
        os.remove(os.path.join(self.code, "index.py"))
        self.assertIn("cannot tell the runtime", self.kiln(status=8).stderr)
        self.assertIn("no executable file bootstrap", self.kiln("--runtime", "provided", status=8).stderr)
        self.write("index.so", "")
        self.assertIn("no CMakeLists.txt", self.kiln("--runtime", "cpp", "--handler", "index.handler", status=8).stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
