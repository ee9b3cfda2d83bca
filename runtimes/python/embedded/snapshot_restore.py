# SPDX-License-Identifier: Apache-2.0
"""What `import snapshot_restore_py` finds where the function brings no such package (_kiln_snapshot_restore): the
registry of hooks around a snapshot, with the interface of PyPI's snapshot-restore-py 1.0."""

__version__ = "1.0.0"
__all__ = ["register_before_snapshot", "register_after_restore"]

_before_snapshot_registry = []
_after_restore_registry = []


def register_before_snapshot(func, *args, **kwargs):
    """Has func(*args, **kwargs) called before a snapshot is taken; of several, the last one first. Also a decorator."""
    _before_snapshot_registry.append((func, args, kwargs))
    return func


def register_after_restore(func, *args, **kwargs):
    """Has func(*args, **kwargs) called after each restore; of several, the first one first. Also a decorator."""
    _after_restore_registry.append((func, args, kwargs))
    return func


def get_before_snapshot():
    return _before_snapshot_registry


def get_after_restore():
    return _after_restore_registry
