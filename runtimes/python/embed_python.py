#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes embedded/*.py, compiled, as a C++ file with the table of frozen modules. Run by the build with the very
interpreter the runtime embeds, whose byte code it is:  embed_python.py OUTPUT.cpp FILE.py..."""

import marshal
import pathlib
import sys

HEAD = """// SPDX-License-Identifier: Apache-2.0
// Made by runtimes/python/embed_python.py; do not edit.
#include "runtimes/python/embedded_modules.hpp"

namespace kiln::python {
namespace {

_frozen frozen(const char* name, const unsigned char* code, int size) {
  _frozen module{};  // its further members differ between Python's versions, and zero is right for all of them
  module.name = name;
  module.code = code;
  module.size = size;
  return module;
}
"""

TAIL = """
}  // namespace

const _frozen* embedded_modules() { return modules; }

}  // namespace kiln::python
"""


def array(name, code):
    rows = (",".join(map(str, code[at : at + 24])) for at in range(0, len(code), 24))
    return f"\nconst unsigned char code{name}[] = {{\n" + ",\n".join(rows) + "};\n"


def main(output, *files):
    arrays, table = "", ""
    for path in map(pathlib.Path, files):
        name = "_kiln_" + path.stem
        source = path.read_text(encoding="utf-8")
        code = marshal.dumps(compile(source, f"<frozen {name}>", "exec", dont_inherit=True, optimize=0))
        arrays += array(name, code)
        table += f'    frozen("{name}", code{name}, {len(code)}),\n'
    table = "\nconst _frozen modules[] = {\n" + table + "    {},\n};\n"
    pathlib.Path(output).write_text(HEAD + arrays + table + TAIL, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
