# SPDX-License-Identifier: Apache-2.0
# What `kiln conformance` says of runtimes and servers, ours and others'.
import dataclasses
import json
import os
import subprocess

from platforms import free_ports

PATIENCE = 420  # seconds for all cases of one subject


@dataclasses.dataclass(frozen=True)
class Score:
    """How many cases pass of those tried, by level; and the names of those that fail, those that must pass first."""
    must: tuple
    should: tuple
    failing: tuple
    unsteady: tuple = ()   # cases left out, since they pass in one run and fail in the next


def take(build, arguments, unsteady=()):
    arguments = [*arguments[:2], *(word for case in unsteady for word in ("--skip", case)), *arguments[2:]]
    done = subprocess.run([os.path.join(build, "bin", "kiln"), "conformance", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"kiln conformance {' '.join(arguments)}: {done.returncode}\n{done.stderr[-2000:]}")
    return dataclasses.replace(score(json.loads(done.stdout)), unsteady=tuple(f"`{case}`" for case in unsteady))


def score(document):
    tried = [case for case in document["Cases"] if case["Verdict"] != "skip"]
    levels = {}
    for level in ("must", "should"):
        verdicts = [case["Verdict"] for case in tried if case["Level"] == level]
        levels[level] = (verdicts.count("pass"), len(verdicts))
    failing = [case for case in tried if case["Verdict"] == "fail"]
    failing.sort(key=lambda case: case["Level"])
    names = tuple(f"**`{case['Name']}`**" if case["Level"] == "must" else f"`{case['Name']}`" for case in failing)
    return Score(levels["must"], levels["should"], names)


def of_runtime(build, package, stream_handler=None):
    """`stream_handler`: the one that streams, where it is another."""
    streams = ["--stream-handler", stream_handler] if stream_handler else []
    return take(build, ["runtime", "--json", "--task-root", package.folder, "--handler", package.handler, *streams, "--",
                        package.bootstrap])


def of_kiln(build, url):
    return take(build, ["server", "--json", "--platform", "kiln", "--endpoint", url])


def of_emulator(build, emulator):
    api, invoke = free_ports(2)
    return take(build, ["server", "--json", "--invoke", f"http://127.0.0.1:{invoke}/2015-03-31/functions/function/invocations",
                        "--", os.path.join(emulator, "aws-lambda-rie"), "--runtime-api-address", f"127.0.0.1:{api}",
                        "--runtime-interface-emulator-address", f"127.0.0.1:{invoke}", "{bootstrap}"], unsteady=("http.pipelined",))
