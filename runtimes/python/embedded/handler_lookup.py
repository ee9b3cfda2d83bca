# SPDX-License-Identifier: Apache-2.0
"""From the function's handler name to the function itself (_kiln_handler_lookup)."""

import sys


def find(handler):
    """The object that `handler` ("module.function") names. Raises Fault where it cannot be had, and otherwise whatever
    the module raises while it is loaded."""
    module_name, dot, name = handler.rpartition(".")
    if not dot:
        _fail("MalformedHandlerName", f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)")
    if module_name.split(".")[0] in sys.builtin_module_names:
        _fail("BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module")
    from importlib import import_module

    try:
        module = import_module(module_name.replace("/", "."))
    except ImportError as error:
        fault = "ImportModuleError", f"Unable to import module '{module_name}': {error}"
    except SyntaxError as error:
        place = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)
        fault = "UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", [place]
    else:
        try:
            return getattr(module, name)
        except AttributeError:
            fault = "HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'"
    _fail(*fault)


def _fail(kind, message, trace=None):
    from _kiln_errors import Fault

    raise Fault("Runtime." + kind, message, trace)
