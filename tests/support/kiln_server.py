# SPDX-License-Identifier: Apache-2.0
# The built `kiln serve` on free ports with a data folder of its own, for tests in Python.
import functools
import json
import os
import subprocess
import tempfile
import threading

from waiting import PATIENCE


@functools.lru_cache
def strongest_isolation(kiln):
    """What `--isolation auto`, the default, is on this machine."""
    done = subprocess.run([kiln, "doctor", "--json"], capture_output=True, text=True, check=True, timeout=PATIENCE)
    return json.loads(done.stdout)["Isolation"]


class KilnServer:
    """A running server. Use it as a context manager; leaving ends it as an operator would, and checks that it went well."""

    def __init__(self, build, data=None, arguments=(), isolation=None, shared=None, prefix=()):
        """`data`: a folder that outlives the server; without one it has its own, which goes with it. `isolation`: what the
        test is about; without it $KILN_TEST_ISOLATION, else the server's default. `shared`: a SharedFolder, which becomes
        the instances' /opt. `prefix`: the words of a command that executes the server, in circumstances of a test's own."""
        self.kiln = os.path.join(build, "bin", "kiln")
        self.folder = tempfile.TemporaryDirectory(prefix="kiln-server-test-")
        self.data = data or os.path.join(self.folder.name, "data")
        self.log = []
        isolation = isolation or os.environ.get("KILN_TEST_ISOLATION")
        self.isolation = isolation or strongest_isolation(self.kiln)
        self.shared = shared
        self.process = subprocess.Popen(
            [*prefix, self.kiln, "serve", "--data", self.data, "--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0",
             *(["--isolation", isolation] if isolation else []),
             *(["--opt", shared.path] if shared else []), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.log_reader = threading.Thread(target=lambda: self.log.extend(self.process.stderr), daemon=True)
        self.log_reader.start()
        # Should it hang, it is killed, and the line below is empty.
        alarm = threading.Timer(PATIENCE, self.process.kill)
        alarm.start()
        self.ready_line = self.process.stdout.readline()
        alarm.cancel()
        words = self.ready_line.split()
        if len(words) != 4 or words[0] != "ready" or words[2] != "operations":
            self.kill()
            raise AssertionError(f"the server did not come up: {self.ready_line!r}\n{''.join(self.log)}")
        self.url, self.operations_url = words[1], words[3]

    def inside(self, text):
        """`text` with the shared folder's path as the instances have it."""
        return text.replace(self.shared.path, "/opt") if self.shared and self.isolation == "sandbox" else text

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.kill()
            return
        status = self.stop()
        assert status == 0, f"the server ended with {status}:\n{''.join(self.log)}"

    def stop(self):
        """Ends it with SIGTERM and returns its exit status."""
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log_reader.join(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        self.folder.cleanup()

    def run(self, *arguments, status=0):
        """Runs `kiln ARGUMENTS` against this server; returns the finished process, which must have ended with `status`."""
        environment = dict(os.environ, KILN_ENDPOINT=self.url, NO_COLOR="1")
        done = subprocess.run([self.kiln, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=PATIENCE)
        if done.returncode != status:
            raise AssertionError(f"kiln {' '.join(arguments)}: {done.returncode}, not {status}\n{done.stdout}{done.stderr}")
        return done
