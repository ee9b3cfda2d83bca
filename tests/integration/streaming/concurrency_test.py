# SPDX-License-Identifier: Apache-2.0
# Several invocations at once in one instance (the function's concurrency setting).
import json
import os
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from fixture import BUILD, HERE, STREAM, KilnServer, PlannedFunction, events_of, wait_until  # noqa: E402


class AtOnceTest(PlannedFunction):
    def serve_at_once(self, limit, polls, *deploy, timeout=30):
        return self.serve("--concurrency", str(limit), "--env", f"POLLS={polls}", *deploy, timeout=timeout)


class AtOnce(AtOnceTest):
    def busy(self, name):
        """An event whose handler says that it has begun, and ends when the test lets it."""
        return {"steps": [{"touch": self.path(name + ".began")}, {"wait": self.path(name + ".end")}], "answer": name}

    def began(self, name):
        return os.path.exists(self.path(name + ".began"))

    def test_answers_in_any_order_reach_their_own_callers(self):
        self.serve_at_once(4, 4, "--max-instances", "1")
        names = ["a", "b", "c", "d"]
        done = {name: self.invoke_later(self.busy(name)) for name in names}
        wait_until(lambda: all(self.began(name) for name in names), "all four are at work")
        self.assertEqual(len(self.instances()), 1)
        for name in reversed(names):
            self.touch(name + ".end")
            wait_until(lambda: done[name], f"{name} is answered")
            self.assertEqual(done[name], [("ok", name)])

    def test_no_more_events_are_out_than_allowed_however_many_polls_are_parked(self):
        self.serve_at_once(2, 5, "--max-instances", "1")
        names = ["a", "b", "c"]
        done = {name: self.invoke_later(self.busy(name)) for name in names}
        wait_until(lambda: sum(self.began(name) for name in names) == 2, "two are at work")
        waiting, = [name for name in names if not self.began(name)]
        first, = [name for name in names if name != waiting][:1]
        self.touch(first + ".end")
        wait_until(lambda: self.began(waiting), "the third begins when one has ended")
        for name in names:
            self.touch(name + ".end")
        wait_until(lambda: all(done.values()), "all are answered")

    def test_an_instance_is_filled_before_another_is_made(self):
        self.serve_at_once(8, 8, "--max-instances", "4")
        for turn in range(4):  # fewer at once than it could take: a loop may be slow to come back on a busy machine
            names = [f"{turn}.{number}" for number in range(4)]
            done = {name: self.invoke_later(self.busy(name)) for name in names}
            wait_until(lambda: all(self.began(name) for name in names), "all four are at work")
            for name in names:
                self.touch(name + ".end")
            wait_until(lambda: all(done.values()), "all are answered")
        self.assertEqual(len(self.instances()), 1)

    def test_a_second_instance_is_made_where_one_is_full(self):
        self.serve_at_once(2, 2, "--max-instances", "4")
        names = ["a", "b", "c"]
        done = {name: self.invoke_later(self.busy(name)) for name in names}
        wait_until(lambda: all(self.began(name) for name in names), "all three are at work")
        self.assertEqual(len(self.instances()), 2)
        for name in names:
            self.touch(name + ".end")
        wait_until(lambda: all(done.values()), "all are answered")

    def test_a_burst_waits_for_the_loops_that_the_first_instance_has_yet_to_begin(self):
        self.serve_at_once(4, 4, "--max-instances", "4", "--env", "STAGGER=0.2")
        names = ["a", "b", "c", "d"]
        done = {name: self.invoke_later(self.busy(name)) for name in names}
        wait_until(lambda: all(self.began(name) for name in names), "all four are at work")
        self.assertEqual(len(self.instances()), 1)
        for name in names:
            self.touch(name + ".end")
        wait_until(lambda: all(done.values()), "all are answered")
        self.assertEqual(self.log().count("INIT_START"), 1)

    def test_a_burst_at_python_processes_that_import_for_long_starts_one_instance(self):
        self.server = KilnServer(BUILD, shared=self.shared)
        self.addCleanup(self.server.kill)
        self.server.run("deploy", os.path.join(HERE, "python"), "--name", "f", "--concurrency", "4", "--max-instances", "4",
                        "--timeout", "60", "--env", "IMPORT_SECONDS=0.5")
        done = [self.invoke_later({"touch": self.path(str(number)), "sleep": 2}) for number in range(4)]
        wait_until(lambda: all(done), "all are answered")
        self.assertEqual(done, [[("ok", "slept")]] * 4)
        self.assertEqual(self.log().count("INIT_START"), 1)

    def test_loops_that_never_begin_are_not_waited_for_longer_than_an_init_phase(self):
        self.serve_at_once(4, 2, "--max-instances", "4")
        names = ["a", "b", "c", "d"]
        done = {name: self.invoke_later(self.busy(name)) for name in names}
        wait_until(lambda: all(self.began(name) for name in names), "all four are at work")
        self.assertEqual(len(self.instances()), 2)
        for name in names:
            self.touch(name + ".end")
        wait_until(lambda: all(done.values()), "all are answered")

    def test_a_timeout_spares_the_neighbours_and_the_instance_is_not_used_again(self):
        self.serve_at_once(2, 2, "--max-instances", "1", timeout=2)
        stuck = self.invoke_later({"steps": [{"touch": self.path("stuck.began")}, {"hang": 0}], "answer": 0})
        wait_until(lambda: self.began("stuck"), "the first hangs")
        pid = self.instances()[0]["Pid"]
        threading.Event().wait(0.7)  # so that the neighbour's own deadline is well behind
        neighbour = self.invoke_later(self.busy("neighbour"))
        wait_until(lambda: self.began("neighbour"), "its neighbour is at work")
        wait_until(lambda: stuck, "the first times out")
        self.assertEqual((stuck[0][0], stuck[0][1]["errorType"]), ("error", "Sandbox.Timedout"))
        self.touch("neighbour.end")
        wait_until(lambda: neighbour, "the neighbour ends")
        self.assertEqual(neighbour, [("ok", "neighbour")])
        self.assertEqual(self.invoke({"answer": "later"}), ("ok", "later"))
        self.assertNotEqual(self.instances()[0]["Pid"], pid)

    def test_a_crash_ends_every_invocation_under_way(self):
        self.serve_at_once(3, 3, "--max-instances", "1")
        names = ["a", "b"]
        done = {name: self.invoke_later(self.busy(name)) for name in names}
        wait_until(lambda: all(self.began(name) for name in names), "two are at work")
        kind, body = self.invoke({"steps": [{"exit": 7}], "answer": 0})
        self.assertEqual((kind, body["errorType"]), ("error", "Runtime.ExitError"))
        self.assertIn("exit status 7", body["errorMessage"])
        wait_until(lambda: all(done.values()), "the others end as well")
        for name in names:
            self.assertEqual(done[name][0][1]["errorType"], "Runtime.ExitError")
        self.assertEqual(self.invoke({"answer": "later"}), ("ok", "later"))

    def test_an_error_beside_a_stream_cuts_it(self):
        self.serve_at_once(2, 2, "--max-instances", "1")
        _, answer = self.request(STREAM, {"steps": [{"send": "half"}, {"post": ["response", "1"]}, {"post": ["error", '{"errorType":"Boom"}']},
                                                    {"send": "lost"}]})
        found = events_of(answer.read())
        self.assertEqual(found[0], ("PayloadChunk", b"half"))
        self.assertEqual(json.loads(found[-1][1])["ErrorDetails"], '{"errorType":"Boom"}')
        self.assertEqual(len(found), 2)
        wait_until(lambda: "posted 400" in self.log(), "what is left of the stream is refused")
        self.assertRegex(self.log(), "beside: 400 .*InvalidRequestID")
        self.assertIn("beside: 202", self.log())
        self.assertEqual(self.invoke({"answer": "later"}), ("ok", "later"))

    def test_a_python_process_that_ends_within_its_stream_is_told_as_that(self):
        # The others have up to two seconds to end, and the instance ends with the last.
        self.server = KilnServer(BUILD, shared=self.shared)
        self.addCleanup(self.server.kill)
        self.server.run("deploy", os.path.join(HERE, "python"), "--name", "f", "--concurrency", "2", "--max-instances", "1")
        neighbour = self.invoke_later({"touch": self.path("began"), "sleep": 1})
        wait_until(lambda: os.path.exists(self.path("began")), "its neighbour is at work")
        _, answer = self.request(STREAM, {"exit": 3})
        found = events_of(answer.read())
        self.assertEqual(found[0], ("PayloadChunk", b"half"))
        complete = json.loads(found[-1][1])
        self.assertEqual(complete["ErrorCode"], "Runtime.ExitError")
        self.assertIn("exit status 3", complete["ErrorDetails"])
        wait_until(lambda: neighbour, "the neighbour ends as well")

    def test_a_hundred_calls_on_one_instance(self):
        self.serve_at_once(10, 10, "--max-instances", "1")
        results = [self.invoke_later({"answer": number}) for number in range(100)]
        wait_until(lambda: all(results), "all are answered")
        self.assertEqual(sorted(result[0][1] for result in results), list(range(100)))


class Its_connections(AtOnceTest):
    arguments = ("--ready-sandboxes", "0")  # whose descriptors come when they are made

    def test_an_instance_has_so_many_connections_and_no_more(self):
        self.serve_at_once(2, 2, "--max-instances", "1")
        self.invoke({"answer": 0})
        descriptors = f"/proc/{self.server.process.pid}/fd"
        at_rest = len(os.listdir(descriptors))
        for opened, answered in ((100, 60 + 4 * 2 - 2), (100, 66), (10, 10)):
            self.assertEqual(self.invoke({"steps": [{"connect": opened}], "answer": 1}), ("ok", 1))
            wait_until(lambda: f"answered: {answered}\n" in self.log(), f"{answered} of {opened} are answered")
            # Those that the runtime has closed are gone once the server has seen it.
            wait_until(lambda: len(os.listdir(descriptors)) < at_rest + 20, "the connections are closed")
        self.assertEqual(self.log().count("Warning: the instance has 68 connections to its Runtime API"), 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
