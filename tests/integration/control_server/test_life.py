# SPDX-License-Identifier: Apache-2.0
# The life of a function and of its instances: made, called, changed and deleted, also while it works; restarts and kills.
import base64
import glob
import json
import os
import signal
import tempfile
import unittest

from server_under_test import ARN, BUILD, FUNCTIONS, PROBE, KilnServer, ServerTest, SharedFolder, alive, wait_until, zip_of

NEW = PROBE.replace('"old"', '"new"')


class Life(ServerTest):
    def update_code(self, name, text):
        package = base64.b64encode(zip_of({"index.py": text})).decode()
        answer = self.request("PUT", f"{FUNCTIONS}/{name}/code", json.dumps({"ZipFile": package}))
        self.assertEqual(answer.status, 200, answer)

    def delete(self, name):
        answer = self.request("DELETE", f"{FUNCTIONS}/{name}")
        self.assertEqual((answer.status, answer.body), (204, b""))

    def assert_gone(self, name):
        self.assert_error(self.invoke(name), 404, "ResourceNotFoundException", f"Function not found: {ARN}{name}:$LATEST",
                          "Message")
        self.assert_error(self.request("GET", f"{FUNCTIONS}/{name}"), 404, "ResourceNotFoundException",
                          f"Function not found: {ARN}{name}", "Message")

    def test_the_first_call_starts_an_instance_and_the_next_finds_it_warm(self):
        self.create("warm")
        self.assertEqual(self.instances("warm"), [])
        cold = self.invoke("warm")
        first = self.assert_result(cold, calls=1)
        warm = self.invoke("warm")
        self.assert_result(warm, calls=2, pid=first["pid"])
        self.assertRegex(cold.headers["Server-Timing"], "^cold")
        self.assertRegex(warm.headers["Server-Timing"], "^warm")
        (instance,) = self.instances("warm")
        self.assertEqual((instance["State"], instance["Pid"], instance["Invocations"]), ("Idle", first["pid"], 2))

    def test_new_code_while_a_call_runs_leaves_it_its_own_and_is_what_the_next_call_gets(self):
        self.create("update-code", Timeout=60)
        running, until = self.busy("update-code")
        self.update_code("update-code", NEW)
        newer = self.assert_result(self.invoke("update-code"), version="new", calls=1)
        self.assertFalse(running.done())
        self.release(until)
        older = self.assert_result(running.answer(), version="old", calls=1)
        self.assertNotEqual(older["pid"], newer["pid"])
        wait_until(lambda: not alive(older["pid"]), "the instance of the old code ends")
        # The server hears of the end a moment later than we see it.
        wait_until(lambda: [one["Pid"] for one in self.instances("update-code")] == [newer["pid"]], "the new one is left")

    def test_new_code_ends_an_idle_instance_of_the_old(self):
        self.create("update-idle")
        older = self.assert_result(self.invoke("update-idle"), version="old")
        self.update_code("update-idle", NEW)
        wait_until(lambda: not alive(older["pid"]), "the idle instance ends")
        self.assert_result(self.invoke("update-idle"), version="new", calls=1)

    def test_a_new_configuration_is_that_of_the_next_instance(self):
        self.create("configure", "import os\ndef handler(e, c):\n    return [os.environ['STAGE'], c.memory_limit_in_mb]\n",
                    Environment={"Variables": {"STAGE": "one"}})
        self.assertEqual(self.invoke("configure").json, ["one", "128"])
        answer = self.request("PUT", f"{FUNCTIONS}/configure/configuration",
                              json.dumps({"MemorySize": 256, "Environment": {"Variables": {"STAGE": "two"}}}))
        self.assertEqual((answer.status, answer.json["MemorySize"]), (200, 256))
        self.assertEqual(self.invoke("configure").json, ["two", "256"])

    def test_a_function_deleted_while_a_call_runs_is_gone_but_the_call_ends_well(self):
        self.create("delete-busy", Timeout=60)
        running, until = self.busy("delete-busy")
        (instance,) = self.instances("delete-busy")
        self.delete("delete-busy")
        self.assert_gone("delete-busy")
        self.assertTrue(alive(instance["Pid"]))
        self.release(until)
        self.assert_result(running.answer(), calls=1)
        wait_until(lambda: not alive(instance["Pid"]), "its last instance ends")

    def test_a_call_that_waits_when_its_function_is_deleted_is_told_at_once(self):
        self.create("delete-waiting", Timeout=60, kiln={"MaxInstances": 1})
        running, until = self.busy("delete-waiting")
        waiting = self.invoke_later("delete-waiting")
        wait_until(lambda: self.metric('kiln_queue_length{function="delete-waiting"}') == 1, "the second call waits")
        self.delete("delete-waiting")
        refused = waiting.answer()
        self.assertEqual((refused.status, refused.json["Reason"]), (429, "FunctionBeingDeleted"))
        self.release(until)
        self.assert_result(running.answer(), calls=1)

    def test_a_function_made_again_under_its_name_is_a_new_one(self):
        self.create("again")
        self.assert_result(self.invoke("again"), version="old")
        self.delete("again")
        self.assert_gone("again")
        self.create("again", NEW)
        self.assert_result(self.invoke("again"), version="new", calls=1)


