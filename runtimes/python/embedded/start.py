# SPDX-License-Identifier: Apache-2.0
"""What every function finds in place before its module is loaded (_kiln_start): streams that hold nothing back, the
built-ins of an interactive interpreter, and logging that configures itself when it is first imported."""

import builtins
import io
import sys

_write = io.TextIOWrapper.write
_writelines = io.TextIOWrapper.writelines
_flush = io.TextIOWrapper.flush


class UnbufferedText(io.TextIOWrapper):
    """A text stream whose every write reaches the descriptor at once: what has been printed survives any crash."""

    def write(self, text):
        count = _write(self, text)
        _flush(self)
        return count

    def writelines(self, lines):
        _writelines(self, lines)
        _flush(self)


def _unbuffered(name):
    stream = getattr(sys, name)
    if stream is None or isinstance(stream, UnbufferedText):
        return
    encoding, errors = stream.encoding, stream.errors
    stream = UnbufferedText(stream.detach(), encoding, errors, "\n")
    stream.mode = "w"
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)


class _ThenConfigured(object):
    """Loads `logging` as `loader` does, and installs the platform's root handler before anybody else sees it."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        if LoggingFinder in sys.meta_path:
            sys.meta_path.remove(LoggingFinder)
            import _kiln_logs

            _kiln_logs.configure()

    def __getattr__(self, name):
        return getattr(self._loader, name)


class LoggingFinder(object):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "logging":
            return None
        for finder in sys.meta_path:
            if finder is not cls:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    spec.loader = _ThenConfigured(spec.loader)
                    return spec
        return None


class SnapshotRestoreFinder(object):
    """The last to be asked: what the function brings of its own wins."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "snapshot_restore_py":
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, cls)

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        import _kiln_snapshot_restore

        for name, value in vars(_kiln_snapshot_restore).items():
            module.__dict__.setdefault(name, value)


def _install():
    # `site` is not imported, for it costs a cold start; exit() and quit() are what functions may have come to expect.
    import _sitebuiltins

    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.help = _sitebuiltins._Helper()
    if "logging" not in sys.modules:
        sys.meta_path.insert(0, LoggingFinder)
    sys.meta_path.append(SnapshotRestoreFinder)


def prepare():
    """Once for each function; in an interpreter that rehearses, before."""
    _unbuffered("stdout")
    _unbuffered("stderr")
    if SnapshotRestoreFinder not in sys.meta_path:
        _install()
    if "logging" in sys.modules:
        import _kiln_logs

        _kiln_logs.configure()
