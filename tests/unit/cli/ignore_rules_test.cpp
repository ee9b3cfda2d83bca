// SPDX-License-Identifier: Apache-2.0
#include "cli/ignore_rules.hpp"

#include "tests/support/catch.hpp"

using namespace kiln::cli;

namespace {

bool ignored(const std::string& rules, const std::string& path, bool folder = false) {
  IgnoreRules all;
  all.add(rules);
  return all.ignored(path, folder);
}

}  // namespace

TEST_CASE("a rule without a slash matches a name at any depth") {
  CHECK(ignored("*.log", "a.log"));
  CHECK(ignored("*.log", "deep/er/a.log"));
  CHECK_FALSE(ignored("*.log", "a.logs"));
  CHECK_FALSE(ignored("*.log", "log"));
  CHECK(ignored("?at", "cat"));
  CHECK_FALSE(ignored("?at", "at"));
}

TEST_CASE("a rule with a slash is anchored to the folder") {
  CHECK(ignored("/notes.txt", "notes.txt"));
  CHECK_FALSE(ignored("/notes.txt", "doc/notes.txt"));
  CHECK(ignored("doc/*.txt", "doc/notes.txt"));
  CHECK_FALSE(ignored("doc/*.txt", "doc/old/notes.txt"));
  CHECK_FALSE(ignored("doc/*.txt", "a/doc/notes.txt"));
}

TEST_CASE("two stars match folders, any number of them") {
  CHECK(ignored("**/cache", "cache"));
  CHECK(ignored("**/cache", "a/b/cache"));
  CHECK(ignored("a/**/z", "a/z"));
  CHECK(ignored("a/**/z", "a/b/c/z"));
  CHECK(ignored("data/**", "data/x/y"));
  CHECK_FALSE(ignored("data/**", "data"));
  CHECK_FALSE(ignored("a/**/z", "b/z"));
}

TEST_CASE("a slash at the end means folders only") {
  CHECK(ignored("out/", "out", true));
  CHECK_FALSE(ignored("out/", "out", false));
  CHECK(ignored("/out/", "out", true));
}

TEST_CASE("the last rule that matches decides, and an exclamation mark takes in again") {
  CHECK_FALSE(ignored("*.txt\n!keep.txt", "keep.txt"));
  CHECK(ignored("!keep.txt\n*.txt", "keep.txt"));
}

TEST_CASE("brackets match one of their characters") {
  CHECK(ignored("v[0-9].bin", "v7.bin"));
  CHECK_FALSE(ignored("v[0-9].bin", "vx.bin"));
  CHECK(ignored("v[!0-9].bin", "vx.bin"));
  CHECK(ignored("[]]", "]"));
  CHECK_FALSE(ignored("v[0-9", "v7"));
}

TEST_CASE("comments, blanks and backslashes mean what they mean to git") {
  CHECK_FALSE(ignored("# *.txt\n\n   \n", "a.txt"));
  CHECK(ignored("\\#odd", "#odd"));
  CHECK(ignored("\\!odd", "!odd"));
  CHECK(ignored("a.txt   ", "a.txt"));
  CHECK(ignored("a.txt\r\n", "a.txt"));
  CHECK(ignored("star\\*", "star*"));
  CHECK_FALSE(ignored("star\\*", "starx"));
}

TEST_CASE("by default what no package needs stays out, and everything else comes in") {
  const auto rules = IgnoreRules::defaults();
  for (const auto* folder : {".git", "pkg/__pycache__", ".venv", ".kiln", "build", "build-debug", "x/.pytest_cache"}) {
    CAPTURE(folder);
    CHECK(rules.ignored(folder, true));
  }
  CHECK(rules.ignored(".git", false));  // a submodule's or worktree's
  CHECK(rules.ignored(".kilnignore", false));
  for (const auto* file :
       {"index.py", "bootstrap", "lib/index.so", ".env", "pkg/build.py", "node_modules/a/index.js"}) {
    CAPTURE(file);
    CHECK_FALSE(rules.ignored(file, false));
  }
  // A Python package may well be called build.
  CHECK_FALSE(rules.ignored("pkg/build", true));
}

TEST_CASE("a pattern of many stars is decided, not hung on") {
  CHECK_FALSE(ignored("*a*a*a*a*b", std::string(60, 'a')));
}
