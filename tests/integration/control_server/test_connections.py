# SPDX-License-Identifier: Apache-2.0
# What clients and cold starts cost the server: connections that say nothing or half of something, and two hundred cold
# starts, after which it has no descriptor, no process and no zombie more than before.
import os
import resource
import statistics
import time
import unittest

from server_under_test import BUILD, FUNCTIONS, ServerTest, bootstrap, raw, read_to_end, wait_until

IDLE_CONNECTIONS = 1_000
READY_SANDBOXES = 4  # docs/operations.md
COLD_STARTS = 200


class Connections(ServerTest):
    @classmethod
    def setUpClass(cls):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # our ends of a thousand connections
        cls.addClassCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        super().setUpClass()

    def resident_kb(self):
        with open(f"/proc/{self.server.process.pid}/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.process.pid}/fd"))

    def client_connections(self):
        """Connections to the public listener that the server has not closed yet (established, or closed by the client)."""
        port = int(self.server.url.rsplit(":", 1)[1])
        with open("/proc/net/tcp") as file:
            rows = [line.split() for line in file][1:]
        return sum(int(row[1].split(":")[1], 16) == port and row[3] in ("01", "08") for row in rows)

    def at_rest(self):
        """Whether the server has the children of one that has no instances."""
        # Those that wait for any function, and those that have Python ready, with what they come from.
        ready = ["kiln-zygote", *["sandbox-init"] * 2 * READY_SANDBOXES] if self.server.isolation == "sandbox" else []
        children = self.children()
        return sorted(name for _, name, _ in children) == ["kiln-guard", *ready] and "Z" not in {c[2] for c in children}

    def children(self):
        """Every child of the server: number, name, state."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as stat:
                    fields = stat.read().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[1]) == self.server.process.pid:
                with open(f"/proc/{pid}/comm") as name:
                    found.append((int(pid), name.read().strip(), fields[0]))
        return found

    def median_call(self, name):
        times = []
        for _ in range(50):
            begun = time.monotonic()
            self.assert_result(self.invoke(name))
            times.append(time.monotonic() - begun)
        return statistics.median(times)

    def test_a_half_sent_request_is_answered_408_and_closed_at_its_deadline(self):
        halves = []
        for half in (b"POST ", f"POST {FUNCTIONS}/x/invocations HTTP/1.1\r\nHost: x\r\nContent-Le".encode()):
            connection = raw(self.server)
            self.addCleanup(connection.close)
            connection.sendall(half)
            halves.append((connection, time.monotonic()))
        for connection, begun in halves:
            answer = read_to_end(connection)  # returns once the server has closed
            self.assertRegex(answer, rb"^HTTP/1\.1 408 ")
            self.assertGreaterEqual(time.monotonic() - begun, 9.5)
            self.assertLess(time.monotonic() - begun, 30)

    def test_a_head_that_comes_byte_by_byte_has_the_same_deadline(self):
        with raw(self.server) as connection:
            begun = time.monotonic()
            try:
                while time.monotonic() - begun < 30:
                    connection.sendall(b"G")
                    time.sleep(0.5)  # the point of the test: never silent for long
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertLess(time.monotonic() - begun, 30)

    def test_a_thousand_idle_connections_cost_the_others_nothing(self):
        self.create("fast")
        self.invoke("fast")
        alone = self.median_call("fast")
        # Each call had a connection of its own, and the server is told of the last one's end a moment later.
        wait_until(lambda: self.client_connections() == 0, "the calls' connections are closed")
        memory, descriptors = self.resident_kb(), self.descriptors()
        idle = []
        for _ in range(IDLE_CONNECTIONS):
            connection = raw(self.server)
            self.addCleanup(connection.close)
            idle.append(connection)
        wait_until(lambda: self.descriptors() >= descriptors + IDLE_CONNECTIONS, "all are accepted")
        self.assertLess(self.resident_kb() - memory, 8 * IDLE_CONNECTIONS)
        # Five times, for a machine that does other things meanwhile; each call costing by the number of connections is more.
        self.assertLess(self.median_call("fast"), max(5 * alone, 0.05))
        for connection in idle:
            connection.close()
        wait_until(lambda: self.descriptors() <= descriptors + 2, "all are closed")
        self.request("DELETE", f"{FUNCTIONS}/fast")
        wait_until(self.at_rest, "its instance has gone")

    def test_two_hundred_cold_starts_leave_nothing_behind(self):
        with open(os.path.join(BUILD, "tests", "functions", "cpp", "misbehave.zip"), "rb") as file:
            self.create("cpp", file.read(), runtime="cpp", handler="misbehave.handler", kiln={"IdleSeconds": 0})
        self.create("python", kiln={"IdleSeconds": 0})
        self.create("provided", bootstrap("""
connection = connect()
while True:
    request_id, event, _ = next_event(connection)
    respond(connection, request_id, None)
"""), runtime="provided", kiln={"IdleSeconds": 0})
        self.create("fails", "import sys\nsys.exit(1)\n")
        names = ["cpp"] * (COLD_STARTS - 60) + ["python"] * 20 + ["provided"] * 20 + ["fails"] * 20

        def cold_starts(names):
            for name in names:
                answer = self.invoke(name, {})
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual("X-Amz-Function-Error" in answer.headers, name == "fails", answer)
                wait_until(lambda name=name: self.instances(name) == [], "reclaimed")

        def settled():
            return self.at_rest() and not any(self.instances(name) for name in set(names))

        cold_starts(["cpp", "python", "provided", "fails"])  # what is opened once stays open
        wait_until(settled, "all reclaimed")
        descriptors = self.descriptors()
        cold_starts(names)
        wait_until(settled, "all reclaimed")
        started = sum(self.metric(f'kiln_cold_starts_total{{function="{name}"}}') for name in ("cpp", "python", "provided"))
        self.assertEqual(started, COLD_STARTS - 20 + 3)
        wait_until(lambda: self.descriptors() <= descriptors,
                   f"{descriptors} descriptors as before: {self.descriptors()}", seconds=10)
        self.assertTrue(self.at_rest(), self.children())


if __name__ == "__main__":
    unittest.main()
