# SPDX-License-Identifier: Apache-2.0
# scripts/check-layers must refuse what the map of the layers forbids, or it guards nothing.
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = sys.argv[1]


def check(files):
    """Runs check-layers on a tree of `files` (path: text). Returns its exit code and what it printed."""
    with tempfile.TemporaryDirectory(prefix="kiln-layers-") as folder:
        for path, text in files.items():
            os.makedirs(os.path.join(folder, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(folder, path), "w", encoding="utf-8") as file:
                file.write(text)
        done = subprocess.run([f"{ROOT}/scripts/check-layers", folder], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


class CheckLayers(unittest.TestCase):
    def refuses(self, path, include, reason):
        code, text = check({path: f"#include {include}\n"})
        self.assertEqual(code, 1, text)
        self.assertIn(f"{path}:1:", text)
        self.assertIn(reason, text)

    def takes(self, path, include):
        code, text = check({path: f"#include {include}\n"})
        self.assertEqual(code, 0, text)

    def test_the_sources_themselves_pass(self):
        done = subprocess.run([f"{ROOT}/scripts/check-layers"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_protocol_sees_nothing_but_itself(self):
        self.takes("runtime-api/protocol/a.hpp", '"runtime-api/protocol/b.hpp"')
        self.refuses("runtime-api/protocol/a.hpp", '"runtime-api/client/b.hpp"', "nothing but itself")

    def test_the_two_columns_meet_only_on_the_wire(self):
        self.refuses("runtime-api/server/a.cpp", '"runtime-api/client/b.hpp"', "wrong way")
        self.refuses("bootstrap/a.cpp", '"runtime-api/server/b.hpp"', "wrong way")
        self.refuses("runtimes/python/a.cpp", '"runtime-api/control-server/b.hpp"', "wrong way")

    def test_the_server_knows_no_pool(self):
        self.refuses("runtime-api/server/routes/a.cpp", '"runtime-api/control-server/instances/b.hpp"', "wrong way")

    def test_launchers_do_not_know_who_starts_them(self):
        self.refuses("runtime-api/control-server/launchers/a.cpp", '"runtime-api/control-server/instances/b.hpp"',
                     "wrong way")
        self.takes("runtime-api/control-server/instances/a.cpp", '"runtime-api/control-server/launchers/b.hpp"')

    def test_beast_stays_where_heads_are_parsed(self):
        self.refuses("runtime-api/control-server/api/a.hpp", "<boost/beast/http/parser.hpp>", "out of headers")
        self.takes("runtime-api/server/http/a.hpp", "<boost/beast/http/basic_parser.hpp>")
        self.takes("runtime-api/server/http/a.cpp", "<boost/asio/buffer.hpp>")
        self.refuses("runtime-api/server/async/a.cpp", "<boost/asio/io_context.hpp>", "only these may")

    def test_no_bootstrap_carries_the_control_sides_libraries(self):
        self.refuses("bootstrap/a.cpp", "<openssl/sha.h>", "only these may")
        self.refuses("runtimes/cpp/a.cpp", "<boost/asio.hpp>", "only these may")

    def test_a_relative_include_is_no_way_around(self):
        self.refuses("runtime-api/protocol/a.hpp", '"../client/b.hpp"', "not by ..")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
