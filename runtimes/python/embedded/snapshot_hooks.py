# SPDX-License-Identifier: Apache-2.0
"""Runs the hooks around a snapshot (_kiln_snapshot_hooks)."""

import sys


def _registered(registry):
    # The function's own copy of the package where it has one; the two share nothing but their interface.
    package = sys.modules.get("snapshot_restore_py")
    return [] if package is None else getattr(package, registry)()


def before_snapshot():
    """None, or the exception of the hook that failed."""
    hooks = _registered("get_before_snapshot")
    try:
        while hooks:
            hook, args, kwargs = hooks.pop()
            hook(*args, **kwargs)
    except BaseException as error:
        return error


def after_restore():
    """None, or the exception of the hook that failed."""
    try:
        for hook, args, kwargs in _registered("get_after_restore"):
            hook(*args, **kwargs)
    except BaseException as error:
        return error
