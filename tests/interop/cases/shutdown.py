# SPDX-License-Identifier: Apache-2.0
# The end of the server is the end of its instances.
import time

from cases.case import Case
from platforms import alive


class Shutdown(Case):
    def test_sigterm(self):
        """SIGTERM to the platform ends an idle instance"""
        place = self.place.another()
        self.addCleanup(place.kill)
        pid = self.result_of(place.function().command("pause", ms=0))["pid"]
        self.assertTrue(alive(pid))
        began = time.monotonic()
        self.assertEqual(place.platform.stop(), 0)
        self.assertFalse(alive(pid))
        self.assertLess(time.monotonic() - began, 5)
