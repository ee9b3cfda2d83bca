// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

#include <stdexcept>

#include "tests/support/catch.hpp"

using namespace kiln::sandbox;

namespace {

LaunchPlan some_launch() {
  LaunchPlan plan;
  plan.programs = {{"/opt/extensions/x", {"x"}, {}, "/"},
                   {"/var/runtime/bootstrap", {"b", ""}, {"A=1", "B="}, "/var/task"}};
  plan.inherited = 8;
  plan.hostname = "kiln-1";
  plan.mounts = {"/var/task", "/var/runtime"};
  plan.tmp_mb = 512;
  return plan;
}

}  // namespace

TEST_CASE("a launch arrives as it was sent") {
  const LaunchPlan sent = some_launch();
  LaunchPlan got;
  decode(encode(sent), got);
  REQUIRE(got.programs.size() == 2);
  CHECK(got.programs[1].executable == "/var/runtime/bootstrap");
  CHECK(got.programs[1].arguments == std::vector<std::string>{"b", ""});
  CHECK(got.programs[1].environment == std::vector<std::string>{"A=1", "B="});
  CHECK(got.inherited == 8);
  CHECK_FALSE(got.snapshot);
  CHECK(got.mounts == sent.mounts);
  CHECK(got.tmp_mb == 512);
}

TEST_CASE("what a zygote is to be arrives as it was sent") {
  ZygotePlan sent;
  sent.root.folders = {"etc", "tmp"};
  sent.root.trees = {{"/usr", "usr"}};
  sent.modules = {"json", "xml.dom"};
  ZygotePlan got;
  decode(encode(sent), got);
  CHECK(got.root.folders == sent.root.folders);
  CHECK(got.root.trees.at(0).source == "/usr");
  CHECK(got.modules == sent.modules);
  CHECK_THROWS_AS(decode(encode(some_launch()), got), std::runtime_error);
}

TEST_CASE("what completes a snapshot's fork arrives as it was sent") {
  CompletionPlan sent;
  sent.hostname = "kiln-7";
  sent.tmp_mb = 512;
  sent.tmp_files = 1024;
  sent.masked = {"/proc/kcore"};
  CompletionPlan got;
  decode(encode(sent), got);
  CHECK(got.hostname == sent.hostname);
  CHECK(got.tmp_mb == 512);
  CHECK(got.tmp_files == 1024);
  CHECK(got.masked == sent.masked);
}

TEST_CASE("a plan arrives as it was sent, bytes of the filter included") {
  PreparePlan sent;
  sent.uid = 1'900'000'000;
  sent.landlock = true;
  sent.snapshot = true;
  sent.fork_filter = "after it";
  sent.syscall_filter = std::string("\0\1\2\0", 4);
  sent.root.trees = {{"/usr", "usr"}};
  sent.root.files = {{"etc/passwd", "a\nb\n"}};
  PreparePlan got;
  decode(encode(sent), got);
  CHECK(got.uid == sent.uid);
  CHECK(got.landlock);
  CHECK_FALSE(got.user_namespace);
  CHECK(got.snapshot);
  CHECK(got.fork_filter == "after it");
  CHECK_FALSE(got.fork_landlock);
  CHECK(got.syscall_filter == sent.syscall_filter);
  REQUIRE(got.root.trees.size() == 1);
  CHECK(got.root.trees[0].target == "usr");
  CHECK(got.root.files.at(0).content == "a\nb\n");
}

TEST_CASE("bytes that are no message are refused, wherever they end") {
  const std::string whole = encode(some_launch());
  LaunchPlan got;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_THROWS_AS(decode(std::string_view(whole).substr(0, size), got), std::runtime_error);
  }
  CHECK_THROWS_AS(decode(whole + "x", got), std::runtime_error);
  CHECK_THROWS_AS(decode(std::string(16, '\xff'), got), std::runtime_error);
}