class Restarts(ServerTest):
    """Each test has servers of its own, one after another on the same data."""

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="kiln-restart-")
        self.addCleanup(folder.cleanup)
        self.data = os.path.join(folder.name, "data")
        self.shared = SharedFolder()
        self.addCleanup(self.shared.close)

    def serve(self):
        self.server = KilnServer(BUILD, data=self.data, shared=self.shared)
        self.addCleanup(self.server.kill)
        return self.server

    def deploy_with_trigger(self):
        self.create("kept", "def handler(e, c):\n    return {'path': e.get('rawPath')}\n", Timeout=7,
                    Environment={"Variables": {"STAGE": "x"}})
        bound = self.request("PUT", "/kiln/v1/triggers", json.dumps(
            {"FunctionName": "kept", "Type": "http", "Method": "GET", "Path": "/kept/{id}"}))
        self.assertEqual(bound.status, 200, bound)
        return self.request("GET", f"{FUNCTIONS}/kept").json["Configuration"]

    def check_kept(self, configuration):
        self.assertEqual(self.request("GET", f"{FUNCTIONS}/kept").json["Configuration"], configuration)
        self.assertEqual(self.invoke("kept", {}).json, {"path": None})
        self.assertEqual(self.request("GET", "/kept/1").json, {"path": "/kept/1"})

    def test_a_restart_finds_functions_triggers_and_code(self):
        self.serve()
        configuration = self.deploy_with_trigger()
        self.check_kept(configuration)
        self.assertEqual(self.server.stop(), 0)
        self.serve()
        self.check_kept(configuration)
        self.assertEqual(self.server.stop(), 0)

    def test_a_killed_server_leaves_no_process_behind_and_its_data_whole(self):
        self.serve()
        configuration = self.deploy_with_trigger()
        self.create("parent", Timeout=60)
        left = self.assert_result(self.invoke("parent", {"leave": True}))
        running, _ = self.busy("parent")
        pids = {left["pid"], left["child"], *(one["Pid"] for one in self.instances("parent"))}
        self.assertTrue(all(alive(pid) for pid in pids), pids)
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()
        for pid in pids:
            wait_until(lambda pid=pid: not alive(pid), f"process {pid} has gone with the server")
        with self.assertRaises(OSError):
            running.answer()
        self.serve()
        self.check_kept(configuration)

    def test_a_server_that_is_asked_to_end_leaves_no_process_behind(self):
        self.serve()
        self.create("parent")
        left = self.assert_result(self.invoke("parent", {"leave": True}))
        self.assertEqual(self.server.stop(), 0)
        self.assertFalse(alive(left["pid"]))
        wait_until(lambda: not alive(left["child"]), "what the function left behind has gone")

    def test_code_with_one_bit_changed_on_disk_is_refused_until_it_is_uploaded_again(self):
        self.serve()
        for name in ("sound", "flipped"):
            self.create(name, f"def handler(e, c):\n    return '{name}'\n")
        self.assertEqual(self.invoke("flipped").json, "flipped")
        self.assertEqual(self.server.stop(), 0)

        code = os.path.join(self.data, "code")
        for path in glob.glob(os.path.join(code, "*", "task", "index.py")):
            os.chmod(path, 0o644)
            with open(path, "r+b") as file:
                text = file.read()
                file.seek(0)
                file.write(text.replace(b"flipped", b"flippee"))  # d is 0x64, e is 0x65
        self.serve()
        refused = self.invoke("flipped")
        self.assert_error(refused, 500, "CodeStorage.Corrupt",
                          "The code of function flipped in the code store is not what was uploaded. Upload it again "
                          "(functions may write to /tmp only).")
        self.assertEqual(self.invoke("sound").json, "sound")
        self.assertEqual(self.instances("flipped"), [])
        self.assertEqual(self.metric("kiln_internal_errors_total"), 1)

        package = base64.b64encode(zip_of({"index.py": "def handler(e, c):\n    return 'flipped'\n"})).decode()
        self.assertEqual(self.request("PUT", f"{FUNCTIONS}/flipped/code", json.dumps({"ZipFile": package})).status, 200)
        self.assertEqual(self.invoke("flipped").json, "flipped")


if __name__ == "__main__":
    unittest.main()
