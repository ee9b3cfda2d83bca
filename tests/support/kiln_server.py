# SPDX-License-Identifier: Apache-2.0
# The built `kiln serve` on free ports with a data folder of its own, for tests in Python.
import os
import subprocess
import tempfile
import threading

PATIENCE = 60  # seconds until a condition must hold; generous, for sanitizer builds on a busy machine


class KilnServer:
    """A running server. Use it as a context manager; leaving ends it as an operator would, and checks that it went well."""

    def __init__(self, build, data=None, arguments=()):
        """`data`: a folder that outlives the server; without one it has its own, which goes with it."""
        self.kiln = os.path.join(build, "bin", "kiln")
        self.folder = tempfile.TemporaryDirectory(prefix="kiln-server-test-")
        self.data = data or os.path.join(self.folder.name, "data")
        self.log = []
        self.process = subprocess.Popen(
            [self.kiln, "serve", "--data", self.data, "--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0",
             *arguments],
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
