// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/instances/extension_folder.hpp"

#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace kiln;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> names(const FoundExtensions& found) {
  std::vector<std::string> out;
  for (const ExtensionSpec& one : found.external) out.push_back(one.name);
  return out;
}

}  // namespace

TEST_CASE("Every file of the folder is an extension, in the order of their names") {
  const test::TemporaryFolder folder;
  const fs::path& opt = folder.path();
  folder.write("extensions/b", "#!/bin/sh\n");
  folder.write("extensions/a.sh", "#!/bin/sh\n");
  folder.write("extensions/library/part", "#!/bin/sh\n");
  fs::create_symlink(opt / "extensions" / "b", opt / "extensions" / "link");
  folder.write("beside", "");
  const FoundExtensions found = find_extensions(opt);
  CHECK(found.enabled);
  CHECK(names(found) == std::vector<std::string>{"a.sh", "b", "link"});
  CHECK(found.external.front().executable == opt / "extensions" / "a.sh");
}

TEST_CASE("A folder that is missing, or no folder, has none") {
  const test::TemporaryFolder folder;
  CHECK(names(find_extensions(folder.path() / "nowhere")).empty());
  folder.write("extensions", "");
  const FoundExtensions found = find_extensions(folder.path());
  CHECK(found.enabled);
  CHECK(names(found).empty());
}

TEST_CASE("A folder that is there and cannot be read is no folder without extensions") {
  const test::TemporaryFolder folder;
  const fs::path& opt = folder.path();
  // Not even for root.
  fs::create_symlink("extensions", opt / "extensions");
  const FoundExtensions found = find_extensions(opt);
  CHECK(found.unreadable == std::errc::too_many_symbolic_link_levels);
  fs::remove(opt / "extensions");
  CHECK_FALSE(find_extensions(opt).unreadable);
  folder.write("extensions", "");
  CHECK_FALSE(find_extensions(opt).unreadable);
}

TEST_CASE("One file turns all of them off") {
  const test::TemporaryFolder folder;
  const fs::path& opt = folder.path();
  folder.write("extensions/a", "#!/bin/sh\n");
  folder.write("disable-extensions-jwigqn8j", "");
  const FoundExtensions found = find_extensions(opt);
  CHECK_FALSE(found.enabled);
  CHECK(names(found).empty());
}

TEST_CASE("Extensions do not get what is the runtime's alone") {
  CHECK(extension_environment(
            {"_HANDLER=index.handler", "_X_AMZN_TRACE_ID=1", "AWS_EXECUTION_ENV=AWS_Lambda_python3.11",
             "AWS_LAMBDA_LOG_GROUP_NAME=g", "AWS_LAMBDA_LOG_STREAM_NAME=s", "AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
             "AWS_XRAY_DAEMON_ADDRESS=a", "LAMBDA_RUNTIME_DIR=r", "LAMBDA_TASK_ROOT=t", "AWS_REGION=us-east-1",
             "AWS_LAMBDA_FUNCTION_NAME=f", "LAMBDA_TASK_ROOT_OF_MINE=x", "EMPTY=", "PATH=/bin"}) ==
        std::vector<std::string>{"AWS_REGION=us-east-1", "AWS_LAMBDA_FUNCTION_NAME=f", "LAMBDA_TASK_ROOT_OF_MINE=x",
                                 "EMPTY=", "PATH=/bin"});
}
