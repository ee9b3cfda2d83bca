# SPDX-License-Identifier: Apache-2.0
# The recipes themselves: their form, and that the same recipe makes the same image.
import os
import subprocess
import unittest

from containers import PYTHON, SHIPPED, SOURCE, SUITE, inspect, podman, run

BUILDER = os.path.join(SOURCE, "images", "build.sh")
MACHINE = os.uname().machine  # the kernel's name for its architecture


class Recipes(unittest.TestCase):
    def test_hadolint_finds_nothing(self):
        folder = run(os.path.join(SOURCE, "scripts", "fetch-interop"), "hadolint").stdout.strip()
        recipes = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "*Dockerfile", cwd=SOURCE).stdout.split()
        self.assertGreaterEqual(len(recipes), 11)
        run(os.path.join(folder, "hadolint"), "--config", "Dockerfiles/hadolint.yaml", *recipes, cwd=SOURCE)

    def test_two_builds_are_one_digest(self):
        label = "org.opencontainers.image."
        for name in SHIPPED:
            with self.subTest(name):
                first = inspect(name)
                created = run("date", "--date", first["Labels"][label + "created"], "+%s").stdout.strip()
                again = dict(os.environ, KILN_TAG_SUFFIX="-again", KILN_REVISION=first["Labels"][label + "revision"],
                             SOURCE_DATE_EPOCH=created)
                try:
                    run(BUILDER, "--suite", SUITE, "--arch", MACHINE, "--only", name, env=again)
                    second = podman("image", "inspect", "--format", "{{.Digest}} {{.Id}}", f"localhost/kiln/{name}:{SUITE}-again").stdout
                finally:
                    # At once: an image made FROM one that has two names says either.
                    tags = [f"localhost/kiln/{name}:{tag}-again" for tag in (SUITE, PYTHON)]
                    subprocess.run(["podman", "rmi", "--force", *tags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.assertEqual(second.split(), [first["Digest"], first["Id"]])

    def test_an_image_says_of_which_architecture_it_is(self):
        expected = run("dpkg", "--print-architecture").stdout.strip()
        for name in SHIPPED:
            with self.subTest(name):
                self.assertEqual(inspect(name)["Architecture"], expected)

    def test_another_architecture_is_refused_where_its_programs_do_not_run(self):
        foreign, emulator = ("amd64", "qemu-x86_64") if MACHINE == "aarch64" else ("arm64", "qemu-aarch64")
        runs = os.path.exists(f"/proc/sys/fs/binfmt_misc/{emulator}")
        # With an interpreter for them the next word is what it stumbles over.
        refused = run(BUILDER, "--suite", SUITE, "--arch", foreign, "no-such-image", status=1).stderr
        self.assertIn("unknown image" if runs else f"cannot execute programs of {foreign}", refused)
        if not runs:
            self.assertIn("qemu-user-static", refused)

    def test_an_architecture_that_nobody_knows_is_refused(self):
        refused = run(BUILDER, "--arch", "pdp11", status=1).stderr
        self.assertIn("unknown architecture 'pdp11' (known: amd64 arm64)", refused)
