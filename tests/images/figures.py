# SPDX-License-Identifier: Apache-2.0
# Takes the figures of the images, prints them as bench does, and writes build/images.json in the form of build/bench.json;
# build/images-SUITE.json where it is not Debian 12's that are taken.
# usage: figures.py [--only NAME]      exits 1 where a must is missed; in CI not for a time, as with bench: such ratios are for a
# quiet machine
import functools
import json
import os
import sys
import traceback

from containers import BUILD, SUITE
from image_sizes import ImageSizes
from standalone_figures import standalone_memory, standalone_start, standalone_warm

SIZES = ImageSizes()
# name, must, aim; all are "at most", in the order they are taken
FIGURES = [
    (functools.partial(SIZES.of, "python"), [("image_python", 150, 120), ("image_python_zstd", 45, 38)]),
    (functools.partial(SIZES.of, "python-slim"), [("image_python_slim", 55, 38), ("image_python_slim_zstd", 16, 11)]),
    (functools.partial(SIZES.of, "cpp"), [("image_cpp", 90, 80), ("image_cpp_zstd", 28, 24)]),
    (functools.partial(SIZES.of, "cpp-slim"), [("image_cpp_slim", 12, 4), ("image_cpp_slim_zstd", 4, 1.5)]),
    (standalone_start, [("standalone_start", 1.3, 1.0)]),
    (standalone_warm, [("standalone_warm", 1.0, 0.9)]),
    (standalone_memory, [("standalone_memory", 14, 10)]),
]

TIMES = {"standalone_start", "standalone_warm"}


def measure(take, promises):
    """`take` returns {name: (value, samples, detail)}."""
    try:
        found = take()
    except Exception:
        traceback.print_exc()
        found = {}
    for name, must, aim in promises:
        value, samples, detail = found.get(name, (None, [], "could not be taken"))
        yield {"name": name, "value": value, "must": must, "aim": aim, "samples": samples, "detail": detail}


def print_line(figure):
    value = figure["value"]
    kept = value is not None and value <= figure["must"]
    reached = value is not None and value <= figure["aim"]
    print(f"{figure['name']:<24} {'-' if value is None else format(value, '.3g'):>10}  {'<= %g %s' % (figure['must'], 'kept' if kept else 'MISSED'):<20} "
          f"{'<= %g %s' % (figure['aim'], 'reached' if reached else '-'):<20} {figure['detail']}", flush=True)
    return kept


def main():
    only = sys.argv[2] if sys.argv[1:2] == ["--only"] else ""
    print(f"{'figure':<24} {'value':>10}  {'must':<20} {'aim':<20} detail")
    figures, kept = [], True
    lenient = TIMES if os.environ.get("CI") else set()
    for take, promises in FIGURES:
        if any(only in name for name, _, _ in promises):
            for figure in measure(take, promises):
                taken = figure["value"] is not None
                kept &= print_line(figure) or (taken and figure["name"] in lenient)
                figures.append(figure)
    with open(os.path.join(BUILD, "images.json" if SUITE == "bookworm" else f"images-{SUITE}.json"), "w") as file:
        json.dump(figures, file, indent=1)
        file.write("\n")
    return 0 if kept and figures else 1


if __name__ == "__main__":
    sys.exit(main())
