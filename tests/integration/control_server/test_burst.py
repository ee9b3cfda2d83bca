# SPDX-License-Identifier: Apache-2.0
# Many calls at once, the bounds of the queue in front of a function, and scaling: out, to the one used last, and to zero.
import json
import os
import signal
import socket
import time
import unittest
import urllib.parse

from server_under_test import FUNCTIONS, ServerTest, alive, raw, read_to_end, wait_until

MOST_WAITING = 1_000  # calls that may wait for one function (docs/operations.md)
IN_ORDER = 5
LONGEST_WAIT = 20  # seconds


class Burst(ServerTest):
    def assert_throttled(self, answer, reason, cause):
        self.assertEqual(answer.status, 429, answer)
        self.assertEqual(answer.headers["x-amzn-ErrorType"], "TooManyRequestsException")
        self.assertEqual(answer.headers["Retry-After"], "1")
        self.assertEqual(answer.json, {"Reason": reason, "Type": "User", "message": f"Rate Exceeded. {cause}"})

    def queue_length(self, name):
        return self.metric(f'kiln_queue_length{{function="{name}"}}')

    def test_fifty_calls_at_a_cold_function_are_fifty_answers(self):
        self.create("cold-burst")
        calls = [self.invoke_later("cold-burst", {"sleep": 0.02}) for _ in range(50)]
        answers = [self.assert_result(call.answer()) for call in calls]
        self.assertEqual(len({answer["id"] for answer in answers}), 50)
        by_instance = {}
        for answer in answers:
            by_instance.setdefault(answer["pid"], []).append(answer["calls"])
        for counts in by_instance.values():
            self.assertEqual(sorted(counts), list(range(1, len(counts) + 1)))  # one at a time in each
        self.assertEqual(self.metric('kiln_throttles_total{function="cold-burst"}'), 0)

    def test_calls_beyond_what_idle_instances_can_take_start_more_and_no_more_than_the_limit(self):
        self.create("scale", Timeout=60, kiln={"MaxInstances": 3})
        busy = [self.busy("scale") for _ in range(3)]
        self.assertEqual([one["State"] for one in self.instances("scale")], ["Busy"] * 3)
        fourth = self.invoke_later("scale")
        wait_until(lambda: self.queue_length("scale") == 1, "the fourth call waits")
        self.assertEqual(len(self.instances("scale")), 3)
        self.assertFalse(fourth.done())
        self.release(busy[1][1])
        second = self.assert_result(busy[1][0].answer(), calls=1)
        self.assert_result(fourth.answer(), calls=2, pid=second["pid"])  # taken over as soon as one is free
        for call, until in (busy[0], busy[2]):
            self.release(until)
            self.assert_result(call.answer(), calls=1)

    def test_the_instance_used_last_is_used_next(self):
        self.create("recent", Timeout=60)
        busy = [self.busy("recent") for _ in range(3)]
        for call, until in busy:
            self.release(until)
            last = self.assert_result(call.answer())["pid"]
            wait_until(lambda last=last: [one["State"] for one in self.instances("recent") if one["Pid"] == last] == ["Idle"],
                       "it is idle")
        for count in range(2, 7):
            self.assert_result(self.invoke("recent"), pid=last, calls=count)

    def test_instances_are_kept_ready_without_a_call_and_replaced(self):
        self.create("ready", kiln={"MinInstances": 2, "IdleSeconds": 0})

        def idle():
            return sorted(one["Pid"] for one in self.instances("ready") if one["State"] == "Idle")
        wait_until(lambda: len(idle()) == 2, "two are ready")
        first = idle()
        answer = self.invoke("ready")
        self.assertIn(self.assert_result(answer, calls=1)["pid"], first)
        os.kill(first[0], signal.SIGKILL)
        wait_until(lambda: len(idle()) == 2 and idle() != first, "the one that was killed is replaced")
        self.assertIn(first[1], idle())  # and the other one is not reclaimed
        changed = self.request("PUT", f"{FUNCTIONS}/ready/configuration", json.dumps({"Kiln": {"MinInstances": 0}}))
        self.assertEqual(changed.status, 200, changed)
        wait_until(lambda: self.instances("ready") == [], "nothing is kept any more")

    def test_instances_are_kept_ready_by_the_hours_of_the_week(self):
        self.create("by-hours", kiln={"ReadySchedule": "daily 00:00-24:00=2", "IdleSeconds": 0})
        wait_until(lambda: [one["State"] for one in self.instances("by-hours")] == ["Idle", "Idle"], "two are ready")
        other_day = "mon tue wed thu fri sat sun".split()[(time.gmtime().tm_wday + 3) % 7]
        changed = self.request("PUT", f"{FUNCTIONS}/by-hours/configuration",
                               json.dumps({"Kiln": {"ReadySchedule": f"{other_day} 08:00-18:00=2"}}))
        self.assertEqual(changed.status, 200, changed)
        wait_until(lambda: self.instances("by-hours") == [], "nothing is kept on another day")
        refused = self.request("PUT", f"{FUNCTIONS}/by-hours/configuration", json.dumps({"Kiln": {"ReadySchedule": "noon=1"}}))
        self.assertEqual(refused.status, 400)
        self.assertIn("DAYS HH:MM-HH:MM=INSTANCES", refused.body.decode())

    def test_instances_that_cannot_be_made_are_not_tried_without_a_pause(self):
        self.create("hopeless", handler="missing.handler", kiln={"MinInstances": 1})
        wait_until(lambda: self.metric('kiln_init_failures_total{function="hopeless"}') >= 2, "it is tried again")
        began, before = time.monotonic(), self.metric('kiln_init_failures_total{function="hopeless"}')
        wait_until(lambda: self.metric('kiln_init_failures_total{function="hopeless"}') >= before + 2, "and again")
        self.assertGreaterEqual(time.monotonic() - began, 0.2)

    def test_an_idle_instance_is_reclaimed_and_the_next_call_is_cold_again(self):
        self.create("reclaim", kiln={"IdleSeconds": 1})
        first = self.assert_result(self.invoke("reclaim"), calls=1)
        self.assert_result(self.invoke("reclaim"), calls=2, pid=first["pid"])
        used = time.monotonic()
        wait_until(lambda: self.instances("reclaim") == [], "scaled to zero")
        self.assertGreaterEqual(time.monotonic() - used, 0.9)
        self.assertFalse(alive(first["pid"]))
        self.assertEqual(self.metric('kiln_instances{function="reclaim",state="idle"}'), 0)
        cold = self.invoke("reclaim")
        self.assert_result(cold, calls=1)
        self.assertRegex(cold.headers["Server-Timing"], "^cold")

    def test_a_busy_instance_is_not_reclaimed_however_long_it_works(self):
        self.create("long", Timeout=60, kiln={"IdleSeconds": 0})
        call, until = self.busy("long")
        self.create("other", kiln={"IdleSeconds": 0})
        self.assert_result(self.invoke("other"), calls=1)
        wait_until(lambda: self.instances("other") == [], "an instance kept for no time is reclaimed at once")
        self.assertEqual(len(self.instances("long")), 1)
        self.release(until)
        self.assert_result(call.answer(), calls=1)

    def test_a_thousand_calls_may_wait_and_the_next_is_refused_at_once(self):
        self.create("bound", Timeout=60, kiln={"MaxInstances": 1})
        call, until = self.busy("bound")
        host = urllib.parse.urlsplit(self.server.url).netloc
        request = (f"POST {FUNCTIONS}/bound/invocations HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
                   "Content-Length: 2\r\n\r\n{}").encode()
        waiting = []
        for _ in range(MOST_WAITING):
            connection = raw(self.server)
            self.addCleanup(connection.close)
            connection.sendall(request)
            waiting.append(connection)
            if len(waiting) <= IN_ORDER:  # of more that come at once, nobody can say which was first
                wait_until(lambda: self.queue_length("bound") == len(waiting), "one call more waits")
        wait_until(lambda: self.queue_length("bound") == MOST_WAITING, "a thousand calls wait")
        begun = time.monotonic()
        self.assert_throttled(self.invoke("bound"), "ConcurrentInvocationLimitExceeded",
                              f"{MOST_WAITING} calls of this function wait already.")
        self.assertLess(time.monotonic() - begun, 5)
        self.release(until)
        first = self.assert_result(call.answer(), calls=1)
        counts = []
        for connection in waiting:
            head, body = read_to_end(connection).split(b"\r\n\r\n", 1)
            self.assertTrue(head.startswith(b"HTTP/1.1 200 OK\r\n"), head)
            counts.append(json.loads(body)["calls"])
        self.assertEqual(sorted(counts), list(range(2, MOST_WAITING + 2)))
        self.assertEqual(counts[:IN_ORDER], sorted(counts)[:IN_ORDER])  # first come, first served
        self.assert_result(self.invoke("bound"), pid=first["pid"], calls=MOST_WAITING + 2)

    def test_a_call_that_has_waited_for_too_long_is_refused_and_the_function_goes_on(self):
        self.create("deadline", Timeout=60, kiln={"MaxInstances": 1})
        call, until = self.busy("deadline")
        begun = time.monotonic()
        refused = [one.answer() for one in [self.invoke_later("deadline") for _ in range(3)]]
        self.assertGreaterEqual(time.monotonic() - begun, LONGEST_WAIT - 0.5)
        for answer in refused:
            self.assert_throttled(answer, "ReservedFunctionConcurrentInvocationLimitExceeded",
                                  f"The one instance was busy for {LONGEST_WAIT} s (at most 1: --max-instances).")
        self.assertEqual(self.metric('kiln_throttles_total{function="deadline"}'), 3)
        self.assertEqual(self.queue_length("deadline"), 0)
        self.release(until)
        self.assert_result(call.answer(), calls=1)
        self.assert_result(self.invoke("deadline"), calls=2)

    def test_an_invoker_that_goes_away_while_it_waits_costs_the_others_nothing(self):
        self.create("leaver", Timeout=60, kiln={"MaxInstances": 1})
        call, until = self.busy("leaver")
        host = urllib.parse.urlsplit(self.server.url).netloc
        leaver = raw(self.server)
        leaver.sendall(f"POST {FUNCTIONS}/leaver/invocations HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        wait_until(lambda: self.queue_length("leaver") == 1, "it waits")
        leaver.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not an orderly end
        leaver.close()
        self.release(until)
        self.assert_result(call.answer(), calls=1)
        self.assert_result(self.invoke("leaver"))


if __name__ == "__main__":
    unittest.main()
