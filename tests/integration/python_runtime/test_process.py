# SPDX-License-Identifier: Apache-2.0
"""The process: output, ends, signals, environment."""

import os
import pathlib
import signal
import unittest

from platform_under_test import RuntimeTest

FUNCTIONS = pathlib.Path(__file__).resolve().parents[2] / "functions" / "python"


class Output(RuntimeTest):
    def test_is_there_at_once(self):
        instance = self.start("import time\ndef handler(e, c):\n    print('now', end='')\n    time.sleep(60)")
        instance.offer()
        instance.wait_for_output("now")

    def test_survives_a_process_that_ends_on_the_spot(self):
        source = """
        import os, sys
        def handler(event, context):
            print("to stdout", end="")
            sys.stderr.write("to stderr")
            sys.stdout.writelines(["a", "b"])
            os._exit(3)
        """
        instance = self.start(source)
        instance.offer()
        self.assertEqual(3, instance.wait_for_exit())
        self.assertEqual(("to stdoutab", "to stderr"), (instance.stdout, instance.stderr))

    def test_of_bytes_is_there_after_the_invocation(self):
        instance = self.start("import sys\ndef handler(e, c): sys.stdout.buffer.write(b'raw')")
        instance.invoke()
        self.assertEqual("raw", instance.wait_for_output("raw"))

    def test_may_be_plenty(self):
        instance = self.start(folder=FUNCTIONS)
        self.assertEqual(5_000, instance.invoke({"do": "print", "lines": 5_000, "width": 200}).json)
        instance.terminate()
        self.assertEqual(0, instance.wait_for_exit())
        self.assertEqual([200] * 5_000, [len(line) for line in instance.stdout.splitlines()])

    def test_is_utf_8_whatever_the_locale(self):
        instance = self.start("import sys\ndef handler(e, c): print('é€'); return sys.stdout.encoding", LANG="C", LC_ALL="C")
        self.assertEqual("utf-8", instance.invoke().json)
        instance.wait_for_output("é€")

    def test_goes_where_the_function_sends_it(self):
        source = """
        import contextlib, io
        def handler(event, context):
            with contextlib.redirect_stdout(io.StringIO()) as caught:
                print("caught")
            return caught.getvalue()
        """
        self.assertEqual("caught\n", self.returned(source))


class TheEnd(RuntimeTest):
    def ended(self, source, stderr=None):
        instance = self.start(source)
        instance.offer()
        code = instance.wait_for_exit()
        self.assertTrue(instance.api.answers.empty())
        if stderr is not None:
            self.assertEqual(stderr, instance.stderr)
        return code, instance

    def test_comes_with_the_code_that_the_handler_gives(self):
        for argument, code in (("5", 5), ("0", 0), ("", 0), ("None", 0), ("True", 1), ("256 + 7", 7), ("-1", 255)):
            with self.subTest(argument=argument):
                self.assertEqual(code, self.ended(f"import sys\ndef handler(e, c): sys.exit({argument})", "")[0])

    def test_comes_with_the_reason_that_the_handler_gives(self):
        self.assertEqual(1, self.ended("import sys\ndef handler(e, c): sys.exit('because')", "because\n")[0])

    def test_comes_by_exit_and_quit_too(self):
        self.assertEqual(4, self.ended("def handler(e, c): exit(4)")[0])
        self.assertEqual(6, self.ended("def handler(e, c): quit(6)")[0])

    def test_waits_for_what_is_registered(self):
        source = """
        import atexit, sys, threading, time
        atexit.register(print, "at exit")
        def work():
            time.sleep(0.05)
            print("thread done")
        def handler(event, context):
            threading.Thread(target=work).start()
            sys.exit(2)
        """
        code, instance = self.ended(source)
        self.assertEqual((2, "thread done\nat exit\n"), (code, instance.stdout))

    def test_comes_by_an_interrupt(self):
        code, instance = self.ended("def handler(e, c): raise KeyboardInterrupt")
        self.assertEqual(-signal.SIGINT, code)
        self.assertIn("KeyboardInterrupt", instance.stderr)

    def test_comes_by_an_exception_that_is_none(self):
        source = """
        class Base(BaseException): pass
        def handler(event, context): raise Base("bare")
        """
        code, instance = self.ended(source)
        self.assertEqual(1, code)
        self.assertIn("Traceback (most recent call last):\n", instance.stderr)
        self.assertTrue(instance.stderr.endswith("Base: bare\n"), instance.stderr)

    def test_comes_by_a_crash(self):
        instance = self.start(folder=FUNCTIONS)
        instance.offer({"do": "segfault"})
        self.assertEqual(-signal.SIGSEGV, instance.wait_for_exit())


