// SPDX-License-Identifier: Apache-2.0
#include "cli/preimports.hpp"

#include "tests/support/catch.hpp"

using kiln::Preimports;
using kiln::cli::add_preimport;

TEST_CASE("modules are for all functions, or for those that name the set in front of them") {
  Preimports found;
  CHECK(add_preimport("numpy,xml.dom.minidom", found).empty());
  CHECK(add_preimport("tables=pandas,numpy", found).empty());
  CHECK(add_preimport("web=http.server", found).empty());
  CHECK(add_preimport("tables=sqlite3", found).empty());
  CHECK(add_preimport("décimal", found).empty());
  CHECK(found.modules == std::vector<std::string>{"numpy", "xml.dom.minidom", "décimal"});
  CHECK(found.sets == std::map<std::string, std::vector<std::string>>{{"tables", {"pandas", "numpy", "sqlite3"}},
                                                                      {"web", {"http.server"}}});
}

TEST_CASE("what is no set or no module is named, and nothing of it added") {
  Preimports found;
  CHECK(add_preimport("", found) == "'' is no name of a module");
  CHECK(add_preimport("numpy,,json", found) == "'' is no name of a module");
  CHECK(add_preimport("numpy, json", found) == "' json' is no name of a module");
  CHECK(add_preimport(".local", found) == "'.local' is no name of a module");
  CHECK(add_preimport("web=", found) == "'' is no name of a module");
  CHECK(add_preimport("web=a=b", found) == "'a=b' is no name of a module");
  CHECK(add_preimport("=json", found) == "'' is no name of a set: letters, digits, - and _, at most 32");
  CHECK(add_preimport("my set=json", found) == "'my set' is no name of a set: letters, digits, - and _, at most 32");
  CHECK(found.modules.empty());
  CHECK(found.sets.empty());
}
