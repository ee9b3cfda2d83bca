# SPDX-License-Identifier: Apache-2.0
"""The context object of the running invocation (_kiln_context)."""

import posix
import sys
import time

# Of the running invocation; read by log records.
request_id = None
tenant_id = None

_TRACE_ID = "_X_AMZN_TRACE_ID"
_W3C_FIELDS = ("traceparent", "tracestate", "baggage")
_traced = True  # whether the environment may hold a trace id: the first invocation removes an inherited one


def _environment(name):
    value = posix.environ.get(name)
    return None if value is None else value.decode("utf-8", "surrogateescape")


def read_environment():
    """Again where the process has become another one's since."""
    global _log_group_name, _log_stream_name, _function_name, _memory_limit_in_mb, _function_version, _traced
    _log_group_name = _environment(b"AWS_LAMBDA_LOG_GROUP_NAME")
    _log_stream_name = _environment(b"AWS_LAMBDA_LOG_STREAM_NAME")
    _function_name = _environment(b"AWS_LAMBDA_FUNCTION_NAME")
    _memory_limit_in_mb = _environment(b"AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    _function_version = _environment(b"AWS_LAMBDA_FUNCTION_VERSION")
    _traced = True


read_environment()


class LambdaContext(object):
    def __init__(self, aws_request_id, deadline_ms, invoked_function_arn, tenant, client_context, identity, w3c_fields):
        self.aws_request_id = aws_request_id
        self.log_group_name = _log_group_name
        self.log_stream_name = _log_stream_name
        self.function_name = _function_name
        self.memory_limit_in_mb = _memory_limit_in_mb
        self.function_version = _function_version
        self.invoked_function_arn = invoked_function_arn
        self.tenant_id = tenant
        self._w3c_fields = w3c_fields
        self.client_context = client_context
        self.identity = identity
        self._epoch_deadline_time_in_ms = deadline_ms

    def get_remaining_time_in_millis(self):
        return max(0, self._epoch_deadline_time_in_ms - int(time.time() * 1000))

    def w3c(self):
        """The W3C trace context the invoker sent: traceparent, tracestate, baggage, as far as there are any."""
        return dict(self._w3c_fields)

    def log(self, msg):
        logging = sys.modules.get("logging")
        if logging is not None:
            for handler in logging.getLogger().handlers:
                if hasattr(handler, "log_sink"):
                    handler.log_sink.log(str(msg))
                    return
            sys.stdout.write(str(msg))
            return
        from _kiln_log_sinks import sink

        sink.log(str(msg))

    def __repr__(self):
        fields = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        return _describe(self, fields)


class CognitoIdentity(object):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __repr__(self):
        return _describe(self, self.__slots__)


class Client(object):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")

    def __repr__(self):
        return _describe(self, self.__slots__)


class ClientContext(object):
    __slots__ = ("custom", "env", "client")

    def __repr__(self):
        return _describe(self, self.__slots__)


def _describe(value, fields):
    shown = ",".join(f"{field}={getattr(value, field)}" for field in fields)
    return f"{value.__class__.__name__}([{shown}])"


def _filled(cls, values):
    if values is None:
        return None
    instance = cls()
    for field in cls.__slots__:
        setattr(instance, field, values.get(field, None))
    return instance


def _parse(text, name):
    from _kiln_native import parse_json

    try:
        return parse_json(text)
    except ValueError:
        # CPython's own json words its messages another way, and it is those that users of the official client see.
        import json

        try:
            return json.loads(text)
        except Exception as error:
            from _kiln_errors import Fault

            raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}") from None


def _take_w3c(client_context):
    if not isinstance(client_context, dict) or "w3c" not in client_context:
        return {}
    sent = client_context.pop("w3c")
    if not isinstance(sent, dict):
        return {}
    return {field: sent[field] for field in _W3C_FIELDS if isinstance(sent.get(field), str)}


def _set_trace_id(trace_id):
    global _traced
    _traced = trace_id is not None
    os = sys.modules.get("os")
    if os is not None:
        if trace_id is None:
            os.environ.pop(_TRACE_ID, None)
        else:
            os.environ[_TRACE_ID] = trace_id
    # os.environ is made from posix.environ when the function first imports os. The process's own environment, which
    # its children inherit, is the bootstrap's business.
    elif trace_id is None:
        posix.environ.pop(_TRACE_ID.encode(), None)
    else:
        posix.environ[_TRACE_ID.encode()] = trace_id.encode("utf-8", "surrogateescape")


def begin(aws_request_id, deadline_ms, function_arn, trace_id, tenant, client_context_json, identity_json):
    """The context of an invocation that starts now. All but deadline_ms are str, or None where the platform sent none."""
    global request_id, tenant_id
    request_id = aws_request_id
    tenant_id = tenant
    if trace_id is not None or _traced:
        _set_trace_id(trace_id)

    client_context = None
    w3c_fields = {}
    if client_context_json is not None:
        client_context = _parse(client_context_json, "Client Context")
    identity = CognitoIdentity()
    identity.cognito_identity_id = identity.cognito_identity_pool_id = None
    if identity_json is not None:
        sent = _parse(identity_json, "Cognito Identity")
        if sent is not None:
            identity.cognito_identity_id = sent.get("cognitoIdentityId")
            identity.cognito_identity_pool_id = sent.get("cognitoIdentityPoolId")
    if client_context is not None:
        w3c_fields = _take_w3c(client_context)
        client_context = _filled(ClientContext, client_context)
        client_context.client = _filled(Client, client_context.client)
    return LambdaContext(
        aws_request_id, deadline_ms, function_arn, tenant, client_context, identity, w3c_fields
    )
