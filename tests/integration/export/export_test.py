# SPDX-License-Identifier: Apache-2.0
# `kiln export` writes the golden files, to the byte. `export_test.py BUILD --renew` writes them anew; read the difference.
import os
import sys
import tempfile
import unittest

BUILD = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]
from cases import CASES, GOLDEN, golden, written  # noqa: E402

KILN = os.path.join(BUILD, "bin", "kiln")


class Export(unittest.TestCase):
    maxDiff = None

    def test_what_is_written(self):
        for name, arguments in CASES.items():
            with self.subTest(name):
                self.assertEqual(written(KILN, arguments), golden(name))

    def test_every_golden_file_is_written_by_something(self):
        self.assertEqual(sorted(os.listdir(GOLDEN)), sorted(CASES))

    def test_a_file_gets_what_standard_output_would(self):
        with tempfile.TemporaryDirectory(prefix="kiln-export-") as folder:
            path = os.path.join(folder, "hello.yaml")
            self.assertEqual(written(KILN, [*CASES["kubernetes.yaml"], "--output", path]), "")
            with open(path, encoding="utf-8", newline="") as file:
                self.assertEqual(file.read(), golden("kubernetes.yaml"))


def renew():
    os.makedirs(GOLDEN, exist_ok=True)
    for name in os.listdir(GOLDEN):
        os.unlink(os.path.join(GOLDEN, name))
    for name, arguments in CASES.items():
        with open(os.path.join(GOLDEN, name), "w", encoding="utf-8", newline="") as file:
            file.write(written(KILN, arguments))


if __name__ == "__main__":
    if "--renew" in sys.argv[2:]:
        renew()
    else:
        unittest.main(argv=sys.argv[:1], verbosity=2)