class Termination(RuntimeTest):
    def test_of_an_idle_instance_is_orderly(self):
        instance = self.start("import atexit\natexit.register(print, 'at exit')\ndef handler(e, c): pass")
        instance.wait_for_poll()
        instance.terminate()
        self.assertEqual(0, instance.wait_for_exit())
        self.assertEqual("at exit\n", instance.stdout)

    def test_of_a_busy_instance_lets_it_answer_first(self):
        source = """
        import time
        def handler(event, context):
            print("busy")
            end = time.monotonic() + 0.2
            while time.monotonic() < end: pass
            return "done"
        """
        instance = self.start(source)
        instance.offer()
        instance.wait_for_output("busy")
        instance.terminate()
        self.assertEqual("done", instance.answer().json)
        self.assertEqual(0, instance.wait_for_exit())

    def test_of_a_busy_event_loop_lets_it_answer_first(self):
        source = """
        import asyncio
        async def handler(event, context):
            print("busy")
            await asyncio.sleep(0.2)
            return "done"
        """
        instance = self.start(source)
        instance.offer()
        instance.wait_for_output("busy")
        instance.terminate()
        self.assertEqual("done", instance.answer().json)
        self.assertEqual(0, instance.wait_for_exit())

    def test_calls_the_functions_own_signal_handler(self):
        source = """
        import signal, sys
        def stop(number, frame):
            print("stopping", number)
            sys.exit(9)
        signal.signal(signal.SIGTERM, stop)
        def handler(event, context): return "ready"
        """
        instance = self.start(source)
        self.assertEqual("ready", instance.invoke().json)
        instance.wait_for_poll()
        instance.terminate()
        self.assertEqual(9, instance.wait_for_exit())
        self.assertEqual("stopping 15\n", instance.stdout)

    def test_is_orderly_where_the_functions_own_handler_only_notes_it(self):
        source = """
        import signal
        signal.signal(signal.SIGTERM, lambda number, frame: print("noted"))
        def handler(event, context): return "ready"
        """
        instance = self.start(source)
        self.assertEqual("ready", instance.invoke().json)
        instance.terminate()
        self.assertEqual(0, instance.wait_for_exit())
        self.assertEqual("noted\n", instance.stdout)

    def test_while_loading_is_immediate(self):
        instance = self.start("print('loading')\nimport time\ntime.sleep(60)")
        instance.wait_for_output("loading")
        instance.terminate()
        self.assertEqual(-signal.SIGTERM, instance.wait_for_exit())


class Signals(RuntimeTest):
    def test_of_the_functions_own_reach_it(self):
        source = """
        import signal, time
        def ring(number, frame): raise TimeoutError("rang")
        signal.signal(signal.SIGALRM, ring)
        def handler(event, context):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
            time.sleep(60)
        """
        answer = self.start(source).invoke()
        self.assertEqual(("TimeoutError", "rang"), (answer.json["errorType"], answer.json["errorMessage"]))

    def test_of_closed_sockets_are_exceptions(self):
        source = """
        import os
        def handler(event, context):
            reader, writer = os.pipe()
            os.close(reader)
            os.write(writer, b"x")
        """
        self.assertEqual("BrokenPipeError", self.start(source).invoke().json["errorType"])


class Threads(RuntimeTest):
    def test_go_on_between_invocations(self):
        source = """
        import threading, time
        ticks = 0
        def tick():
            global ticks
            while True:
                ticks += 1
                print("tick")
                time.sleep(0.001)
        def handler(event, context):
            threading.Thread(target=tick, daemon=True).start()
        """
        instance = self.start(source)
        instance.invoke()
        instance.wait_for_poll()
        instance.wait_for_poll()
        seen = instance.stdout.count("tick")
        instance.wait_for_output("tick\n" * (seen + 20))


class Environment(RuntimeTest):
    source = """
    import os, subprocess
    def handler(event, context):
        child = subprocess.run(["/bin/sh", "-c", "printf %s \\"$_X_AMZN_TRACE_ID\\""], capture_output=True, text=True)
        return [os.environ.get("_X_AMZN_TRACE_ID"), child.stdout]
    """

    def test_has_the_trace_id_of_the_invocation(self):
        instance = self.start(self.source, _X_AMZN_TRACE_ID="inherited")
        self.assertEqual([None, ""], instance.invoke().json)
        self.assertEqual(["Root=1", "Root=1"], instance.invoke(Trace_Id="Root=1").json)
        self.assertEqual(["Root=2", "Root=2"], instance.invoke(Trace_Id="Root=2").json)
        self.assertEqual([None, ""], instance.invoke().json)

    def test_has_the_trace_id_where_os_is_imported_only_then(self):
        instance = self.start("def handler(e, c):\n    import os\n    return os.environ.get('_X_AMZN_TRACE_ID')")
        self.assertEqual("Root=1", instance.invoke(Trace_Id="Root=1").json)
        self.assertIsNone(instance.invoke().json)

    def test_is_the_functions_own(self):
        names = self.returned("import os\ndef handler(e, c): return sorted(os.environ)", environment={"MINE": "x"})
        self.assertIn("MINE", names)
        self.assertNotIn("KILN_RUNTIME_API_FD", names)

    def test_says_where_python_is(self):
        source = """
        import sys, subprocess
        def handler(event, context):
            out = subprocess.run([sys.executable, "-c", "import sys; print(sys.version)"], capture_output=True, text=True)
            return [out.stdout.strip() == sys.version, sys.prefix == sys.base_prefix, sys.flags.utf8_mode]
        """
        self.assertEqual([True, True, 1], self.returned(source))

    def test_settings_for_python_work(self):
        source = "import sys\ndef handler(e, c): return [sys.warnoptions, hash('a'), sys.dont_write_bytecode]"
        environment = {"PYTHONWARNINGS": "error::UserWarning", "PYTHONHASHSEED": "7", "PYTHONPYCACHEPREFIX": "/tmp/nowhere"}
        first = self.returned(source, environment=environment)
        second = self.returned(source, environment=environment)
        self.assertEqual(first, second)
        self.assertEqual((["error::UserWarning"], False), (first[0], first[2]))

    def test_cannot_mislead_python_about_its_own_place(self):
        source = "import sys, json\ndef handler(e, c): return sys.prefix"
        plain = self.returned(source)
        self.assertEqual(plain, self.returned(source, environment={"PYTHONHOME": "/nowhere", "PYTHONPLATLIBDIR": "no"}))

    def test_package_folder_stays_as_it_is(self):
        instance = self.start("import mod\ndef handler(e, c): return 1", files={"mod.py": ""})
        instance.invoke()
        self.assertEqual(["index.py", "mod.py"], sorted(os.listdir(instance.folder)))


if __name__ == "__main__":
    unittest.main()
