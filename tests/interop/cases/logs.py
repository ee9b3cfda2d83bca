# SPDX-License-Identifier: Apache-2.0
# What a function logs: by the client's own way to the platform, where it has one.
from cases.case import Case
from platforms import wait_until


class Logs(Case):
    def test_framed_log(self):
        """a logged message of several lines is one event of its call"""
        answer = self.function.command("log")
        self.assert_result(answer, "logged")
        request_id = answer.headers["x-amzn-RequestId"]
        logs = []

        def told():
            logs[:] = [self.place.platform.server.run("logs", self.function.name, "--request-id", request_id).stdout]
            return "second line" in logs[0]

        wait_until(told, "the message is in the log")
        # A line that begins a new event would begin with its time.
        self.assertRegex(logs[0], r"Z .*first line\n  second line\n")
