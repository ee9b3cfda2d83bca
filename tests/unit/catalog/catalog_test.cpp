// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/catalog.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "tests/unit/catalog/result_text.hpp"
#include "tests/unit/catalog/temporary_folder.hpp"

using namespace kiln;
using kiln::test::TemporaryFolder;

namespace {

FunctionConfiguration function(const std::string& name) {
  FunctionConfiguration out;
  out.name = name;
  out.arn = function_arn({}, name);
  out.runtime = "python3.11";
  out.handler = "index.handler";
  out.code_sha256_hex = std::string(64, 'a');
  out.code_size = 10;
  out.architectures = {"x86_64"};
  return out;
}

std::optional<ServiceError> keep(FunctionConfiguration&) { return std::nullopt; }

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

TEST_CASE("everything about a function survives a restart") {
  const TemporaryFolder folder;
  FunctionConfiguration wanted = function("hello");
  wanted.role = "arn:aws:iam::000000000000:role/r";
  wanted.description = "grüße \"quoted\"";
  wanted.memory_mb = 512;
  wanted.timeout_s = 30;
  wanted.environment = {{"KEY", "value"}, {"EMPTY", ""}};
  wanted.ephemeral_storage_mb = 1'024;
  wanted.tracing_mode = "Active";
  wanted.logging = {"JSON", "DEBUG", "WARN", "/my/group"};
  wanted.layers = {{"arn:layer", 7}};
  wanted.tags = {{"a", "b"}};
  wanted.kiln = {4, 8, 2, "mon 08:00-18:00=3", 120, "command", "localhost/mine:1", "127.0.0.1:9100", true, "tables"};
  std::string revision;
  {
    Catalog catalog(folder / "kiln.db", {});
    const auto written = catalog.create(wanted);
    REQUIRE(written);
    revision = written->function.revision_id;
    CHECK(revision.size() == 36);
    CHECK(written->function.last_modified.size() == 28);
    REQUIRE(catalog.bind({"", "hello", "GET", "/hello/{who}"}));
  }
  const Catalog catalog(folder / "kiln.db", {});
  const auto found = catalog.find("hello");
  REQUIRE(found);
  CHECK(found->revision_id == revision);
  CHECK(found->description == wanted.description);
  CHECK(found->environment == wanted.environment);
  CHECK(found->memory_mb == 512);
  CHECK(found->timeout_s == 30);
  CHECK(found->ephemeral_storage_mb == 1'024);
  CHECK(found->tracing_mode == "Active");
  CHECK(found->logging.group == "/my/group");
  CHECK(found->logging.application_level == "DEBUG");
  REQUIRE(found->layers.size() == 1);
  CHECK(found->layers[0].code_size == 7);
  CHECK(found->tags == wanted.tags);
  CHECK(found->kiln.max_instances == 8);
  CHECK(found->kiln.min_instances == 2);
  CHECK(found->kiln.idle_seconds == 120);
  CHECK(found->kiln.isolation == "command");
  CHECK(found->kiln.image == "localhost/mine:1");
  REQUIRE(catalog.triggers().size() == 1);
  CHECK(catalog.triggers()[0].path == "/hello/{who}");
}

TEST_CASE("a name can be taken once") {
  const TemporaryFolder folder;
  Catalog catalog(folder / "kiln.db", {});
  REQUIRE(catalog.create(function("hello")));
  const auto again = catalog.create(function("hello"));
  REQUIRE_FALSE(again);
  CHECK(again.error() == ServiceError{409, "ResourceConflictException", "Function already exist: hello"});
}

TEST_CASE("an update changes the revision and holds to the one it was given") {
  const TemporaryFolder folder;
  Catalog catalog(folder / "kiln.db", {});
  const auto created = catalog.create(function("hello"));
  REQUIRE(created);
  const auto updated = catalog.update("hello", created->function.revision_id, [](FunctionConfiguration& f) {
    f.memory_mb = 256;
    return std::optional<ServiceError>();
  });
  REQUIRE(updated);
  CHECK(updated->function.revision_id != created->function.revision_id);
  CHECK(updated->sequence > created->sequence);
  CHECK(catalog.find("hello")->memory_mb == 256);

  const auto stale = catalog.update("hello", created->function.revision_id, keep);
  REQUIRE_FALSE(stale);
  CHECK(stale.error().status == 412);
  const auto missing = catalog.update("nobody", std::nullopt, keep);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().status == 404);
}

TEST_CASE("an update that is refused changes nothing") {
  const TemporaryFolder folder;
  Catalog catalog(folder / "kiln.db", {});
  const auto created = catalog.create(function("hello"));
  REQUIRE(created);
  const auto refused = catalog.update("hello", std::nullopt, [](FunctionConfiguration& f) {
    f.memory_mb = 999;
    return std::optional<ServiceError>({400, "No", "no"});
  });
  REQUIRE_FALSE(refused);
  CHECK(catalog.find("hello")->memory_mb == 128);
  CHECK(catalog.find("hello")->revision_id == created->function.revision_id);
}

TEST_CASE("deleting a function takes its triggers along") {
  const TemporaryFolder folder;
  Catalog catalog(folder / "kiln.db", {});
  REQUIRE(catalog.create(function("one")));
  REQUIRE(catalog.create(function("two")));
  REQUIRE(catalog.bind({"", "one", "GET", "/one"}));
  REQUIRE(catalog.bind({"", "two", "GET", "/two"}));
  REQUIRE(catalog.remove("one"));
  CHECK_FALSE(catalog.find("one"));
  REQUIRE(catalog.triggers().size() == 1);
  CHECK(catalog.triggers()[0].function_name == "two");
  const auto again = catalog.remove("one");
  REQUIRE_FALSE(again);
  CHECK(again.error().message == "Function not found: arn:aws:lambda:us-east-1:000000000000:function:one");
}

TEST_CASE("functions are listed by name, a page at a time") {
  const TemporaryFolder folder;
  Catalog catalog(folder / "kiln.db", {});
  for (const char* name : {"delta", "alpha", "charlie", "bravo", "echo"}) REQUIRE(catalog.create(function(name)));
  std::vector<std::string> names;
  std::string after;
  std::vector<std::size_t> pages;
  do {
    const auto page = catalog.list(after, 2);
    pages.push_back(page.functions.size());
    for (const auto& one : page.functions) names.push_back(one.name);
    after = page.marker;
  } while (!after.empty());
  CHECK(names == std::vector<std::string>{"alpha", "bravo", "charlie", "delta", "echo"});
  CHECK(pages == std::vector<std::size_t>{2, 2, 1});
  CHECK(catalog.list("", 5).marker.empty());
  CHECK(catalog.all().size() == 5);
}

TEST_CASE("the code in use and its size are known") {
  const TemporaryFolder folder;
  Catalog catalog(folder / "kiln.db", {});
  auto other = function("other");
  other.code_sha256_hex = std::string(64, 'b');
  REQUIRE(catalog.create(function("one")));
  REQUIRE(catalog.create(function("two")));
  REQUIRE(catalog.create(other));
  CHECK(catalog.code_in_use() == std::set<std::string>{std::string(64, 'a'), std::string(64, 'b')});
  CHECK(catalog.usage().functions == 3);
  CHECK(catalog.usage().code_bytes == 30);
}

TEST_CASE("a method and path belong to one function") {
  const TemporaryFolder folder;
  Catalog catalog(folder / "kiln.db", {});
  REQUIRE(catalog.create(function("one")));
  REQUIRE(catalog.create(function("two")));
  const auto first = catalog.bind({"", "one", "GET", "/users/{id}"});
  REQUIRE(first);
  CHECK(first->trigger.id.size() == 10);

  SECTION("the same binding again is the same trigger") {
    const auto again = catalog.bind({"", "one", "GET", "/users/{id}"});
    REQUIRE(again);
    CHECK(again->trigger == first->trigger);
    CHECK(catalog.triggers().size() == 1);
  }
  SECTION("another parameter name on the same function renames it") {
    const auto renamed = catalog.bind({"", "one", "GET", "/users/{name}"});
    REQUIRE(renamed);
    CHECK(renamed->trigger.id == first->trigger.id);
    CHECK(catalog.triggers()[0].path == "/users/{name}");
  }
  SECTION("another function is refused and the owner named, whatever the parameter is called") {
    const auto conflict = catalog.bind({"", "two", "GET", "/users/{other}"});
    REQUIRE_FALSE(conflict);
    CHECK(conflict.error().status == 409);
    CHECK(conflict.error().type == "ResourceConflictException");
    CHECK(conflict.error().message.find("function one") != std::string::npos);
    CHECK(catalog.triggers()[0].function_name == "one");
  }
  SECTION("another method, or ANY, is another binding") {
    CHECK(catalog.bind({"", "two", "POST", "/users/{id}"}));
    CHECK(catalog.bind({"", "two", "ANY", "/users/{id}"}));
    CHECK(catalog.triggers().size() == 3);
    CHECK(catalog.triggers("two").size() == 2);
  }
  SECTION("a function must exist") {
    const auto missing = catalog.bind({"", "nobody", "GET", "/x"});
    REQUIRE_FALSE(missing);
    CHECK(missing.error().status == 404);
  }
  SECTION("it can be taken back once") {
    const auto removed = catalog.unbind(first->trigger.id);
    REQUIRE(removed);
    CHECK(removed->trigger == first->trigger);
    CHECK(catalog.triggers().empty());
    CHECK(catalog.trigger_snapshot().sequence == removed->sequence);
    const auto again = catalog.unbind(first->trigger.id);
    REQUIRE_FALSE(again);
    CHECK(again.error().status == 404);
  }
}

TEST_CASE("writes from several threads all happen, in one order") {
  const TemporaryFolder folder;
  Catalog catalog(folder / "kiln.db", {});
  REQUIRE(catalog.create(function("hello")));
  constexpr int rounds = 25;
  std::vector<std::uint64_t> sequences[2];
  const auto count = [&](std::vector<std::uint64_t>& out) {
    for (int i = 0; i < rounds; ++i) {
      const auto written = catalog.update("hello", std::nullopt, [](FunctionConfiguration& f) {
        f.memory_mb += 1;
        return std::optional<ServiceError>();
      });
      out.push_back(written->sequence);
    }
  };
  std::thread other([&] { count(sequences[0]); });
  count(sequences[1]);
  other.join();
  CHECK(catalog.find("hello")->memory_mb == 128 + 2 * rounds);
  std::vector<std::uint64_t> all = sequences[0];
  all.insert(all.end(), sequences[1].begin(), sequences[1].end());
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST_CASE("a file that is no database is refused by name and left as it is") {
  const TemporaryFolder folder;
  const auto file = folder / "kiln.db";
  std::ofstream(file) << std::string(5'000, 'x');
  try {
    const Catalog catalog(file, {});
    FAIL("it was opened");
  } catch (const CatalogUnusable& error) {
    CHECK(std::string(error.what()).find(file.string()) != std::string::npos);
  }
  CHECK(read_file(file) == std::string(5'000, 'x'));
}

TEST_CASE("a folder that is not there is an error that names the file") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(Catalog(folder / "missing/kiln.db", {}), CatalogUnusable);
}

TEST_CASE("a file of a newer kiln is refused") {
  const TemporaryFolder folder;
  const auto file = folder / "kiln.db";
  {
    const Catalog catalog(file, {});
  }
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open(file.c_str(), &raw) == SQLITE_OK);
  sqlite3_exec(raw, "PRAGMA user_version=99", nullptr, nullptr, nullptr);
  sqlite3_close(raw);
  try {
    const Catalog catalog(file, {});
    FAIL("it was opened");
  } catch (const CatalogUnusable& error) {
    CHECK(std::string(error.what()).find("newer kiln") != std::string::npos);
  }
}

TEST_CASE("with any byte of the file damaged the catalog opens or says why not") {
  const TemporaryFolder folder;
  const auto file = folder / "kiln.db";
  {
    Catalog catalog(file, {});
    for (int i = 0; i < 5; ++i) REQUIRE(catalog.create(function("f" + std::to_string(i))));
    REQUIRE(catalog.bind({"", "f1", "GET", "/x"}));
  }
  const std::string good = read_file(file);
  std::mt19937 random(42);
  for (int round = 0; round < 200; ++round) {
    std::string bytes = good;
    const std::size_t at = random() % bytes.size();
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    const auto damaged = folder / "damaged.db";
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(damaged.string() + suffix);
    std::ofstream(damaged, std::ios::binary) << bytes;
    try {
      Catalog catalog(damaged, {});
      for (const auto& one : catalog.all()) catalog.find(one.name);
      catalog.triggers();
    } catch (const std::runtime_error& error) {
      CHECK(std::string(error.what()).size() > 10);
    }
    CHECK(std::filesystem::exists(damaged));
  }
}
