# SPDX-License-Identifier: Apache-2.0
"""An interpreter that has started before there is a function (_kiln_zygote): what is loaded ahead of time, and what a fork
of it must have anew, so that it is like one that has been started for this function alone."""

import gc
import os
import posix
import sys
import time

# OpenSSL knows a fork by its process id, which in another pid namespace may be the same.
_zygote = os.getpid()

# Of the runtime's own modules, those that hold something of a function.
_OF_A_FUNCTION = ("native", "context", "errors", "log_sinks", "logs", "streaming")


def warm(modules):
    from importlib import import_module

    for name in modules:
        try:
            import_module(name)
        except BaseException as error:
            raise ImportError(f"{name}: {type(error).__name__}: {error}") from error
    # The first module of a package is compiled: what that needs is there once it has been done.
    exec(compile("def handler(event, context):\n    return f'{event}'\n", "<warm>", "exec"), {})


def forget():
    """Unloads what has been set to what this function does not want."""
    for name in _OF_A_FUNCTION:
        sys.modules.pop("_kiln_" + name, None)
    logging = sys.modules.get("logging")
    if logging is not None:
        root = logging.getLogger()
        for handler in list(root.handlers):
            root.removeHandler(handler)
            handler.close()


def freeze():
    """Nothing that is there now is to be looked at, and so copied, by the garbage collections of forks."""
    sys.path_importer_cache.clear()
    gc.collect()
    gc.freeze()


def _new_randomness(modules):
    # `random` itself and urandom see to it by themselves. These look at the process id at most, which is the same in each
    # sandbox.
    tempfile = modules.get("tempfile")
    if tempfile is not None:
        tempfile._name_sequence = None
        tempfile.tempdir = None
    ssl = modules.get("_ssl")
    if ssl is not None and os.getpid() == _zygote:
        ssl.RAND_add(os.urandom(32), 32.0)
    uuid = modules.get("uuid")
    if uuid is not None:
        uuid._node = uuid._last_timestamp = None
    process = modules.get("multiprocessing.process")
    if process is not None:
        process.current_process().authkey = os.urandom(32)
    numpy_random = modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def forked():
    """In each new process: nothing random is shared with its siblings."""
    _new_randomness(sys.modules)


def snapshot():
    """A function has been loaded, and is going to be forked."""
    global _zygote
    _zygote = os.getpid()
    gc.collect()
    gc.freeze()


def take_over(changed):
    """Takes over what of the environment has changed since the function was loaded: a dict of bytes, None for what is gone."""
    for name, value in changed.items():
        for copy in (posix.environ, os.environ._data):
            if value is None:
                copy.pop(name, None)
            else:
                copy[name] = value
    _moved_on()


def adopt(environment):
    """Takes over the environment of the function's own process, which is a dict of bytes."""
    posix.environ.clear()
    posix.environ.update(environment)
    data = os.environ._data
    data.clear()
    data.update(environment)
    time.tzset()
    _moved_on()


def _moved_on():
    context = sys.modules.get("_kiln_context")
    if context is not None:
        context.read_environment()
    logging = sys.modules.get("logging")
    if logging is not None:
        logging._startTime = time.time_ns() if isinstance(logging._startTime, int) else time.time()
