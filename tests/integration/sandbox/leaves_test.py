# SPDX-License-Identifier: Apache-2.0
# What 2,000 instances that have come and gone leave behind: nothing. Of each kind, one cold start after another.
import collections
import concurrent.futures
import os
import re
import time
import unittest

from sandbox_fixture import BUILD, FUNCTIONS, PROBE, descendants_of, invoke, own_groups, run, status_of
from kiln_server import KilnServer
from waiting import wait_until

INSTANCES = 2000
# One call at a time for each function, whose instance ends with it; so many end and begin at once.
FUNCTIONS_OF_EACH = 3
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


class Two_thousand_cold_starts(unittest.TestCase):
    def setUp(self):
        self.server = KilnServer(BUILD, isolation="sandbox")
        self.addCleanup(self.server.kill)
        self.names = {}
        for number in range(FUNCTIONS_OF_EACH):
            self.names[f"python{number}"] = {"code": "import os\nresult = {'instance': os.environ['AWS_LAMBDA_LOG_STREAM_NAME']}"}
            self.server.run("deploy", os.path.join(FUNCTIONS, "inside"), "--name", f"python{number}", "--idle", "0",
                            "--max-instances", "1", "--timeout", "60")
            self.names[f"c{number}"] = "descriptors"
            self.server.run("deploy", PROBE, "--name", f"c{number}", "--runtime", "cpp", "--idle", "0", "--max-instances", "1",
                            "--timeout", "60")

    def start(self, count):
        """Calls until there were so many different instances; their ids, by kind."""
        seen = collections.defaultdict(set)

        def of_one(name):
            ids = seen[name]
            while len(ids) < count // len(self.names):
                answer, error = invoke(self.server, name, self.names[name])
                self.assertEqual(error, "", answer)
                ids.add(answer["instance"])

        with concurrent.futures.ThreadPoolExecutor(len(self.names)) as invokers:
            list(invokers.map(of_one, self.names))
        return seen

    def what_there_is(self):
        """Everything that could be left, as seen from outside."""
        server = self.server.process.pid
        processes = descendants_of(server)
        namespaces = {kind: {os.readlink(f"/proc/{pid}/ns/{kind}") for pid in processes} for kind in NAMESPACES}
        # Those of control groups have the groups' numbers in their names, sockets and pipes their own.
        descriptors = collections.Counter(
            re.sub("[0-9]+", "N", os.readlink(f"/proc/{server}/fd/{number}")) for number in os.listdir(f"/proc/{server}/fd"))
        with open("/proc/self/mountinfo") as file:
            mounts = sorted(line.split()[4] for line in file)
        with open(f"/proc/{server}/mountinfo") as file:
            own_mounts = len(file.readlines())
        groups = {group: len([entry for entry in os.scandir(group) if entry.is_dir()]) for group in own_groups(server)}
        data = sorted(path for path, _, _ in os.walk(self.server.data))
        temporary = sorted(name for name in os.listdir("/tmp") if name.startswith("kiln") and "test" not in name)
        return {"processes": sorted(status_of(pid, "Name") for pid in processes),
                "zombies": [pid for pid in processes if status_of(pid, "State") == "Z"],
                "namespaces": {kind: len(found) for kind, found in namespaces.items()},
                "descriptors": descriptors, "mounts": mounts, "own mounts": own_mounts, "groups": groups, "data": data,
                "temporary": temporary, "threads": len(os.listdir(f"/proc/{server}/task"))}

    def settled(self):
        """What there is once no instance is left and all that stands ready is made: when it stays the same."""
        last, since = None, 0

        def same_for_a_while():
            nonlocal last, since
            try:
                now = self.what_there_is()
            except FileNotFoundError:  # something has ended meanwhile
                now = None
            if now is None or now != last:
                last, since = now, time.monotonic()
                return None
            return last if time.monotonic() - since > 1 else None

        return wait_until(same_for_a_while, "the server has come to rest")

    def users(self):
        return {int(status_of(pid, "Uid") or 0) for pid in descendants_of(self.server.process.pid)} - {0}

    def test_leave_nothing_behind(self):
        self.start(5 * len(self.names))
        before = self.settled()
        self.assertGreater(sum(before["groups"].values()), 0)
        self.assertEqual(before["zombies"], [])
        begun = time.monotonic()
        seen = self.start(INSTANCES)
        print(f"{INSTANCES} cold starts in {time.monotonic() - begun:.0f} s")
        self.assertGreaterEqual(len(set().union(*seen.values())), INSTANCES - len(self.names))
        after = self.settled()
        for what, value in before.items():
            self.assertEqual(after[what], value, what)
        # A user id is given to the next that needs one: those in use are of the first few of the block, not of the next 2,000.
        users = self.users()
        self.assertGreater(len(users), 0)
        self.assertLess(max(users) - min(users), 100)
        groups = own_groups(self.server.process.pid)
        self.assertEqual(self.server.stop(), 0)
        self.assertEqual([group for group in groups if os.path.exists(group)], [])


if __name__ == "__main__":
    run()
