# SPDX-License-Identifier: Apache-2.0
"""Where imports come from, and that extensions load."""

import os
import pathlib
import subprocess
import sys
import unittest

from platform_under_test import RuntimeTest

PATH = "import sys\ndef handler(event, context): return sys.path"
LAYERS = [f"/opt/python/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages", "/opt/python"]


class TheSearchPath(RuntimeTest):
    def test_begins_with_the_package_then_the_layers(self):
        instance = self.start(PATH)
        path = instance.invoke().json
        self.assertEqual([str(instance.folder), *LAYERS], path[:3])
        self.assertIn(os.path.dirname(os.__file__), path)
        self.assertLess(path.index("/opt/python"), path.index(os.path.dirname(os.__file__)))

    def test_has_the_distributions_packages_last(self):
        path = self.start(PATH).invoke().json
        self.assertIn("packages", path[-1])

    def test_has_what_pythonpath_says_instead_of_the_layers(self):
        instance = self.start(PATH, files={"lib/x.py": ""}, PYTHONPATH="/somewhere:/else")
        path = instance.invoke().json
        self.assertEqual([str(instance.folder), "/somewhere", "/else"], path[:3])
        self.assertNotIn("/opt/python", path)

    def test_takes_the_images_own_pythonpath_for_none(self):
        path = self.start(PATH, PYTHONPATH="/var/runtime").invoke().json
        self.assertEqual(LAYERS, path[1:3])

    def test_gives_the_package_precedence_over_the_standard_library(self):
        files = {"colorsys.py": "MINE = True"}
        source = "import colorsys\ndef handler(event, context): return colorsys.MINE"
        self.assertTrue(self.start(source, files=files).invoke().json)

    def test_does_not_hold_the_working_directory(self):
        folder = pathlib.Path(__file__).resolve().parent
        self.assertNotIn(str(folder), self.start(PATH, cwd=folder).invoke().json)

    def test_is_extended_by_path_files_of_the_package(self):
        files = {"more.pth": "extra\n", "extra/mod.py": "VALUE = 'from extra'"}
        source = "import mod\ndef handler(event, context): return mod.VALUE"
        self.assertEqual("from extra", self.start(source, files=files).invoke().json)

    def test_pythonpath_is_set_for_children(self):
        source = "import os\ndef handler(event, context): return os.environ['PYTHONPATH']"
        self.assertEqual("/var/runtime", self.returned(source))
        self.assertEqual("/mine", self.returned(source, environment={"PYTHONPATH": "/mine"}))

    def test_finds_a_sitecustomize_of_pythonpath(self):
        files = {"site/sitecustomize.py": "import builtins; builtins.customised = True"}
        instance = self.start("def handler(event, context): return customised", files=files)
        folder = instance.folder / "site"
        self.assertTrue(self.start(folder=instance.folder, PYTHONPATH=str(folder)).invoke().json)


class Extensions(RuntimeTest):
    def test_of_the_standard_library_load(self):
        names = "_asyncio _ctypes _hashlib _json _lzma _multiprocessing _queue _sqlite3 _ssl _uuid mmap".split()
        source = "import importlib\ndef handler(event, context): return [importlib.import_module(n).__name__ for n in event]"
        self.assertEqual(names, self.returned(source, names))

    def test_work(self):
        source = """
        import ctypes, decimal, hashlib, json, sqlite3, ssl, uuid, zlib, lzma
        def handler(event, context):
            database = sqlite3.connect(":memory:")
            ssl.create_default_context()
            return [
                str(decimal.Decimal(1) / 8), hashlib.sha256(b"x").hexdigest()[:8], database.execute("select 6 * 7").fetchone(),
                json.loads(json.dumps({"a": [1]})), zlib.decompress(zlib.compress(b"z")).decode(),
                lzma.decompress(lzma.compress(b"l")).decode(), ctypes.CDLL(None).abs(-3), len(str(uuid.uuid4())),
            ]
        """
        self.assertEqual(["0.125", "2d711642", [42], {"a": [1]}, "z", "l", 3, 36], self.returned(source))

    def test_take_the_api_from_the_executable(self):
        source = """
        import ctypes
        def handler(event, context):
            ctypes.pythonapi.PyLong_FromLong.restype = ctypes.py_object
            return ctypes.pythonapi.PyLong_FromLong(5)
        """
        self.assertEqual(5, self.returned(source))

    def test_can_be_run_in_processes_of_their_own(self):
        source = """
        import multiprocessing
        def handler(event, context):
            reader, writer = multiprocessing.Pipe(False)
            child = multiprocessing.get_context("fork").Process(target=writer.send, args=("from the child",))
            child.start()
            child.join()
            return reader.recv()
        """
        self.assertEqual("from the child", self.returned(source))

    def test_can_be_run_in_threads(self):
        source = """
        import concurrent.futures
        def handler(event, context):
            with concurrent.futures.ThreadPoolExecutor(4) as threads:
                return list(threads.map(lambda n: n * n, range(5)))
        """
        self.assertEqual([0, 1, 4, 9, 16], self.returned(source))


class AColdStart(RuntimeTest):
    def test_imports_next_to_nothing(self):
        modules = self.returned("import sys\ndef handler(event, context): return sorted(sys.modules)")
        for heavy in ("re", "json", "logging", "traceback", "asyncio", "decimal", "enum", "typing", "site"):
            self.assertNotIn(heavy, modules)


if __name__ == "__main__":
    unittest.main()
