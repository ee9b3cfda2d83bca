# SPDX-License-Identifier: Apache-2.0
# `kiln export` writes the golden files, to the byte. `export_test.py BUILD --renew` writes them anew; read the difference.
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import unittest

BUILD = sys.argv[1]
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE]
from cases import CASES, GOLDEN, IMAGE, golden, written  # noqa: E402

KILN = os.path.join(BUILD, "bin", "kiln")


class Export(unittest.TestCase):
    maxDiff = None

    def test_what_is_written(self):
        for name, arguments in CASES.items():
            with self.subTest(name):
                self.assertEqual(written(KILN, arguments), golden(name))

    def test_every_golden_file_is_written_by_something(self):
        self.assertEqual(sorted(os.listdir(GOLDEN)), sorted(CASES))

    def test_a_file_gets_what_standard_output_would(self):
        with tempfile.TemporaryDirectory(prefix="kiln-export-") as folder:
            path = os.path.join(folder, "hello.yaml")
            self.assertEqual(written(KILN, [*CASES["kubernetes.yaml"], "--output", path]), "")
            with open(path, encoding="utf-8", newline="") as file:
                self.assertEqual(file.read(), golden("kubernetes.yaml"))

    def test_settings_of_a_server_s_function(self):
        function = {"FunctionName": "hello", "Handler": "app.main", "MemorySize": 1769, "Timeout": 9,
                    "EphemeralStorage": {"Size": 1024}, "Kiln": {"Concurrency": 4, "MaxInstances": 64, "MinInstances": 2,
                                                                 "Image": "registry.example/hello:1"}}
        server = AnsweringServer(json.dumps(function))
        self.addCleanup(server.close)
        said = ["keda", "hello", "--from", "hello", "--timeout", "3", "--namespace", "shop", "--host", "hello.example.com",
                "--gateway", "infra/public", "--env-from-secret", "hello-secrets", "--endpoint", server.url]
        self.assertEqual(written(KILN, said), golden("keda-full.yaml"))
        self.assertEqual(server.asked, ["/2015-03-31/functions/hello/configuration"])

    def test_failures_say_why(self):
        for arguments, status, words in (
                (["kubernetes", "Hello", *IMAGE], 2, "'Hello' is no name for an object"),
                (["swarm", "hello", *IMAGE], 2, "there are: knative, kubernetes, keda, compose, nomad"),
                (["kubernetes", "hello", *IMAGE, "--output", "/nonesuch/file"], 8, "cannot write the manifest to /nonesuch/file"),
                (["kubernetes", "hello", *IMAGE, "--from", "hello", "--endpoint", "127.0.0.1:1"], 3, "no server answers")):
            with self.subTest(arguments):
                done = subprocess.run([KILN, "export", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
                self.assertEqual((done.returncode, done.stdout), (status, ""))
                self.assertIn(words, done.stderr)


class AnsweringServer:
    """A control server that has one answer, and remembers what it was asked."""

    def __init__(self, answer):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def renew():
    os.makedirs(GOLDEN, exist_ok=True)
    for name in os.listdir(GOLDEN):
        os.unlink(os.path.join(GOLDEN, name))
    for name, arguments in CASES.items():
        with open(os.path.join(GOLDEN, name), "w", encoding="utf-8", newline="") as file:
            file.write(written(KILN, arguments))


if __name__ == "__main__":
    if "--renew" in sys.argv[2:]:
        renew()
    else:
        unittest.main(argv=sys.argv[:1], verbosity=2)
