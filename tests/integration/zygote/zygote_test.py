# SPDX-License-Identifier: Apache-2.0
# Instances of Python in sandboxes are forks of an interpreter that runs already. As root, as a sandbox needs.
import concurrent.futures
import json
import os
import sys
import tempfile
import textwrap
import time
import unittest
import urllib.request

SOURCE, BUILD = sys.argv[1:3]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE, KilnServer  # noqa: E402
from waiting import wait_until  # noqa: E402

INSIDE = os.path.join(SOURCE, "tests", "integration", "sandbox", "functions", "inside")
# A variable that the C library reads as a process starts: a function that sets it gets an interpreter of its own.
EXECUTED = ("--env", "MALLOC_ARENA_MAX=8")


def children_of(pid):
    """The names of a process's children, by number."""
    found = {}
    for number in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{number}/stat") as stat:
                text = stat.read()
        except OSError:
            continue
        if int(text.rsplit(")", 1)[1].split()[1]) == pid:
            found[int(number)] = text.split("(", 1)[1].rsplit(")", 1)[0]
    return found


class ZygoteTest(unittest.TestCase):
    arguments = ()

    def setUp(self):
        if os.geteuid() != 0:
            raise AssertionError("these tests need root: a sandbox does")
        self.server = KilnServer(BUILD, isolation="sandbox", arguments=self.arguments)
        self.addCleanup(self.server.kill)

    def deploy(self, name, *options, folder=INSIDE, status=0):
        return self.server.run("deploy", folder, "--name", name, "--timeout", "60", *options, status=status)

    def invoke(self, name, code="result = None"):
        event = json.dumps({"code": textwrap.dedent(code)}).encode()
        request = urllib.request.Request(f"{self.server.url}/2015-03-31/functions/{name}/invocations", event, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            body = json.load(answer)
            self.assertEqual(answer.headers.get("X-Amz-Function-Error", ""), "", body)
            return body

    def zygotes(self):
        return [pid for pid, name in children_of(self.server.process.pid).items() if name == "kiln-zygote"]

    def zygote(self):
        # A fork has its name for a moment.
        return wait_until(lambda: len(found := self.zygotes()) == 1 and found[0], "there is one zygote")

    def instances(self, name):
        with urllib.request.urlopen(f"{self.server.url}/kiln/v1/functions/{name}/instances") as answer:
            return json.load(answer)["Instances"]

    def is_forked(self, name):
        """Whether the one instance of `name` is: its executable is the zygote's."""
        pid = self.instances(name)[0]["Pid"]
        return "zygotes" in os.readlink(f"/proc/{pid}/exe")


class Like_one_that_was_executed(ZygoteTest):
    # Everything a function can find out about its interpreter that is not the instance's own or bound to change.
    LOOK = """
        import os
        descriptors = sorted(os.listdir("/proc/self/fd"))  # before anything here opens others
        import builtins, io, locale, resource, signal, sys, threading, time, warnings
        def quiet(value):
            return repr(value)
        own = ("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_METADATA_TOKEN",
               "MALLOC_ARENA_MAX")
        streams = (sys.stdin, sys.stdout, sys.stderr)
        with open("/proc/self/status") as status:
            rows = dict(line.split(":\\t", 1) for line in status)
        with open("/proc/self/cmdline") as command:
            command_line = command.read()
        with open("/proc/self/comm") as name:
            process_name = name.read()
        result = {
            "environment": {k: v for k, v in os.environ.items() if k not in own},
            "environment of children": [line for line in os.popen("env").read().splitlines()
                                        if line.split("=")[0] not in own and not line.startswith("_=")],
            "bytes": len([k for k in os.environb if k.decode() not in own]),
            "path": sys.path, "argv": sys.argv, "flags": quiet(sys.flags), "executable": sys.executable,
            "prefix": [sys.prefix, sys.exec_prefix, sys.base_prefix],
            "encodings": [sys.getfilesystemencoding(), sys.getdefaultencoding(), locale.setlocale(locale.LC_ALL)],
            "streams": [[type(s).__name__, s.encoding, s.errors, s.name, s.mode, s.fileno(), s.isatty(), s.newlines] for s in streams],
            "writable": [s.writable() for s in streams], "line buffering": [s.line_buffering for s in streams],
            # But for those nobody can handle, and the two that the bootstrap handles, of which a late import does not know how.
            "signals": [quiet(signal.getsignal(n)) for n in range(1, 32) if n not in (9, 15, 19, 23)],
            "masks": [rows[k] for k in ("SigBlk", "SigIgn")],
            "privileges": [rows[k] for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters")],
            "user": [rows["Uid"], rows["Gid"], rows["Groups"]],
            "descriptors": descriptors, "limits": [resource.getrlimit(n) for n in range(15)],
            "directory": os.getcwd(), "umask": os.umask(0o22), "command line": command_line, "name": process_name,
            "session": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid(), os.getppid()],
            "nice": os.getpriority(os.PRIO_PROCESS, 0), "policy": os.sched_getscheduler(0),
            "threads": threading.active_count(), "main": threading.current_thread() is threading.main_thread(),
            "native id": threading.get_native_id() == os.getpid(), "time zone": [time.tzname, time.timezone],
            "builtins": sorted(vars(builtins)), "finders": [quiet(f).split(" at ")[0] for f in sys.meta_path],
            "filters": len(warnings.filters), "recursion": sys.getrecursionlimit(), "bytecode": sys.dont_write_bytecode,
            "own module": [sys.modules["index"].__file__, sys.modules["index"].__spec__.origin], "modules": "_kiln_warm_handler" in sys.modules,
            "excepthook": sys.excepthook is sys.__excepthook__, "readable": os.access("/proc/self/environ", os.R_OK),
        }
    """

    def test_in_all_that_it_can_see(self):
        self.deploy("forked", "--env", "TZ=Asia/Kathmandu", "--env", "GREETING=grüß")
        self.deploy("executed", "--env", "TZ=Asia/Kathmandu", "--env", "GREETING=grüß", *EXECUTED)
        forked, executed = self.invoke("forked", self.LOOK), self.invoke("executed", self.LOOK)
        self.assertTrue(self.is_forked("forked"))
        self.assertFalse(self.is_forked("executed"))
        self.assertEqual(forked["time zone"][0], ["+0545", "+0545"])
        # `logging` was loaded before its own way to be set up could see it; it is set up all the same (below).
        executed["finders"] = [finder for finder in executed["finders"] if "LoggingFinder" not in finder]
        for what in executed:
            with self.subTest(what):
                self.assertEqual(forked[what], executed[what])

    def test_in_what_it_logs(self):
        code = """
            import logging, sys
            logging.warning("a warning")
            print("printed")
            print("to the other", file=sys.stderr)
            result = [type(handler).__name__ for handler in logging.getLogger().handlers]
        """
        for name, options in (("forked", ()), ("executed", EXECUTED)):
            self.deploy(name, *options)
            self.assertEqual(self.invoke(name, code), ["LambdaLoggerHandler"])
            log = self.server.run("logs", name).stdout
            self.assertRegex(log, r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t[0-9a-f-]{36}\ta warning")
            self.assertIn(" printed\n", log)
            self.assertIn(" to the other\n", log)

    def test_in_what_its_modules_do(self):
        self.deploy("f")
        used = self.invoke("f", """
            import asyncio, decimal, hashlib, json, re, socket, sqlite3, ssl, subprocess, tempfile, threading, urllib.request
            async def later():
                await asyncio.sleep(0.01)
                return "later"
            thread = threading.Thread(target=lambda: found.append(threading.current_thread().name), name="other")
            found = []
            thread.start()
            thread.join()
            with tempfile.NamedTemporaryFile() as file:
                found.append(file.name.startswith("/tmp/"))
            found.append(subprocess.run(["echo", "child"], capture_output=True, text=True).stdout)
            found.append(asyncio.run(later()))
            found.append(sqlite3.connect(":memory:").execute("select 1 + 1").fetchone()[0])
            found.append(len(ssl.create_default_context().get_ca_certs()) >= 0)
            result = found
        """)
        self.assertEqual(used, ["other", True, "child\n", "later", 2, True])

    def test_but_for_a_function_that_wants_an_interpreter_started_in_its_own_way(self):
        for number, (variable, forked) in enumerate([
                ("PYTHONHASHSEED=0", False), ("PYTHONOPTIMIZE=1", False), ("PYTHONWARNINGS=error", False), ("LD_PRELOAD=", False),
                ("GLIBC_TUNABLES=glibc.malloc.check=0", False), ("OPENSSL_CONF=/dev/null", False), ("PYTHONPATH=/var/task/lib", True), ("PYTHONUNBUFFERED=1", True),
                ("LANG=C.UTF-8", True)]):
            self.deploy(f"f{number}", "--env", variable)
            self.invoke(f"f{number}")
            self.assertEqual(self.is_forked(f"f{number}"), forked, variable)


class Siblings(ZygoteTest):
    RANDOM = """
        import hashlib, multiprocessing, os, random, secrets, ssl, tempfile, uuid
        result = {
            "random": random.random(), "bits": random.getrandbits(64), "urandom": os.urandom(8).hex(), "token": secrets.token_hex(8),
            "uuid4": str(uuid.uuid4()), "uuid1": str(uuid.uuid1()), "temporary": os.path.basename(tempfile.mktemp()),
            "openssl": ssl.RAND_bytes(8).hex(), "seeded": random.Random().random(), "key": multiprocessing.current_process().authkey.hex(),
            "pid": os.getpid(), "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        }
    """
    arguments = ("--preimport", "multiprocessing,numpy.random")

    def first_of_each(self, which, count):
        """The first answers of `count` different instances, or processes; under load one may take two calls of a burst."""
        found = {}

        def burst():
            with concurrent.futures.ThreadPoolExecutor(count) as invokers:
                for answer in invokers.map(lambda _: self.invoke("f", "import time\ntime.sleep(0.3)\n" + textwrap.dedent(self.RANDOM)), range(count)):
                    found.setdefault(answer.pop(which), answer)
            return len(found) == count
        wait_until(burst, f"{count} have answered")
        return list(found.values())

    def assert_nothing_shared(self, answers, names):
        for what in names:
            self.assertEqual(len({answer[what] for answer in answers}), len(answers), what)

    def test_share_nothing_that_is_random(self):
        self.deploy("f", "--concurrency", "1", "--max-instances", "8")
        answers = self.first_of_each("stream", 8)
        self.assertEqual(len(self.instances("f")), 8)
        self.assertTrue(self.is_forked("f"))
        self.assert_nothing_shared(answers, set(answers[0]) - {"pid"})

    def test_nor_do_the_processes_of_one_instance(self):
        self.deploy("f", "--concurrency", "4", "--max-instances", "1")
        answers = self.first_of_each("pid", 4)
        self.assertEqual(len(self.instances("f")), 1)
        self.assertTrue(self.is_forked("f"))
        self.assert_nothing_shared(answers, set(answers[0]) - {"stream"})

    def test_know_nothing_of_one_another(self):
        self.deploy("first", "--env", "SECRET=kiln-canary-5521", "--idle", "0")
        self.invoke("first")
        self.deploy("second", "--max-instances", "4")
        code = """
            import ctypes, os
            found = "kiln-canary-5521" in os.environ.values()
            with open("/proc/self/maps") as maps:
                areas = [line.split()[0].split("-") for line in maps if " rw-p" in line or "[heap]" in line]
            needle = b"".join([b"kiln-canary", b"-5521"])
            for begin, end in areas:
                found = found or ctypes.string_at(int(begin, 16), int(end, 16) - int(begin, 16)).count(needle) > 6
            result = found
        """
        self.assertFalse(self.invoke("second", code))


class Its_zygote(ZygoteTest):
    def test_is_replaced_when_it_dies_and_instances_live_on(self):
        self.deploy("f", "--max-instances", "20", "--idle", "600")
        self.invoke("f", "import builtins\nbuiltins.remembered = 41")
        old = self.zygote()
        os.kill(old, 9)
        # More than stand ready.
        code = "import builtins, time\ntime.sleep(0.5)\nresult = getattr(builtins, 'remembered', 0)"
        with concurrent.futures.ThreadPoolExecutor(12) as invokers:
            answers = list(invokers.map(lambda _: self.invoke("f", code), range(12)))
        self.assertEqual(sorted(answers), [0] * 11 + [41])
        self.assertNotEqual(self.zygote(), old)

    def test_what_was_killed_while_it_waited_is_not_used(self):
        self.deploy("f", "--max-instances", "1", "--idle", "0")

        def ready():
            found = [pid for pid, name in children_of(self.server.process.pid).items() if name == "sandbox-init"]
            return found if len(found) == 8 else None

        for kill_inside in (False, True):
            first_processes = wait_until(ready, "eight stand ready")
            for pid in first_processes:
                inside = [child for child, name in children_of(pid).items() if name == "bootstrap"]
                for victim in inside if kill_inside else [pid]:
                    os.kill(victim, 9)
            self.assertEqual(self.invoke("f", "result = 'answered'"), "answered")
        wait_until(ready, "eight stand ready again")

    def test_holds_nothing_and_sees_nothing(self):
        self.deploy("f")
        self.invoke("f")
        zygote = self.zygote()
        # But for the socket of a fork that is being made.
        wait_until(lambda: sorted(os.listdir(f"/proc/{zygote}/fd"), key=int) == ["0", "1", "2", "3"], "it holds nothing")
        self.assertEqual(len(os.listdir(f"/proc/{zygote}/task")), 1)
        with open(f"/proc/{zygote}/environ") as environment:
            names = {entry.split("=")[0] for entry in environment.read().split("\0") if entry}
        self.assertEqual(names, {"PATH", "LANG", "LD_LIBRARY_PATH", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"})
        self.assertEqual(sorted(os.listdir(f"/proc/{zygote}/root/var")), ["runtime", "task", "tmp"])
        for place in ("/etc/shadow", "/root", "/home", self.server.data, "/proc/1"):
            self.assertFalse(os.path.exists(f"/proc/{zygote}/root{place}"), place)
        for namespace in ("mnt", "net", "ipc", "uts"):
            self.assertNotEqual(os.readlink(f"/proc/{zygote}/ns/{namespace}"), os.readlink(f"/proc/self/ns/{namespace}"), namespace)
        with open(f"/proc/{zygote}/status") as status:
            bounds = [line.split()[1] for line in status if line.startswith("CapBnd")]
        setgid, setuid, setpcap, sys_admin, sys_nice = 6, 7, 8, 21, 23
        needed = sum(1 << capability for capability in (setgid, setuid, setpcap, sys_admin, sys_nice))
        self.assertEqual([int(bound, 16) for bound in bounds], [needed])

    def test_goes_with_the_server(self):
        self.deploy("f")
        self.invoke("f")
        zygote = self.zygote()
        self.server.process.kill()
        self.server.process.wait()
        wait_until(lambda: not os.path.exists(f"/proc/{zygote}"), "it has ended")


class Without_one(ZygoteTest):
    arguments = ("--no-zygote",)

    def test_python_is_executed(self):
        self.deploy("f")
        self.invoke("f")
        self.assertFalse(self.is_forked("f"))
        self.assertEqual(self.zygotes(), [])


class One_that_cannot_be_had(ZygoteTest):
    arguments = ("--preimport", "json,no_such_module")

    def test_is_told_and_python_is_executed(self):
        self.deploy("f")
        self.invoke("f")
        self.assertFalse(self.is_forked("f"))
        wait_until(lambda: "no_such_module" in "".join(self.server.log), "the log names the module")


class One_that_loads_more(ZygoteTest):
    arguments = ("--preimport", "sqlite3,xml.dom.minidom")

    def test_spares_its_functions_the_time(self):
        self.deploy("f")
        loaded = self.invoke("f", "import sys\nresult = [name in sys.modules for name in ('sqlite3', 'xml.dom.minidom', 'wave')]")
        self.assertEqual(loaded, [True, True, False])


class Sets_of_modules(ZygoteTest):
    arguments = ("--preimport", "wave", "--preimport", "tables=sqlite3,csv", "--preimport", "pages=xml.dom.minidom")
    LOADED = "import sys\nresult = [name for name in ('wave', 'sqlite3', 'csv', 'xml.dom.minidom', 'json') if name in sys.modules]"

    def test_each_function_has_those_of_its_own_and_no_others(self):
        for name, options in (("none", ()), ("tables", ("--preimport", "tables")), ("pages", ("--preimport", "pages"))):
            self.deploy(name, *options)
        self.assertEqual(self.invoke("none", self.LOADED), ["wave", "json"])
        self.assertEqual(self.invoke("tables", self.LOADED), ["sqlite3", "csv", "json"])
        self.assertEqual(self.invoke("pages", self.LOADED), ["xml.dom.minidom", "json"])
        for name in ("none", "tables", "pages"):
            self.assertTrue(self.is_forked(name))
        self.assertEqual(len(self.zygotes()), 3)

    def test_a_function_moves_to_another_and_back(self):
        self.deploy("f", "--preimport", "tables")
        self.assertIn("csv", self.invoke("f", self.LOADED))
        self.deploy("f", "--preimport", "pages")
        self.assertEqual(self.invoke("f", self.LOADED), ["xml.dom.minidom", "json"])
        self.deploy("f", "--memory", "256")
        self.assertEqual(self.invoke("f", self.LOADED), ["xml.dom.minidom", "json"], "what is not said stays")
        self.deploy("f", "--preimport", "")
        self.assertEqual(self.invoke("f", self.LOADED), ["wave", "json"])

    def test_a_snapshot_is_of_the_functions_set(self):
        self.deploy("f", "--preimport", "tables", "--preload", "--idle", "0")
        self.invoke("f")

        def preloaded():
            with urllib.request.urlopen(f"{self.server.url}/kiln/v1/functions/f/instances") as answer:
                return json.load(answer)["Preloaded"] > 0
        wait_until(preloaded, "a fork of it stands ready")
        self.assertEqual(self.invoke("f", self.LOADED), ["sqlite3", "csv", "json"])

    def test_one_that_is_not_there_is_refused_with_those_that_are(self):
        self.deploy("f")
        for name in ("f", "new"):
            refused = self.deploy(name, "--preimport", "sounds", status=5).stderr
            self.assertIn("'sounds'", refused)
            self.assertIn("[pages, tables]", refused)
        with urllib.request.urlopen(f"{self.server.url}/kiln/v1/runtimes") as answer:
            self.assertEqual(json.load(answer)["PreimportSets"], ["pages", "tables"])

    def test_a_server_without_it_says_so_and_serves(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-zygote-test-")
        self.addCleanup(folder.cleanup)
        for arguments in (self.arguments, ()):
            self.server.stop()
            self.server = KilnServer(BUILD, data=folder.name, isolation="sandbox", arguments=arguments)
            self.addCleanup(self.server.kill)
            if arguments:
                self.deploy("f", "--preimport", "tables")
        self.assertEqual(self.invoke("f", self.LOADED), ["json"])
        self.assertIn("preimport: this server has no set 'tables' any more", self.server.run("logs", "f").stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
