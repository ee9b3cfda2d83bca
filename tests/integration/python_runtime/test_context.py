# SPDX-License-Identifier: Apache-2.0
"""The context object, field by field."""

import json
import time
import unittest

from platform_under_test import RuntimeTest

FIELDS = """
def handler(event, context):
    return {name: getattr(context, name) for name in (
        "aws_request_id", "log_group_name", "log_stream_name", "function_name", "memory_limit_in_mb",
        "function_version", "invoked_function_arn", "tenant_id")}
"""
EVALUATE = "def handler(event, context): return eval(event)"
CLIENT_CONTEXT = {
    "custom": {"k": "v", "n": 1},
    "env": {"locale": "en"},
    "client": {
        "installation_id": "i1",
        "app_title": "t",
        "app_version_name": "v",
        "app_version_code": "c",
        "app_package_name": "p",
    },
}


class TheContext(RuntimeTest):
    def setUp(self):
        super().setUp()
        self.instance = self.start(EVALUATE)

    def value(self, expression, **headers):
        answer = self.instance.invoke(expression, **headers)
        self.assertEqual("response", answer.kind, answer.body)
        return answer.json

    def test_tells_of_the_invocation_and_the_function(self):
        instance = self.start(FIELDS)
        answer = instance.invoke(Aws_Tenant_Id="blue")
        self.assertEqual(
            {
                "aws_request_id": answer.request_id,
                "log_group_name": "/aws/lambda/under_test",
                "log_stream_name": "2026/11/22/[$LATEST]0123",
                "function_name": "under_test",
                "memory_limit_in_mb": "128",
                "function_version": "$LATEST",
                "invoked_function_arn": "arn:aws:lambda:us-east-1:123456789012:function:under_test",
                "tenant_id": "blue",
            },
            answer.json,
        )

    def test_has_none_for_what_the_platform_does_not_say(self):
        names = ("LOG_GROUP_NAME", "LOG_STREAM_NAME", "FUNCTION_NAME", "FUNCTION_VERSION", "FUNCTION_MEMORY_SIZE")
        instance = self.start(FIELDS, **{"AWS_LAMBDA_" + name: None for name in names})
        answer = instance.invoke(Invoked_Function_Arn=None)
        fields = answer.json
        self.assertEqual(answer.request_id, fields.pop("aws_request_id"))
        self.assertEqual("", fields.pop("invoked_function_arn"))
        self.assertEqual({None}, set(fields.values()))

    def test_follows_the_alias_an_invocation_names(self):
        self.assertEqual("arn:a", self.value("context.invoked_function_arn", Invoked_Function_Arn="arn:a"))
        self.assertEqual("arn:b", self.value("context.invoked_function_arn", Invoked_Function_Arn="arn:b"))

    def test_counts_down_to_the_deadline(self):
        deadline = int(time.time() * 1000) + 5_000
        first, second = self.value(
            "[context.get_remaining_time_in_millis(), __import__('time').sleep(0.05) or "
            "context.get_remaining_time_in_millis()]",
            Deadline_Ms=str(deadline),
        )
        self.assertIsInstance(first, int)
        self.assertTrue(3_000 < first <= 5_000, first)
        self.assertLessEqual(second, first - 50)

    def test_never_counts_below_zero(self):
        self.assertEqual(0, self.value("context.get_remaining_time_in_millis()", Deadline_Ms="1000"))

    def test_has_no_client_and_an_empty_identity_as_a_rule(self):
        self.assertEqual(
            [None, None, None, None, {}],
            self.value(
                "[context.client_context, context.identity.cognito_identity_id, "
                "context.identity.cognito_identity_pool_id, context.tenant_id, context.w3c()]"
            ),
        )

    def test_tells_of_the_client(self):
        self.assertEqual(
            [CLIENT_CONTEXT["custom"], CLIENT_CONTEXT["env"], *CLIENT_CONTEXT["client"].values()],
            self.value(
                "(lambda c: [c.custom, c.env, c.client.installation_id, c.client.app_title, "
                "c.client.app_version_name, c.client.app_version_code, c.client.app_package_name])"
                "(context.client_context)",
                Client_Context=json.dumps(CLIENT_CONTEXT),
            ),
        )

    def test_tells_of_a_client_that_says_little(self):
        self.assertEqual(
            [None, {"a": 1}, None],
            self.value(
                "[context.client_context.client, context.client_context.custom, context.client_context.env]",
                Client_Context='{"custom": {"a": 1}, "other": 2}',
            ),
        )

    def test_tells_of_the_identity(self):
        self.assertEqual(
            ["id", "pool"],
            self.value(
                "[context.identity.cognito_identity_id, context.identity.cognito_identity_pool_id]",
                Cognito_Identity='{"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"}',
            ),
        )

    def test_offers_the_trace_context_and_keeps_it_out_of_the_client_context(self):
        sent = {"w3c": {"traceparent": "00-1-2-01", "tracestate": "a=b", "baggage": "c", "other": "x"}, "custom": {}}
        shown = self.value(
            "[context.w3c(), hasattr(context.client_context, 'w3c'), context.client_context.custom]",
            Client_Context=json.dumps(sent),
        )
        self.assertEqual([{"traceparent": "00-1-2-01", "tracestate": "a=b", "baggage": "c"}, False, {}], shown)

    def test_drops_a_trace_context_that_is_none(self):
        self.assertEqual({}, self.value("context.w3c()", Client_Context='{"w3c": "x"}'))
        self.assertEqual(
            {"tracestate": "a"}, self.value("context.w3c()", Client_Context='{"w3c": {"traceparent": 1, "tracestate": "a"}}')
        )

    def test_shows_itself(self):
        answer = self.instance.invoke("repr(context)", Aws_Tenant_Id="blue", Client_Context='{"client": {"app_title": "t"}}')
        self.assertEqual(
            f"LambdaContext([aws_request_id={answer.request_id},log_group_name=/aws/lambda/under_test,"
            "log_stream_name=2026/11/22/[$LATEST]0123,function_name=under_test,memory_limit_in_mb=128,"
            "function_version=$LATEST,invoked_function_arn=arn:aws:lambda:us-east-1:123456789012:function:under_test,"
            "client_context=ClientContext([custom=None,env=None,client=Client([installation_id=None,app_title=t,"
            "app_version_name=None,app_version_code=None,app_package_name=None])]),"
            "identity=CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None]),tenant_id=blue])",
            answer.json,
        )

    def test_takes_attributes_of_the_functions_own_for_one_invocation(self):
        self.assertEqual(1, self.value("setattr(context, 'mine', 1) or context.mine"))
        self.assertFalse(self.value("hasattr(context, 'mine')"))

    def test_logs_what_it_is_given_without_a_newline(self):
        self.value("context.log('a') or context.log(5)")
        self.assertEqual("a5", self.instance.wait_for_output("5"))

    def test_logs_likewise_once_logging_is_imported(self):
        self.value("__import__('logging') and context.log('a')")
        self.value("__import__('logging').getLogger().handlers.clear() or context.log('b')")
        self.assertEqual("ab", self.instance.wait_for_output("b"))


class ABadClientContext(RuntimeTest):
    def check(self, message, **headers):
        instance = self.start(EVALUATE)
        answer = instance.invoke("1", **headers)
        self.assertEqual("error", answer.kind)
        self.assertEqual("Runtime.LambdaContextUnmarshalError", answer.json["errorType"])
        self.assertEqual(message, answer.json["errorMessage"])
        self.assertEqual([], answer.json["stackTrace"])
        self.assertEqual(1, instance.invoke("1").json)

    def test_is_the_invocations_error(self):
        message = "Unable to parse Client Context JSON: Expecting value: line 1 column 1 (char 0)"
        self.check(message, Client_Context="no json")

    def test_is_described_in_the_words_of_the_standard_library(self):
        message = (
            "Unable to parse Client Context JSON: "
            "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
        )
        self.check(message, Client_Context="{a}")

    def test_may_be_the_identity(self):
        message = "Unable to parse Cognito Identity JSON: Expecting value: line 1 column 1 (char 0)"
        self.check(message, Cognito_Identity="x")


if __name__ == "__main__":
    unittest.main()
