# SPDX-License-Identifier: Apache-2.0
# The recipes themselves: their form, and that the same recipe makes the same image.
import os
import subprocess
import unittest

from containers import SOURCE, SUITE, inspect, podman, run


class Recipes(unittest.TestCase):
    def test_hadolint_finds_nothing(self):
        folder = run(os.path.join(SOURCE, "scripts", "fetch-interop"), "hadolint").stdout.strip()
        recipes = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "*Dockerfile", cwd=SOURCE).stdout.split()
        self.assertGreaterEqual(len(recipes), 11)
        run(os.path.join(folder, "hadolint"), "--config", "Dockerfiles/hadolint.yaml", *recipes, cwd=SOURCE)

    def test_two_builds_are_one_digest(self):
        images = ("base", "python", "python-slim")
        tags = [f"localhost/kiln/{name}:{SUITE}-again" for name in images]
        tags += [tag.replace(SUITE, {"bookworm": "3.11", "trixie": "3.13"}[SUITE]) for tag in tags[1:]]
        self.addCleanup(subprocess.run, ["podman", "rmi", "--force", *tags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        first = {name: inspect(name) for name in images}
        label = "org.opencontainers.image."
        created = run("date", "--date", first["base"]["Labels"][label + "created"], "+%s").stdout.strip()
        again = dict(os.environ, KILN_TAG_SUFFIX="-again", KILN_REVISION=first["base"]["Labels"][label + "revision"],
                     SOURCE_DATE_EPOCH=created)
        run(os.path.join(SOURCE, "images", "build.sh"), "--suite", SUITE, "--only", *images, env=again)
        for name in images:
            with self.subTest(name):
                digest = podman("image", "inspect", "--format", "{{.Digest}} {{.Id}}", f"localhost/kiln/{name}:{SUITE}-again").stdout
                self.assertEqual(digest.split(), [first[name]["Digest"], first[name]["Id"]])
