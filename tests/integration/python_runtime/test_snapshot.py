# SPDX-License-Identifier: Apache-2.0
"""Hooks around a snapshot (AWS_LAMBDA_INITIALIZATION_TYPE=snap-start)."""

import unittest

from platform_under_test import RuntimeTest

SNAP_START = {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
HOOKS = """
from snapshot_restore_py import register_before_snapshot, register_after_restore

@register_before_snapshot
def first(): print("before 1")
register_before_snapshot(print, "before", "2", sep=" ")
@register_after_restore
def third(): print("after 1")
register_after_restore(print, "after 2")

def handler(event, context): return "ready"
"""


class Hooks(RuntimeTest):
    def test_run_before_the_snapshot_in_reverse_and_after_the_restore_in_order(self):
        instance = self.start(HOOKS, **SNAP_START)
        instance.wait_for_output("before 2\nbefore 1\n")
        self.assertNotIn("after", instance.stdout)
        instance.api.restore.set()
        self.assertEqual("ready", instance.invoke().json)
        instance.wait_for_output("before 2\nbefore 1\nafter 1\nafter 2\n")

    def test_do_not_run_otherwise(self):
        instance = self.start(HOOKS)
        self.assertEqual("ready", instance.invoke().json)
        self.assertEqual("", instance.stdout)

    def test_may_be_registered_with_the_package_that_the_function_brings(self):
        package = """
        from builtins import print
        def get_before_snapshot(): return [(print, ("its own",), {})]
        def get_after_restore(): return []
        """
        source = "import snapshot_restore_py\ndef handler(e, c): return snapshot_restore_py.__file__"
        instance = self.start(source, files={"snapshot_restore_py.py": package}, **SNAP_START)
        instance.api.restore.set()
        self.assertEqual(str(instance.folder / "snapshot_restore_py.py"), instance.invoke().json)
        instance.wait_for_output("its own\n")

    def test_are_not_needed(self):
        instance = self.start("import sys\ndef handler(e, c): return 'snapshot_restore_py' in sys.modules", **SNAP_START)
        instance.api.restore.set()
        self.assertIs(False, instance.invoke().json)


class AFailure(RuntimeTest):
    def failed(self, hook, raising):
        source = f"""
        import snapshot_restore_py, sys
        def fail(): {raising}
        snapshot_restore_py.{hook}(fail)
        def handler(event, context): return 1
        """
        instance = self.start(source, **SNAP_START)
        instance.api.restore.set()
        return instance.answer(), instance.wait_for_exit(), instance

    def test_before_the_snapshot_is_an_init_error(self):
        answer, code, instance = self.failed("register_before_snapshot", "raise KeyError('k')")
        self.assertEqual(("init/error", 64), (answer.kind, code))
        self.assertEqual("Runtime.BeforeSnapshotError", answer.headers["lambda-runtime-function-error-type"])
        self.assertEqual(("KeyError", ""), (answer.json["errorType"], answer.json["requestId"]))
        self.assertEqual(1, len(answer.json["stackTrace"]))
        self.assertIn("[ERROR] KeyError: 'k'", instance.stdout)

    def test_after_the_restore_is_a_restore_error(self):
        answer, code, instance = self.failed("register_after_restore", "raise KeyError('k')")
        self.assertEqual(("restore/error", 65), (answer.kind, code))
        self.assertEqual("Runtime.AfterRestoreError", answer.headers["lambda-runtime-function-error-type"])
        self.assertEqual("KeyError", answer.json["errorType"])

    def test_may_be_an_exit(self):
        answer, code, _ = self.failed("register_before_snapshot", "sys.exit(3)")
        self.assertEqual(("init/error", "SystemExit", 64), (answer.kind, answer.json["errorType"], code))


if __name__ == "__main__":
    unittest.main()
