# SPDX-License-Identifier: Apache-2.0
"""What the tests of both kits share: `kiln conformance` as a user runs it, its report as a value."""
import concurrent.futures
import json
import os
import subprocess
import sys

SOURCE, BUILD = sys.argv[1], sys.argv[2]
sys.path.insert(0, os.path.join(SOURCE, "tests", "support"))
from kiln_server import PATIENCE  # noqa: E402  (its folder must be on the path first)

HERE = os.path.dirname(os.path.abspath(__file__))
KILN = os.path.join(BUILD, "bin", "kiln")
TIME_LIMIT = 4 * PATIENCE


def run(*arguments, environment=None):
    return subprocess.run([KILN, "conformance", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=TIME_LIMIT, env={**os.environ, "NO_COLOR": "1", **(environment or {})})


def report(*arguments, status=None, environment=None):
    """The JSON document of a run, which must have ended with `status`, where one is given."""
    done = run(*arguments, "--json", environment=environment) if "--" not in arguments else run(
        *arguments[:arguments.index("--")], "--json", *arguments[arguments.index("--"):], environment=environment)
    if not done.stdout or (status is not None and done.returncode != status):
        raise AssertionError(f"kiln conformance {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def names(kit):
    return [case["Name"] for case in json.loads(run(kit, "--list", "--json").stdout)["Cases"]]


def verdicts(document):
    return {case["Name"]: case["Verdict"] for case in document["Cases"]}


def not_passed(document):
    """Lines about the cases that did not pass, for messages."""
    return ["{Name}: {Verdict}, expected {0}, found {1}, {2}".format(
        case.get("Expected"), case.get("Found"), case.get("Reason"), **case)
        for case in document["Cases"] if case["Verdict"] != "pass"]


def in_parallel(jobs, width=4):
    """Runs the callables of `jobs` (name → callable); name → result. They mostly wait."""
    with concurrent.futures.ThreadPoolExecutor(width) as pool:
        futures = {name: pool.submit(job) for name, job in jobs.items()}
        return {name: future.result() for name, future in futures.items()}
