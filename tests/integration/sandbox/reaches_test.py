# SPDX-License-Identifier: Apache-2.0
# What an instance reaches of networks and of the kernel.
import os
import socket

from sandbox_fixture import BUILD, SOURCE, SandboxTest, instances_of, invoke, run
from kiln_server import KilnServer
from refused_calls import REFUSED_CALLS
from waiting import wait_until

EPERM, EINVAL, ENOSYS = 1, 22, 38
# What the kernel itself says no to: there is no such user or group inside, and what was taken cannot be had back.
REFUSED_AS_INVALID = {"setuid", "setresuid", "setreuid", "setgid", "setresgid", "take back no_new_privs", "take back the filter",
                      "name_to_handle_at"}


class Of_networks(SandboxTest):
    def setUp(self):
        self.abstract = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.abstract.close)
        self.name = f"kiln-sandbox-test-{os.getpid()}"
        self.abstract.bind("\0" + self.name)
        self.abstract.listen()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        # The public listener, the one for operations, and anybody's.
        self.ports = [int(url.rsplit(":", 1)[1]) for url in (self.server.url, self.server.operations_url)]
        self.ports.append(self.listener.getsockname()[1])

    def tearDown(self):
        for listener in (self.abstract, self.listener):
            listener.settimeout(0)
            with self.assertRaises(BlockingIOError):
                listener.accept()

    def test_python_reaches_no_listener_of_the_host(self):
        reached = self.run_inside(f"""
            import socket
            result = []
            for port in {self.ports!r}:
                try:
                    socket.create_connection(("127.0.0.1", port), 2)
                    result.append(port)
                except OSError:
                    pass
            try:
                socket.socket(socket.AF_UNIX).connect("\\0" + {self.name!r})
                result.append("abstract")
            except OSError:
                pass
        """)
        self.assertEqual(reached, [])

    def test_c_reaches_none_and_makes_no_socket_that_is_not_of_the_internet(self):
        tried = self.probe(f"networks {' '.join(map(str, self.ports))} @{self.name}")
        self.assertGreater(len(tried), 40)
        self.assertEqual([what for what, error in tried.items() if error == 0], [])

    def test_there_is_nothing_but_loopback(self):
        names = self.run_inside("import socket\nresult = [name for _, name in socket.if_nameindex()]")
        self.assertEqual(names, ["lo"])
        error = self.fails_inside("import socket\nsocket.create_connection(('192.0.2.1', 80), 2)")
        self.assertEqual((error["errorType"], "unreachable" in error["errorMessage"]), ("OSError", True))

    def test_not_the_runtime_api_of_another_instance(self):
        # Both have a listener at the same address, each in a network of its own; their own has no route that takes events.
        self.deploy("shell", "shell", "--runtime", "provided")
        answer, _ = invoke(self.server, "shell", {})
        self.assertEqual(answer["api"], "127.0.0.1:9001")
        status = self.run_inside("""
            import http.client
            connection = http.client.HTTPConnection("127.0.0.1", 9001, timeout=5)
            connection.request("GET", "/2018-06-01/runtime/invocation/next")
            result = connection.getresponse().status
        """)
        self.assertEqual(status, 404)

    def test_nor_what_another_instance_listens_on(self):
        port = self.run_inside("""
            import socket
            kept.append(socket.create_server(("127.0.0.1", 0)))
            kept.append(socket.socket(socket.AF_UNIX))
            kept[1].bind("\\0kiln-sandbox-test-inside")
            kept[1].listen()
            result = kept[0].getsockname()[1]
            socket.create_connection(("127.0.0.1", result)).close()
        """)
        tried = self.probe(f"networks {port} @kiln-sandbox-test-inside")
        self.assertEqual([what for what, error in tried.items() if error == 0], [])
        self.deploy("other", "python")
        self.assertEqual(self.fails_inside(f"import socket\nsocket.create_connection(('127.0.0.1', {port}))", "other")["errorType"],
                         "ConnectionRefusedError")


class Of_the_kernel(SandboxTest):
    def test_python_makes_no_refused_system_call(self):
        answers = self.run_inside(f"""
            import ctypes
            c = ctypes.CDLL(None, use_errno=True)
            result = {{}}
            for name, (number, *arguments) in {REFUSED_CALLS!r}.items():
                ctypes.set_errno(0)
                made = c.syscall(ctypes.c_long(number), *(a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments))
                result[name] = ctypes.get_errno() if made < 0 else 0
            result["getpid"] = c.syscall(39) > 0
        """)
        self.assertTrue(answers.pop("getpid"), "what is allowed works")
        self.assertEqual(len(answers), len(REFUSED_CALLS))
        self.assertEqual({name: error for name, error in answers.items() if error not in (EPERM, ENOSYS)}, {})

    def test_c_makes_none_by_any_gate_and_becomes_nobody_else(self):
        tried = self.probe("kernel")
        self.assertGreater(len(tried), 80)
        wrong = {what: error for what, error in tried.items()
                 if error not in (EPERM, ENOSYS) and not (error == EINVAL and what in REFUSED_AS_INVALID)}
        self.assertEqual(wrong, {})


class By_its_telemetry(SandboxTest):
    def test_itself_and_not_a_port_of_the_host(self):
        # The server connects on the function's behalf, to a port of the function's choice: were it the host's loopback, any
        # listener there would get a request with a path of the function's choice.
        for isolation, reached in (("process", True), ("sandbox", False)):
            with socket.create_server(("127.0.0.1", 0)) as listener, KilnServer(BUILD, isolation=isolation) as server:
                server.run("deploy", os.path.join(SOURCE, "tests", "integration", "telemetry", "function"), "--name", "f",
                           "--idle", "0", "--env", "PROTOCOL=NOBODY", "--env", f"PORT={listener.getsockname()[1]}",
                           "--env", "RECORDS=/nowhere")
                invoke(server, "f", {})
                self.assertIn('subscribed: 200 "OK"', server.run("logs", "f").stdout)
                # By then it has delivered what there was, or given up.
                wait_until(lambda server=server: instances_of(server, "f") == [], "the instance has ended")
                listener.settimeout(0)
                try:
                    listener.accept()[0].close()
                    got = True
                except BlockingIOError:
                    got = False
                self.assertEqual(got, reached, isolation)


if __name__ == "__main__":
    run()
