// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/images/oci_layout.hpp"

#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime-api/control-server/catalog/digest.hpp"
#include "runtime-api/control-server/images/image_store.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace kiln;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

/// A layout with images of no layers.
class Layout {
 public:
  Layout() { write_index(); }

  std::string blob(const std::string& content) {
    const std::string hex = sha256(content).hex();
    folder.write("layout/blobs/sha256/" + hex, content);
    return "sha256:" + hex;
  }
  std::string manifest(const json& environment = json::array()) {
    const std::string config = blob(json{{"config", {{"Env", environment}}}}.dump());
    return blob(json{{"schemaVersion", 2}, {"config", {{"digest", config}}}, {"layers", json::array()}}.dump());
  }
  void name(const std::string& reference, const std::string& digest) {
    manifests.push_back({{"digest", digest}, {"annotations", {{"org.opencontainers.image.ref.name", reference}}}});
    write_index();
  }
  void write_index() { folder.write("layout/index.json", json{{"manifests", manifests}}.dump()); }
  fs::path path() const { return folder.path() / "layout"; }

  test::TemporaryFolder folder;
  json manifests = json::array();
};

template <class F>
std::string reason(F call) {
  try {
    call();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("A reference is a name, a digest, or both") {
  Layout layout;
  const std::string one = layout.manifest({"A=1", "B=2"});
  const std::string two = layout.manifest({"A=2"});
  layout.name("hello:1", one);
  layout.name("hello:2", two);
  const OciLayout images(layout.path());
  CHECK(images.resolve("hello:1") == one);
  CHECK(images.resolve("hello:2") == two);
  CHECK(images.resolve(two) == two);
  CHECK(images.resolve("whatever@" + one) == one);
  CHECK(images.manifest(one).environment == std::vector<std::string>{"A=1", "B=2"});
  CHECK(contains(reason([&] { images.resolve("hello:3"); }), "no image 'hello:3'"));
  CHECK(contains(reason([&] { images.resolve("hello:3"); }), "it has hello:1, hello:2"));
  CHECK_FALSE(reason([&] { images.resolve(""); }).empty());
}

TEST_CASE("Of an image for several machines this one's is taken") {
  Layout layout;
  const std::string ours = layout.manifest({"OURS=1"});
  const auto for_machine = [](const std::string& digest, const std::string& architecture) {
    return json{{"digest", digest}, {"platform", {{"architecture", architecture}, {"os", "linux"}}}};
  };
  const std::string other = layout.manifest({"OTHER=1"});
  const OciLayout images(layout.path());
  const std::string both = layout.blob(
      json{{"manifests", {for_machine(other, "s390x"), for_machine(ours, "amd64"), for_machine(ours, "arm64")}}}
          .dump());
  CHECK(images.manifest(both).digest == ours);
  const std::string none = layout.blob(json{{"manifests", json::array({for_machine(other, "s390x")})}}.dump());
  CHECK(contains(reason([&] { images.manifest(none); }), "is not made for"));
}

TEST_CASE("What is not what its hash says, or no document at all, is refused") {
  Layout layout;
  const std::string good = layout.manifest();
  const OciLayout images(layout.path());
  layout.folder.write("layout/blobs/sha256/" + good.substr(7), "{}");
  CHECK(contains(reason([&] { images.manifest(good); }), "is not what its name says"));
  CHECK(contains(reason([&] { images.manifest("sha256:../../../../etc/passwd"); }), "is no digest"));
  CHECK(contains(reason([&] { images.manifest("md5:" + std::string(64, '0')); }), "is no digest"));
  for (const char* content :
       {"", "[]", "{\"layers\":7}", "{\"layers\":[]}", "{\"layers\":[7]}", "{\"layers\":[],\"config\":{}}",
        "{\"layers\":[],\"config\":{\"digest\":[]}}", "{\"manifests\":{}}"}) {
    INFO(content);
    const std::string digest = layout.blob(content);
    CHECK_FALSE(reason([&] { images.manifest(digest); }).empty());
  }
  layout.folder.write("layout/index.json", "{\"manifests\":[7,{\"annotations\":8},{}]}");
  CHECK_FALSE(reason([&] { images.resolve("x"); }).empty());
  CHECK_FALSE(reason([&] { OciLayout(layout.folder.path() / "nothing").resolve("x"); }).empty());
}

TEST_CASE("The digest of a file is looked at, not believed") {
  const test::TemporaryFolder folder;
  const auto file = folder.write("x", "hello");
  CHECK(has_digest(file, "sha256:" + sha256("hello").hex()));
  CHECK_FALSE(has_digest(file, "sha256:" + sha256("hullo").hex()));
  CHECK(has_digest(folder.write("empty", ""), "sha256:" + sha256("").hex()));
}

TEST_CASE("An image is unpacked once, with the places that things are mounted over") {
  Layout layout;
  const std::string digest = layout.manifest({"A=1"});
  layout.name("hello", digest);
  ImageStore store(layout.path(), layout.folder.path() / "images");
  const auto found = store.find("hello");
  REQUIRE(std::holds_alternative<UnpackedImage>(found));
  const UnpackedImage image = std::get<UnpackedImage>(found);
  CHECK(image.environment == std::vector<std::string>{"A=1"});
  CHECK_FALSE(image.own_bootstrap);
  CHECK_FALSE(image.own_layers);
  struct stat status{};
  REQUIRE(::stat((image.root / "tmp").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 01777);
  CHECK(fs::is_directory(image.root / "var/task"));
  layout.folder.write("images/" + digest.substr(7) + "/var/runtime/bootstrap", "#!/bin/sh");
  layout.folder.write("images/" + digest.substr(7) + "/opt/x", "");
  const auto again = store.find("hello");
  CHECK(std::get<UnpackedImage>(again).own_bootstrap);
  CHECK(std::get<UnpackedImage>(again).own_layers);
  const auto none = store.find("other");
  REQUIRE(std::holds_alternative<std::string>(none));
  CHECK(contains(std::get<std::string>(none), "no image 'other'"));
}
