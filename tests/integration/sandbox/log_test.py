# SPDX-License-Identifier: Apache-2.0
# What an instance writes to its log: nobody waits for it, and it takes no more than its share.
import concurrent.futures
import urllib.request

from sandbox_fixture import LANGUAGES, SandboxTest, run
from kiln_server import PATIENCE


class A_log_flood(SandboxTest):
    LINES = 30 * 1024  # of a KiB

    def dropped(self, name):
        with urllib.request.urlopen(self.server.operations_url + "/metrics", timeout=PATIENCE) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[1]) for line in lines if line.startswith(f'kiln_log_dropped_bytes_total{{function="{name}"}}'))

    def flood(self, name, language):
        if language == "c":
            return self.probe(f"flood {self.LINES}", name)["written"]
        return self.run_inside(f"""
            import os
            line = b"y" * 1023 + b"\\n"
            result = sum(os.write(1, line) == len(line) for _ in range({self.LINES}))
        """, name)

    def test_is_cut_and_stalls_nobody(self):
        for language in LANGUAGES:
            name = "loud-" + language
            self.deploy(name, language, "--timeout", "60")
            with self.subTest(language), concurrent.futures.ThreadPoolExecutor(1) as other:
                flood = other.submit(self.flood, name, language)
                answered = 0
                while not flood.done() or answered == 0:
                    self.assertEqual(self.run_inside("result = 1"), 1)
                    answered += 1
                self.assertEqual(flood.result(), self.LINES, "whoever wrote was not held up for ever")
                # 10 MB are kept.
                self.assertGreater(self.dropped(name), 15 * 2**20)
                self.assertEqual(self.run_inside("result = 2"), 2)

    def test_that_goes_on_after_the_answer_stalls_nobody_either(self):
        self.deploy("later", "python", "--timeout", "60")
        self.run_inside("""
            import os, threading
            def flood():
                line = b"z" * 1023 + b"\\n"
                while True:
                    os.write(1, line)
            threading.Thread(target=flood, daemon=True).start()
        """, "later")
        for _ in range(20):
            self.assertEqual(self.run_inside("result = 1"), 1)
        self.assertEqual(self.run_inside("result = 1", "later"), 1)
        self.server.run("delete", "later")


if __name__ == "__main__":
    run()
