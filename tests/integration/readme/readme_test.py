# SPDX-License-Identifier: Apache-2.0
# Runs what README.md shows, from top to bottom as a reader would, in a folder that looks like a built clone. Ports are
# free ones; everything else is as it is written.
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE, BUILD = sys.argv[1], sys.argv[2]
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(SOURCE, "tests", "support")]
from blocks import blocks_of, matches  # noqa: E402
from kiln_server import KilnServer  # noqa: E402

PATIENCE = 240  # seconds; one block compiles a C++ function
PUBLIC, OPERATIONS = "127.0.0.1:9080", "127.0.0.1:9081"  # where `kiln serve` listens by default
SERVE = "kiln serve --data ./data\n"


def read(name):
    with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
        return file.read()


def works(command):
    try:
        return subprocess.run(command, capture_output=True, timeout=PATIENCE).returncode == 0
    except OSError:
        return False


NEEDS = {"aws": lambda: works(["aws", "--version"]), "boto3": lambda: works([sys.executable, "-c", "import boto3"])}


class Reader:
    """Somebody at a terminal in a built clone, and the server in the other terminal."""

    def __init__(self):
        self.server = KilnServer(BUILD)
        self.clone = os.path.join(self.server.folder.name, "clone")
        shutil.copytree(os.path.join(SOURCE, "examples"), os.path.join(self.clone, "examples"),
                        ignore=shutil.ignore_patterns(".kiln", "__pycache__"))
        os.symlink(BUILD, os.path.join(self.clone, "build"))
        self.exports = ""

    def here(self, text):
        """`text` with the ports of this server in place of the default ones."""
        return (text.replace(PUBLIC, self.server.url.removeprefix("http://"))
                .replace(OPERATIONS, self.server.operations_url.removeprefix("http://")))

    def as_on_the_page(self, printed):
        """What was printed, with the page's ports and the page's Python, and without the folder of this test."""
        return re.sub(r"python3\.\d+", "python3.11",
                      printed.replace(self.server.url, "http://" + PUBLIC)
                      .replace(self.server.operations_url, "http://" + OPERATIONS))

    def type(self, commands):
        environment = dict(os.environ, KILN_ENDPOINT=self.server.url, NO_COLOR="1", CURL_HOME=self.clone)
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", self.exports + self.here(commands)], cwd=self.clone, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=PATIENCE)
        return done.returncode, self.as_on_the_page(done.stdout)

    def remember_exports(self, commands):
        self.exports += "".join(line + "\n" for line in commands.splitlines() if line.startswith("export "))


class Readme(unittest.TestCase):
    def setUp(self):
        self.blocks = blocks_of(read("README.md"))

    def test_every_make_command_shown_is_one_of_the_makefile(self):
        targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
        shown = [line for block in self.blocks if block.language == "sh" for line in block.text.splitlines()
                 if line.startswith("make ")]
        self.assertEqual(shown, ["make run", "make test"])
        for command in shown:
            self.assertIn(command.removeprefix("make "), targets)

    def test_what_the_readme_shows_is_what_happens(self):
        reader = Reader()
        self.addCleanup(reader.server.kill)
        with open(os.path.join(reader.clone, ".curlrc"), "w") as options:
            options.write("silent\nshow-error\n")  # its progress meter is for terminals
        ran = 0
        for block in self.blocks:
            if block.text.startswith("make "):  # tests/integration/make_run runs that
                continue
            with self.subTest(line=block.line, block=block.text):
                ran += self.run_block(reader, block)
        self.assertGreaterEqual(ran, 10)
        self.assertEqual(reader.server.stop(), 0, "".join(reader.server.log))

    def run_block(self, reader, block):
        needed = block.note.removeprefix("needs ") if block.note.startswith("needs ") else None
        if needed and not NEEDS[needed]():
            print(f"README.md:{block.line}: not run, for there is no {needed} here", file=sys.stderr)
            return 0
        if block.note == "the examples as make run deploys them":
            status, printed = reader.type("build/bin/kiln deploy examples/hello-python --trigger 'GET /hello/serverless'")
            self.assertEqual(status, 0, printed)
        if block.text.endswith(SERVE):  # in the other terminal, since the test began
            reader.remember_exports(block.text)
            self.assertEqual(reader.as_on_the_page(reader.server.ready_line), block.output)
            return 1
        self.assertIn(block.language, ("sh", "python"))
        if block.language == "python":
            status, printed = reader.type(f"{sys.executable} - <<'PYTHON'\n{block.text}PYTHON\n")
        else:
            status, printed = reader.type(block.text)
            reader.remember_exports(block.text)
        self.assertEqual(status, 0, printed)
        self.assertIsNotNone(block.output, "a block that is run shows what it prints")
        if not matches(block.output, printed):
            self.fail(f"README.md:{block.line} shows\n{block.output}\nbut this was printed:\n{printed}")
        return 1


class ShownOutput(unittest.TestCase):
    """The comparison itself must be able to fail."""

    def test_an_ellipsis_stands_for_something_within_a_line(self):
        self.assertTrue(matches("took … ms\n", "took 1.2 ms\n"))
        self.assertFalse(matches("took … ms\n", "took  ms\n"))
        self.assertFalse(matches("took … ms\n", "took 1.2 s\n"))
        self.assertFalse(matches("took … ms\n", "took 1\n2 ms\n"))

    def test_an_ellipsis_on_a_line_of_its_own_stands_for_any_lines(self):
        self.assertTrue(matches("first\n…\nlast\n", "first\nlast\n"))
        self.assertTrue(matches("first\n…\nlast\n", "first\na\nb\nlast"))
        self.assertFalse(matches("first\n…\nlast\n", "first\na\nb\n"))

    def test_nothing_may_follow_what_is_shown(self):
        self.assertFalse(matches("first\n", "first\nsecond\n"))

    def test_characters_of_regular_expressions_stand_for_themselves(self):
        self.assertFalse(matches("a.c\n", "abc\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
