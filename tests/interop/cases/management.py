# SPDX-License-Identifier: Apache-2.0
# boto3 and the `aws` command line manage and invoke functions.
import base64
import io
import json
import unittest
import zipfile

from invokers import Refused

CODE = """
import os


def handler(event, context):
    print("handling", event)
    if event == "fail":
        raise ValueError("failed on purpose")
    custom = context.client_context.custom if context.client_context else None
    return {"event": event, "stage": os.environ.get("STAGE"), "custom": custom}
"""


def zipped(text):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("index.py", text)
    return memory.getvalue()


class Management(unittest.TestCase):
    def __init__(self, method, place):
        super().__init__(method)
        self.place = place

    def call(self, operation, **members):
        return self.place.tool.call(operation, **members)

    def create(self, name, code=CODE, **members):
        self.addCleanup(self.delete_if_there, name)
        return self.call("CreateFunction", FunctionName=name, Runtime=self.place.platform.python(), Handler="index.handler",
                         Role="arn:aws:iam::000000000000:role/any", Code={"ZipFile": zipped(code)}, **members)

    def delete_if_there(self, name):
        try:
            self.call("DeleteFunction", FunctionName=name)
        except Refused as refused:
            self.assertEqual(refused.code, "ResourceNotFoundException")

    def result(self, answer):
        self.assertEqual(answer["StatusCode"], 200)
        self.assertNotIn("FunctionError", answer, answer)
        return json.loads(answer["Payload"])

    def test_create_and_get(self):
        """create, get"""
        made = self.create("made", Timeout=7, MemorySize=256, Description="a description", Environment={"Variables": {"STAGE": "test"}})
        got = self.call("GetFunction", FunctionName="made")["Configuration"]
        for member, value in (("FunctionName", "made"), ("Timeout", 7), ("MemorySize", 256), ("Description", "a description"),
                              ("Environment", {"Variables": {"STAGE": "test"}}), ("State", "Active"),
                              ("CodeSha256", made["CodeSha256"]), ("FunctionArn", made["FunctionArn"])):
            self.assertEqual(got[member], value, member)
        self.assertEqual(self.call("GetFunctionConfiguration", FunctionName=made["FunctionArn"])["FunctionName"], "made")

    def test_create_twice(self):
        """create what is there already: `ResourceConflictException`"""
        self.create("twice")
        with self.assertRaises(Refused) as refused:
            self.create("twice")
        self.assertEqual(refused.exception.code, "ResourceConflictException")

    def test_list(self):
        """list, page by page"""
        for name in ("list-1", "list-2", "list-3"):
            self.create(name)
        names, marker = [], {}
        while True:
            page = self.call("ListFunctions", **self.place.tool.page(2, marker))
            names += [each["FunctionName"] for each in page["Functions"]]
            marker = self.place.tool.marker(page)
            if not marker:
                break
        self.assertEqual([name for name in names if name.startswith("list-")], ["list-1", "list-2", "list-3"])

    def test_update_configuration(self):
        """update the configuration"""
        self.create("changed", Environment={"Variables": {"STAGE": "old"}})
        self.call("UpdateFunctionConfiguration", FunctionName="changed", Timeout=9, Environment={"Variables": {"STAGE": "new"}})
        self.assertEqual(self.call("GetFunctionConfiguration", FunctionName="changed")["Timeout"], 9)
        self.assertEqual(self.result(self.call("Invoke", FunctionName="changed", Payload=b"1"))["stage"], "new")

    def test_update_code(self):
        """update the code"""
        before = self.create("newer")
        after = self.call("UpdateFunctionCode", FunctionName="newer",
                          ZipFile=zipped("def handler(event, context):\n    return 'newer'\n"))
        self.assertNotEqual(before["CodeSha256"], after["CodeSha256"])
        self.assertEqual(self.result(self.call("Invoke", FunctionName="newer", Payload=b"1")), "newer")

    def test_invoke(self):
        """invoke"""
        self.create("called")
        answer = self.call("Invoke", FunctionName="called", Payload=b'{"a": [1, "Gr\u00fc\u00dfe"]}')
        self.assertEqual(self.result(answer)["event"], {"a": [1, "Grüße"]})
        self.assertEqual(answer["ExecutedVersion"], "$LATEST")

    def test_invoke_with_log_tail(self):
        """invoke with the log's tail"""
        self.create("logged")
        answer = self.call("Invoke", FunctionName="logged", Payload=b'"seen"', LogType="Tail")
        log = base64.b64decode(answer["LogResult"]).decode()
        self.assertIn("handling seen\n", log)
        self.assertRegex(log, r"(?m)^START RequestId: ")
        self.assertRegex(log, r"(?m)^REPORT RequestId: ")

    def test_invoke_with_client_context(self):
        """invoke with a client context"""
        self.create("asked")
        context = base64.b64encode(json.dumps({"custom": {"key": "value"}}).encode()).decode()
        answer = self.call("Invoke", FunctionName="asked", Payload=b"{}", ClientContext=context)
        self.assertEqual(self.result(answer)["custom"], {"key": "value"})

    def test_invoke_dry_run(self):
        """invoke as a dry run"""
        self.create("dry")
        self.assertEqual(self.call("Invoke", FunctionName="dry", Payload=b"{}", InvocationType="DryRun")["StatusCode"], 204)

    def test_function_error(self):
        """invoke a function that fails"""
        self.create("failing")
        answer = self.call("Invoke", FunctionName="failing", Payload=b'"fail"')
        self.assertEqual((answer["StatusCode"], answer["FunctionError"]), (200, "Unhandled"))
        self.assertEqual(json.loads(answer["Payload"])["errorType"], "ValueError")

    def test_response_stream(self):
        """invoke with a response stream"""
        self.create("streaming", code="import time\n\n\ndef handler(event, context):\n    for part in range(3):\n"
                                      "        yield f'part {part}\\n'\n        time.sleep(0.2)\n")
        events = list(self.call("InvokeWithResponseStream", FunctionName="streaming", Payload=b"{}")["EventStream"])
        body = b"".join(event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event)
        self.assertEqual(body, b"part 0\npart 1\npart 2\n")
        self.assertIn("InvokeComplete", events[-1])
        self.assertNotIn("ErrorCode", events[-1]["InvokeComplete"])

    def test_no_such_function(self):
        """no such function: `ResourceNotFoundException`"""
        for operation in ("GetFunction", "Invoke", "DeleteFunction"):
            with self.subTest(operation), self.assertRaises(Refused) as refused:
                self.call(operation, FunctionName="nobody")
            self.assertEqual(refused.exception.code, "ResourceNotFoundException")

    def test_bad_event(self):
        """an event that is not JSON: `InvalidRequestContentException`"""
        self.create("strict")
        with self.assertRaises(Refused) as refused:
            self.call("Invoke", FunctionName="strict", Payload=b"{no JSON")
        self.assertEqual(refused.exception.code, "InvalidRequestContentException")

    def test_delete(self):
        """delete"""
        self.create("gone")
        self.call("DeleteFunction", FunctionName="gone")
        with self.assertRaises(Refused) as refused:
            self.call("GetFunction", FunctionName="gone")
        self.assertEqual(refused.exception.code, "ResourceNotFoundException")
