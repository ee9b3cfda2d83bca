// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"
#include "cli/table.hpp"
#include "tests/support/catch.hpp"

#include <sstream>

using namespace kiln::cli;

TEST_CASE("figures are written for people") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(999) == "999 B");
  CHECK(human_bytes(1'000) == "1.0 kB");
  CHECK(human_bytes(999'949) == "999.9 kB");
  CHECK(human_bytes(999'999) == "1.0 MB");
  CHECK(human_bytes(52'428'800) == "52.4 MB");
  CHECK(human_duration(0.4) == "0.40 ms");
  CHECK(human_duration(9.999) == "10 ms");
  CHECK(human_duration(152.3) == "152 ms");
  CHECK(human_duration(999.9) == "1.0 s");
}

TEST_CASE("what is printed to be tried can be pasted into a shell") {
  CHECK(shell_word("hello-1") == "hello-1");
  CHECK(shell_word("http://127.0.0.1:9080/a") == "http://127.0.0.1:9080/a");
  CHECK(shell_word("/users/{id}") == "'/users/{id}'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("") == "''");
}

TEST_CASE("columns are as wide as their widest cell, and only terminals get colours") {
  std::ostringstream out;
  Terminal plain{out, out};
  Table table({"NAME", "SIZE", "X"});
  table.add({"a", "1.0 MB", "-"});
  table.add({"longer", "2 B", ""});
  CHECK(table.text(plain) == "NAME    SIZE    X\na       1.0 MB  -\nlonger  2 B\n");
  const Terminal coloured{out, out, true, false};
  CHECK(table.text(coloured).starts_with("\x1b[1mNAME    SIZE    X\x1b[0m\n"));
  CHECK(coloured.err_style(Style::red, "x") == "x");
}
