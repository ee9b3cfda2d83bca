# SPDX-License-Identifier: Apache-2.0
# Events come back as they went, whatever their size.
from cases.case import Case

LARGEST = 6 * 1024 * 1024


class Payloads(Case):
    def echo(self, event):
        answer = self.function.invoke(event)
        self.assertIsNone(self.place.platform.error_of(answer), repr(answer)[:500])
        self.assertTrue(answer.body.strip() == event, f"{len(event)} bytes went out, and back came {answer!r}"[:500])

    def test_echo_nothing(self):
        """echo of 0 B (becomes `{}`)"""
        self.assert_result(self.function.invoke(b""), {})

    def test_echo_byte(self):
        """echo of 1 B"""
        self.echo(b"7")

    def test_echo_100_kb(self):
        """echo of 100 KB"""
        self.echo(b'"' + b"k" * (100_000 - 2) + b'"')

    def test_echo_6_mib(self):
        """echo of 6 MiB, the largest event"""
        self.echo(b'"' + b"m" * (LARGEST - 2) + b'"')

    def test_unicode(self):
        """text beyond ASCII"""
        self.assert_result(self.function.invoke('{"a":"Grüße, 世界 🚀"}'.encode()), {"a": "Grüße, 世界 🚀"})
