# SPDX-License-Identifier: Apache-2.0
# However a function fails, its invoker learns why, and the next call is served.
import time

from cases.case import Case
from platforms import wait_until


class Failures(Case):
    def test_handler_error(self):
        """handler error"""
        self.assert_error(self.function.command("fail"), self.client.error_type, "failed on purpose")
        self.assert_serves(self.function)

    def test_crash(self):
        """crash of the process"""
        self.assert_error(self.function.command("crash"), "Runtime.ExitError", "signal: (killed|aborted)")
        self.assert_serves(self.function)

    def test_exit(self):
        """exit in the middle of a call"""
        self.assert_error(self.function.command("exit"), "Runtime.ExitError", "exit status 7")
        self.assert_serves(self.function)

    def test_exit_between_calls(self):
        """exit between two calls"""
        pid = self.result_of(self.function.command("exit_later"))["pid"]
        wait_until(lambda: pid not in self.place.platform.pids(self.function), "the server knows that the process has ended")
        self.assert_serves(self.function)

    def test_exit_in_init(self):
        """exit before the first poll"""
        function = self.deploy(environment={"INTEROP_INIT": "exit"})
        self.assert_error(function.invoke({}), "Runtime.ExitError", "exit status 3")

    def test_error_in_init(self):
        """error in init"""
        function = self.deploy(environment={"INTEROP_INIT": "fail"})
        error = self.place.platform.error_of(function.invoke({}))
        self.assertIn("failed on purpose in init", error["errorMessage"])

    def test_timeout(self):
        """timeout"""
        function = self.deploy(timeout=2)
        self.assert_serves(function)
        began = time.monotonic()
        self.assert_error(function.command("hang"), "Sandbox.Timedout", r"Task timed out after 2\.00 seconds")
        self.assertGreaterEqual(time.monotonic() - began, 1.99)
        self.assert_serves(function)
