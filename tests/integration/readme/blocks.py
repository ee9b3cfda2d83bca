# SPDX-License-Identifier: Apache-2.0
# A page of Markdown as a list of blocks that can be run, each with the output shown under it.
import re
from dataclasses import dataclass


@dataclass
class Block:
    line: int
    language: str
    note: str  # what a comment `<!-- test: NOTE -->` above it says; empty without one
    text: str
    output: str | None = None  # of the `text` block that follows


def blocks_of(page):
    """Every fenced block but the `text` ones, which belong to the block above them."""
    found = []
    note, begun, language, lines = "", None, "", []
    for number, line in enumerate(page.splitlines(), 1):
        if begun is None:
            if comment := re.fullmatch(r"<!-- test: (.*) -->", line):
                note = comment.group(1)
            elif fence := re.fullmatch(r"```(\w*)", line):
                begun, language, lines = number, fence.group(1), []
            elif line.strip():
                note = ""
        elif line == "```":
            text = "".join(each + "\n" for each in lines)
            if language == "text":
                found[-1].output = text
            else:
                found.append(Block(begun, language, note, text))
            begun, note = None, ""
        else:
            lines.append(line)
    return found


def shown_as_pattern(shown):
    """A regular expression for an output as a page shows it: `…` stands for anything within a line, and on a line of its
    own for any lines. Nobody sees white space at the end of the whole, so none counts there."""
    pattern = ""
    for line in shown.rstrip("\n").splitlines():
        if line == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += re.escape(line).replace("…", r".+?") + r"\n"
    return pattern + r"\Z"


def matches(shown, printed):
    return re.match(shown_as_pattern(shown), printed.rstrip("\n") + "\n") is not None
