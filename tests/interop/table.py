# SPDX-License-Identifier: Apache-2.0
# The generated part of docs/compatibility.md: subject × case. Nothing of it changes from run to run unless a result does.
import difflib
import os
import re
import unittest

BEGIN, END = "<!-- generated: scripts/test-interop --update-docs -->", "<!-- end of the generated part -->"
WORDS = {"kiln": "kiln's server", "emulator": "the official emulator"}
MARKS = {"yes": "✓", "no": "**fails**"}


def cases_of(kinds):
    """(name, title) of each case, in the order of the files."""
    for kind in kinds:
        for method in unittest.TestLoader().getTestCaseNames(kind):
            yield method[len("test_"):], getattr(kind, method).__doc__.strip().splitlines()[0]


def render(kinds, subjects, found):
    notes = []

    def mark(subject, case):
        if case not in subject.cannot:
            return MARKS[found[subject.key].get(case, "no")]
        reason = subject.cannot[case]
        if reason not in notes:
            notes.append(reason)
        return f"— ({notes.index(reason) + 1})"

    lines = ["| | what | version | runs on |", "| --- | --- | --- | --- |"]
    for subject in subjects:
        lines.append(f"| {subject.short} | `{subject.package_name}` | {subject.version} | {WORDS[subject.platform]} |")
    lines += ["", "| case | " + " | ".join(subject.short for subject in subjects) + " |", "| --- |" + " --- |" * len(subjects)]
    for case, title in cases_of(kinds):
        lines.append(f"| {title} | " + " | ".join(mark(subject, case) for subject in subjects) + " |")
    lines.append("")
    lines += [f"({number}) {reason}  " for number, reason in enumerate(notes, 1)]
    return "\n".join(lines)


def render_scores(subjects, scores):
    lines = ["| `kiln conformance` of | version | must | should | what it does not keep (in bold: what it must) |",
             "| --- | --- | --- | --- | --- |"]
    for subject in subjects:
        score = scores.get(subject.key)
        if score:
            failing = ", ".join(score.failing) + "".join(f"; {case} now and then" for case in score.unsteady)
            lines.append(f"| {subject.short} (`{subject.package_name}`) | {subject.version} | {score.must[0]} of {score.must[1]} | "
                         f"{score.should[0]} of {score.should[1]} | {failing} |")
    return "\n".join(lines)


def settle(source, cases, subjects, found, scores, update):
    """Writes the page, or says how it differs from what was found; returns the number of pages that are wrong."""
    path = os.path.join(source, "docs", "compatibility.md")
    with open(path, encoding="utf-8") as file:
        page = file.read()
    parts = []
    for group, kinds in cases.items():
        if kinds:
            parts.append(render(kinds, [each for each in subjects if each.group == group], found))
    parts.append(render_scores(subjects, scores))
    wanted = re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: f"{BEGIN}\n" + "\n\n".join(parts) + f"\n{END}", page,
                    flags=re.DOTALL)
    if update:
        with open(path, "w", encoding="utf-8") as file:
            file.write(wanted)
        return 0
    if page == wanted:
        return 0
    print("docs/compatibility.md is not what this run found; scripts/test-interop --update-docs writes it anew:")
    print("\n".join(difflib.unified_diff(page.splitlines(), wanted.splitlines(), "committed", "found", lineterm="", n=0)))
    return 1
