// SPDX-License-Identifier: Apache-2.0
// Every way a function cannot be loaded: posted as an init error, printed, and the process ends with 1.
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tests/integration/cpp_runtime/cpp_instance.hpp"
#include "tests/support/catch.hpp"

using namespace kiln::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// A task root of the test's own, removed at its end.
class TaskRoot {
 public:
  TaskRoot() {
    std::string name = fs::temp_directory_path() / "kiln-task-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TaskRoot() { fs::remove_all(path_); }
  TaskRoot(const TaskRoot&) = delete;
  TaskRoot& operator=(const TaskRoot&) = delete;

  /// Puts the test function there, under `name`.
  void put_function(const std::string& name) const {
    const fs::path target = path_ / name;
    fs::create_directories(target.parent_path());
    fs::copy_file(KILN_TEST_FUNCTIONS "/misbehave.so", target);
  }
  void put_text(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }
  std::string path() const { return path_; }

 private:
  fs::path path_;
};

/// The body of the init error that this instance posts; checks what all of them have in common.
json init_error(CppInstance& instance) {
  const WireRequest post = instance.platform.read();
  CHECK(post.path == "/2018-06-01/runtime/init/error");
  const json body = json::parse(post.body);
  CHECK(body["errorType"] == post.field("Lambda-Runtime-Function-Error-Type"));
  CHECK(body["requestId"] == json(""));
  CHECK(body["stackTrace"] == json::array());
  instance.platform.send(accepted());
  CHECK(instance.process.wait().code == 1);
  CHECK(instance.process.output().find(body["errorMessage"].get<std::string>()) != std::string::npos);
  return body;
}

}  // namespace

TEST_CASE("A handler name without a dot, or with nothing beside it, is malformed") {
  const std::string handler = GENERATE(as<std::string>{}, "misbehave", "", ".handler", "misbehave.", ".");
  CppInstance instance(handler);
  const json error = init_error(instance);
  CHECK(error["errorType"] == "Runtime.MalformedHandlerName");
  CHECK(error["errorMessage"].get<std::string>().find("'" + handler + "'") != std::string::npos);
}

TEST_CASE("A module that is not there is named with its path") {
  CppInstance instance("nowhere.handler");
  const json error = init_error(instance);
  CHECK(error["errorType"] == "Runtime.ImportModuleError");
  const std::string message = error["errorMessage"];
  CHECK(message.find("Unable to import module 'nowhere'") == 0);
  CHECK(message.find(KILN_TEST_FUNCTIONS "/nowhere.so") != std::string::npos);
}

TEST_CASE("A file that is no shared object is refused with the loader's words") {
  const TaskRoot root;
  root.put_text("index.so", "print('I am Python')");
  CppInstance instance("index.handler", {}, root.path());
  const json error = init_error(instance);
  CHECK(error["errorType"] == "Runtime.ImportModuleError");
  CHECK(error["errorMessage"].get<std::string>().find("index.so") != std::string::npos);
}

TEST_CASE("A module without the handler says how to export it") {
  CppInstance instance("misbehave.nope");
  const json error = init_error(instance);
  CHECK(error["errorType"] == "Runtime.HandlerNotFound");
  CHECK(error["errorMessage"].get<std::string>().find("Handler 'nope' missing on module 'misbehave'") == 0);
}

TEST_CASE("What is thrown while a module is loaded is its init error, whichever standard library threw it") {
  struct Case {
    std::string thrown, type, message;
  };
  const auto expected = GENERATE(values<Case>({{"std", "std::out_of_range", "no such table"},
                                               {"named", "Tables.Missing", "no such table"},
                                               {"text", "char const*", "just text"},
                                               {"number", "int", "42"}}));
  const std::string module = GENERATE(as<std::string>{}, "throws_in_init", "throws_in_init_shared");
  INFO(module << expected.thrown);
  CppInstance instance(module + ".handler", {"THROW=" + expected.thrown});
  const json error = init_error(instance);
  CHECK(error["errorType"] == expected.type);
  CHECK(error["errorMessage"] == expected.message);
}

TEST_CASE("A module whose static objects do not throw is loaded, whichever standard library it has") {
  const std::string module = GENERATE(as<std::string>{}, "throws_in_init", "throws_in_init_shared");
  CppInstance instance(module + ".handler");
  CHECK(instance.result(json(1)) == json(1));
}

TEST_CASE("A module of another ABI version is never called") {
  const std::string module = GENERATE(as<std::string>{}, "other_abi", "no_abi");
  CppInstance instance(module + ".handler");
  CHECK(init_error(instance)["errorType"] == "Runtime.AbiMismatch");
}

TEST_CASE("A module is found in a folder, by slash or by dot, and by an absolute path") {
  const TaskRoot root;
  root.put_function("dir/sub/mod.so");
  root.put_function("v1.2.so");
  for (const std::string& handler : {std::string("dir/sub/mod.handler"), std::string("dir.sub.mod.handler"),
                                     std::string("v1.2.handler"), root.path() + "/dir/sub/mod.handler"}) {
    CppInstance instance(handler, {}, root.path());
    CHECK(instance.result(json{{"a", 1}}) == json{{"a", 1}});
  }
}
