# SPDX-License-Identifier: Apache-2.0
# The recipes themselves: their form, and that the same recipe makes the same image.
import os
import subprocess
import unittest

from containers import PYTHON, SOURCE, SUITE, inspect, podman, run


class Recipes(unittest.TestCase):
    def test_hadolint_finds_nothing(self):
        folder = run(os.path.join(SOURCE, "scripts", "fetch-interop"), "hadolint").stdout.strip()
        recipes = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "*Dockerfile", cwd=SOURCE).stdout.split()
        self.assertGreaterEqual(len(recipes), 11)
        run(os.path.join(folder, "hadolint"), "--config", "Dockerfiles/hadolint.yaml", *recipes, cwd=SOURCE)

    def test_two_builds_are_one_digest(self):
        label = "org.opencontainers.image."
        for name in ("base", "python", "python-slim", "cpp-slim"):
            with self.subTest(name):
                first = inspect(name)
                created = run("date", "--date", first["Labels"][label + "created"], "+%s").stdout.strip()
                again = dict(os.environ, KILN_TAG_SUFFIX="-again", KILN_REVISION=first["Labels"][label + "revision"],
                             SOURCE_DATE_EPOCH=created)
                try:
                    run(os.path.join(SOURCE, "images", "build.sh"), "--suite", SUITE, "--only", name, env=again)
                    second = podman("image", "inspect", "--format", "{{.Digest}} {{.Id}}", f"localhost/kiln/{name}:{SUITE}-again").stdout
                finally:
                    # At once: an image made FROM one that has two names says either.
                    tags = [f"localhost/kiln/{name}:{tag}-again" for tag in (SUITE, PYTHON)]
                    subprocess.run(["podman", "rmi", "--force", *tags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.assertEqual(second.split(), [first["Digest"], first["Id"]])
