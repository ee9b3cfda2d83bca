# SPDX-License-Identifier: Apache-2.0
"""`async def` handlers."""

import unittest

from platform_under_test import RuntimeTest


class AnAsyncHandler(RuntimeTest):
    def test_is_awaited(self):
        source = """
        import asyncio
        async def handler(event, context):
            await asyncio.sleep(0.01)
            return [event, context.aws_request_id]
        """
        answer = self.start(source).invoke("in")
        self.assertEqual(["in", answer.request_id], answer.json)

    def test_fails_as_any_other_does(self):
        source = """
        async def inner():
            raise KeyError("k")
        async def handler(event, context):
            await inner()
        """
        instance = self.start(source)
        answer = instance.invoke()
        file = instance.folder / "index.py"
        self.assertEqual(("KeyError", "'k'"), (answer.json["errorType"], answer.json["errorMessage"]))
        self.assertEqual(
            [
                f'  File "{file}", line 4, in handler\n    await inner()\n',
                f'  File "{file}", line 2, in inner\n    raise KeyError("k")\n',
            ],
            answer.json["stackTrace"],
        )

    def test_runs_on_one_loop_for_the_life_of_the_instance(self):
        source = """
        import asyncio
        lock = None
        async def handler(event, context):
            global lock
            lock = lock or asyncio.Lock()
            async with lock:
                return id(asyncio.get_running_loop())
        """
        instance = self.start(source)
        self.assertEqual(instance.invoke().json, instance.invoke().json)

    def test_runs_on_the_loop_that_the_module_has_made(self):
        source = """
        import asyncio
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        async def handler(event, context):
            return asyncio.get_running_loop() is loop
        """
        self.assertTrue(self.returned(source))

    def test_gets_another_loop_where_the_function_has_closed_it(self):
        source = """
        import asyncio
        async def handler(event, context):
            asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)
            return "stopping"
        """
        instance = self.start(source)
        self.assertIn(instance.invoke().kind, ("response", "error"))
        self.assertIn(instance.invoke().kind, ("response", "error"))
        source = """
        import asyncio
        def handler(event, context):
            return work()
        async def work():
            loops.append(asyncio.get_running_loop())
            if len(loops) == 2: loops[0].close() if loops[0] is not loops[1] else None
            return len(loops)
        loops = []
        closed = asyncio.new_event_loop()
        asyncio.set_event_loop(closed)
        closed.close()
        """
        instance = self.start(source)
        self.assertEqual([1, 2], [instance.invoke().json, instance.invoke().json])

    def test_keeps_its_background_tasks_between_invocations(self):
        source = """
        import asyncio
        ticks = []
        async def tick():
            while True:
                ticks.append(1)
                await asyncio.sleep(0)
        task = None
        async def handler(event, context):
            global task
            task = task or asyncio.ensure_future(tick())
            before = len(ticks)
            await asyncio.sleep(0.01)
            return len(ticks) > before
        """
        instance = self.start(source)
        self.assertEqual([True, True], [instance.invoke().json, instance.invoke().json])

    def test_may_be_cancelled_by_its_own_hand(self):
        source = """
        import asyncio
        async def handler(event, context):
            if event: return event
            asyncio.current_task().cancel()
            await asyncio.sleep(1)
        """
        instance = self.start(source)
        self.assertEqual("CancelledError", instance.invoke().json["errorType"])
        self.assertEqual("next", instance.invoke("next").json)

    def test_may_time_out(self):
        source = """
        import asyncio
        async def handler(event, context):
            async with asyncio.timeout(0.01):
                await asyncio.sleep(10)
        """
        self.assertEqual("TimeoutError", self.start(source).invoke().json["errorType"])

    def test_may_return_what_is_no_json(self):
        answer = self.start("async def handler(event, context): return {1}").invoke()
        self.assertEqual("Runtime.MarshalError", answer.json["errorType"])

    def test_may_return_bytes(self):
        answer = self.start("async def handler(event, context): return b'raw'").invoke()
        self.assertEqual(("application/unknown", b"raw"), (answer.headers["content-type"], answer.body))

    def test_may_leave_the_process(self):
        instance = self.start("import sys\nasync def handler(event, context): sys.exit(7)")
        instance.offer()
        self.assertEqual(7, instance.wait_for_exit())

    def test_may_be_returned_by_a_plain_one(self):
        source = """
        async def work(event): return [event]
        handler = lambda event, context: work(event)
        """
        self.assertEqual([1], self.returned(source, 1))

    def test_may_return_any_awaitable(self):
        source = """
        class Later:
            def __await__(self):
                yield
                return "later"
        def handler(event, context): return Later()
        """
        self.assertEqual("later", self.returned(source))


class ASynchronousHandler(RuntimeTest):
    def test_does_not_import_asyncio(self):
        self.assertFalse(self.returned("import sys\ndef handler(e, c): return 'asyncio' in sys.modules"))

    def test_may_run_loops_of_its_own(self):
        source = """
        import asyncio
        async def work(): return "done"
        def handler(event, context):
            return [asyncio.run(work()), asyncio.new_event_loop().run_until_complete(work())]
        """
        instance = self.start(source)
        self.assertEqual(["done", "done"], instance.invoke().json)
        self.assertEqual(["done", "done"], instance.invoke().json)


if __name__ == "__main__":
    unittest.main()
