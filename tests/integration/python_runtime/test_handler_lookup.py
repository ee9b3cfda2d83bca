# SPDX-License-Identifier: Apache-2.0
"""How a handler name becomes a function, and what is said where it does not."""

import unittest

from platform_under_test import RuntimeTest


class AHandlerIsFound(RuntimeTest):
    def test_in_a_module_of_the_package(self):
        instance = self.start("def handler(event, context): return 'found'")
        self.assertEqual("found", instance.invoke().json)

    def test_in_a_module_of_a_package_written_with_dots(self):
        files = {"pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/mod.py": "def h(e, c): return __name__"}
        self.assertEqual("pkg.sub.mod", self.start(files=files, handler="pkg.sub.mod.h").invoke().json)

    def test_in_a_module_of_a_package_written_with_slashes(self):
        files = {"pkg/sub/mod.py": "def h(e, c): return __name__"}
        self.assertEqual("pkg.sub.mod", self.start(files=files, handler="pkg/sub/mod.h").invoke().json)

    def test_that_is_any_callable(self):
        instance = self.start(
            """
            class Function:
                def __call__(self, event, context): return [event, type(context).__name__]
            handler = Function()
            """
        )
        self.assertEqual([1, "LambdaContext"], instance.invoke(1).json)

    def test_that_the_module_makes_on_demand(self):
        instance = self.start("def __getattr__(name): return lambda event, context: name", handler="index.anything")
        self.assertEqual("anything", instance.invoke().json)


class TheFiveLoadErrors(RuntimeTest):
    def check(self, kind, message, trace, *arguments, **keywords):
        answer, instance = self.failed_init(*arguments, **keywords)
        self.assertEqual({"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": trace}, answer.json)
        self.assertEqual(["errorMessage", "errorType", "requestId", "stackTrace"], list(answer.json))
        self.assertEqual(kind, answer.headers["lambda-runtime-function-error-type"])
        return instance

    def test_a_name_without_a_dot(self):
        message = "Bad handler 'index': not enough values to unpack (expected 2, got 1)"
        self.check("Runtime.MalformedHandlerName", message, [], "", handler="index")

    def test_a_name_that_is_empty(self):
        message = "Bad handler '': not enough values to unpack (expected 2, got 1)"
        self.check("Runtime.MalformedHandlerName", message, [], "", handler="")

    def test_a_module_that_is_not_there(self):
        message = "Unable to import module 'nomod': No module named 'nomod'"
        self.check("Runtime.ImportModuleError", message, [], "", handler="nomod.handler")

    def test_a_module_that_is_not_there_under_its_name_as_written(self):
        message = "Unable to import module 'no/mod': No module named 'no'"
        self.check("Runtime.ImportModuleError", message, [], "", handler="no/mod.handler")

    def test_a_module_that_imports_what_is_not_there(self):
        message = "Unable to import module 'index': No module named 'missing_dependency'"
        self.check("Runtime.ImportModuleError", message, [], "import missing_dependency")

    def test_a_module_that_does_not_parse(self):
        instance = self.start("def handler(event, context)\n    pass\n")
        answer = instance.answer().json
        self.assertEqual("Runtime.UserCodeSyntaxError", answer["errorType"])
        self.assertEqual("Syntax error in module 'index': expected ':' (index.py, line 1)", answer["errorMessage"])
        file = instance.folder / "index.py"
        self.assertEqual([f'  File "{file}" Line 1\n    def handler(event, context)\n'], answer["stackTrace"])
        self.assertEqual(1, instance.wait_for_exit())

    def test_a_function_that_is_not_there(self):
        message = "Handler 'nope' missing on module 'index'"
        self.check("Runtime.HandlerNotFound", message, [], "", handler="index.nope")

    def test_a_module_that_is_built_into_the_interpreter(self):
        message = "Cannot use built-in module sys as a handler module"
        self.check("Runtime.BuiltInModuleConflict", message, [], "", handler="sys.exit")

    def test_a_module_below_one_that_is_built_in(self):
        message = "Cannot use built-in module time.sub as a handler module"
        self.check("Runtime.BuiltInModuleConflict", message, [], "", handler="time.sub.handler")

    def test_each_is_logged_after_a_warning(self):
        instance = self.check(
            "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'index'", [], "", handler="index.nope"
        )
        warning, error, _ = instance.stdout.split("\n")
        self.assertRegex(warning, r"^\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t\tLAMBDA_WARNING: Unhandled ")
        self.assertTrue(warning.endswith("runtimes-update.html\r"))
        self.assertEqual(
            "[ERROR] Runtime.HandlerNotFound: Handler 'nope' missing on module 'index'"
            "\rTraceback (most recent call last):",
            error,
        )


class AModuleThatFailsWhileItLoads(RuntimeTest):
    def test_is_reported_with_its_own_exception_and_the_way_there(self):
        answer, instance = self.failed_init("raise RuntimeError('no database')")
        error = answer.json
        self.assertEqual(("RuntimeError", "no database", ""), tuple(error[k] for k in ("errorType", "errorMessage", "requestId")))
        trace = error["stackTrace"]
        self.assertRegex(trace[0], r'^  File ".*/importlib/__init__\.py", line \d+, in import_module\n    return ')
        self.assertRegex(trace[1], r'^  File "<frozen importlib\._bootstrap>", line \d+, in _gcd_import\n$')
        file = instance.folder / "index.py"
        self.assertEqual(
            f"  File \"{file}\", line 1, in <module>\n    raise RuntimeError('no database')\n", trace[-1]
        )
        self.assertIn("[ERROR] RuntimeError: no database\r", instance.stdout)

    def test_by_leaving_the_process_posts_nothing(self):
        instance = self.start("import sys; print('going'); sys.exit(5)")
        self.assertEqual(5, instance.wait_for_exit())
        self.assertEqual("going\n", instance.stdout)
        self.assertTrue(instance.api.answers.empty())

    def test_leaves_what_it_has_printed(self):
        _, instance = self.failed_init("print('so far', end='')\n1 / 0")
        self.assertTrue(instance.stdout.startswith("so far[WARNING]"))


if __name__ == "__main__":
    unittest.main()
