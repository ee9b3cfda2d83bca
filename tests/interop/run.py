# SPDX-License-Identifier: Apache-2.0
# Runs every case for every subject, as what it needs has been fetched, and compares docs/compatibility.md with what was found.
import argparse
import concurrent.futures
import os
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(SOURCE, "tests", "support")]
sys.dont_write_bytecode = True

import table  # noqa: E402
from cases import concurrency, context, failures, frameworks, load, logs, management, payloads, shutdown, streaming  # noqa: E402
from subjects import SUBJECTS  # noqa: E402

CASES = {"clients": [payloads.Payloads, failures.Failures, context.Context, logs.Logs, load.Load, streaming.Streaming,
                     concurrency.Concurrency, shutdown.Shutdown],
         "frameworks": [frameworks.Frameworks],
         "invokers": [management.Management],
         "servers": []}


class Outcomes(unittest.TextTestResult):
    """Keeps what became of each case, by its name."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.found = {}

    def stopTest(self, test):
        super().stopTest(test)
        bad = any(test is each for each, _ in self.failures + self.errors)
        self.found[test._testMethodName[len("test_"):]] = "no" if bad else "yes"


def fetch(components):
    """component → its folder; raises what the script said where one cannot be had."""
    if not components:
        return {}
    done = subprocess.run([os.path.join(SOURCE, "scripts", "fetch-interop"), *components], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return dict(zip(components, done.stdout.split()))


def suite_of(subject, place, pattern):
    suite = unittest.TestSuite()
    for kind in CASES[subject.group]:
        for method in unittest.TestLoader().getTestCaseNames(kind):
            if method[len("test_"):] not in subject.cannot and pattern in method:
                suite.addTest(kind(method, place))
    return suite


def run(subject, folders, build, scratch, pattern):
    """What was found: case → yes or no."""
    if not CASES[subject.group]:
        return {}
    place = subject.place(folders, build, scratch)
    try:
        result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Outcomes).run(suite_of(subject, place, pattern))
        if not result.wasSuccessful():
            print(place.platform.explain())
        return result.found
    finally:
        place.kill()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("build")
    options.add_argument("--update-docs", action="store_true", help="write docs/compatibility.md instead of comparing it")
    options.add_argument("--only", metavar="TEXT", help="subjects whose name has TEXT in it; the page is left alone")
    options.add_argument("-k", metavar="TEXT", default="", help="cases whose name has TEXT in it; the page is left alone")
    given = options.parse_args()
    build = os.path.abspath(given.build)
    subjects = [each for each in SUBJECTS if not given.only or given.only.lower() in each.key]

    found, scores, times = {}, {}, []
    with tempfile.TemporaryDirectory(prefix="kiln-interop-") as scratch, concurrent.futures.ThreadPoolExecutor(2) as fetchers:
        waiting = {fetchers.submit(fetch, subject.components): subject for subject in subjects}
        for ready in concurrent.futures.as_completed(waiting):
            subject, began = waiting[ready], time.monotonic()
            print(f"\n=== {subject.name} {subject.version} on {subject.platform}", flush=True)
            try:
                found[subject.key] = run(subject, ready.result(), build, scratch, given.k)
                scores[subject.key] = None if given.k else subject.score(ready.result(), build, scratch)
                print(scores[subject.key] or "")
            except Exception as failed:  # one subject that cannot be had or started must not hide the others
                print(f"cannot be run: {failed}")
                found.setdefault(subject.key, {})["start"] = "no"
            times.append((subject, time.monotonic() - began))

    print()
    for subject, seconds in times:
        outcomes = list(found[subject.key].values())
        print(f"{subject.name:50} {outcomes.count('yes'):3} passed {outcomes.count('no'):3} failed {seconds:6.1f} s")
    outcomes = [outcome for each in found.values() for outcome in each.values()]
    failed = outcomes.count("no")
    if not given.only and not given.k:
        failed += table.settle(SOURCE, CASES, subjects, found, scores, given.update_docs)
    print(f"\n{outcomes.count('yes')} passed, {failed} failed")
    return 1 if failed or not outcomes else 0


if __name__ == "__main__":
    sys.exit(main())
