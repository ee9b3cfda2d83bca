// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/images/layer.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace kiln;
namespace fs = std::filesystem;

namespace {

struct Entry {
  std::string path;
  mode_t type = AE_IFREG;
  std::string text;  ///< content, or what a link points to
  mode_t perm = 0644;
  bool hard_link = false;
};

class Layers {
 public:
  Layers() { fs::create_directory(root()); }
  fs::path root() const { return folder_.path() / "root"; }
  fs::path outside() const { return folder_.path() / "outside"; }

  fs::path archive_of(const std::vector<Entry>& entries) {
    const fs::path file = folder_.path() / ("layer" + std::to_string(++made_) + ".tar.gz");
    archive* const out = ::archive_write_new();
    ::archive_write_add_filter_gzip(out);
    ::archive_write_set_format_pax_restricted(out);
    ::archive_write_open_filename(out, file.c_str());
    for (const Entry& entry : entries) {
      archive_entry* const header = ::archive_entry_new();
      ::archive_entry_set_pathname(header, entry.path.c_str());
      ::archive_entry_set_perm(header, entry.perm);
      ::archive_entry_set_uid(header, 4711);
      if (entry.hard_link) {
        ::archive_entry_set_hardlink(header, entry.text.c_str());
      } else {
        ::archive_entry_set_filetype(header, entry.type);
        if (entry.type == AE_IFLNK) ::archive_entry_set_symlink(header, entry.text.c_str());
        if (entry.type == AE_IFREG) ::archive_entry_set_size(header, static_cast<la_int64_t>(entry.text.size()));
      }
      ::archive_write_header(out, header);
      if (!entry.hard_link && entry.type == AE_IFREG) ::archive_write_data(out, entry.text.data(), entry.text.size());
      ::archive_entry_free(header);
    }
    ::archive_write_close(out);
    ::archive_write_free(out);
    return file;
  }

  void unpack(const std::vector<Entry>& entries) { unpack_layer(archive_of(entries), root(), budget); }

  std::string text(const std::string& path) const {
    std::ifstream in(root() / path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool has(const std::string& path) const { return fs::exists(fs::symlink_status(root() / path)); }

  UnpackBudget budget;

 private:
  const test::TemporaryFolder folder_;
  int made_ = 0;
};

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("A layer lies over those below it") {
  Layers layers;
  layers.unpack({{"./", AE_IFDIR, "", 0755},
                 {"./etc/", AE_IFDIR, "", 0755},
                 {"./etc/a", AE_IFREG, "old"},
                 {"etc/b", AE_IFREG, "kept"},
                 {"/bin/sh", AE_IFREG, "shell", 0755},
                 {"usr/sh", AE_IFREG, "bin/sh", 0755, true},
                 {"lib", AE_IFLNK, "usr/lib"}});
  layers.unpack({{"etc/a", AE_IFREG, "new"}});
  CHECK(layers.text("etc/a") == "new");
  CHECK(layers.text("etc/b") == "kept");
  CHECK(mode_of(layers.root() / "bin/sh") == 0755);
  CHECK(fs::hard_link_count(layers.root() / "bin/sh") == 2);
  CHECK(fs::read_symlink(layers.root() / "lib") == "usr/lib");
}

TEST_CASE("A whiteout takes away what layers below have, wherever in the archive it stands") {
  Layers layers;
  layers.unpack({{"a/one", AE_IFREG, "1"},
                 {"a/two/deep", AE_IFREG, "2"},
                 {"a/three", AE_IFREG, "3"},
                 {"b/x", AE_IFREG, "x"},
                 {"b/y/z", AE_IFREG, "z"}});
  layers.unpack({{"a/.wh.one", AE_IFREG, ""},
                 {"a/.wh.two", AE_IFREG, ""},
                 {"b/new", AE_IFREG, "new"},
                 {"b/.wh..wh..opq", AE_IFREG, ""},
                 {"nowhere/.wh.x", AE_IFREG, ""}});
  CHECK_FALSE(layers.has("a/one"));
  CHECK_FALSE(layers.has("a/two"));
  CHECK(layers.text("a/three") == "3");
  CHECK_FALSE(layers.has("b/x"));
  CHECK_FALSE(layers.has("b/y"));
  CHECK(layers.text("b/new") == "new");
  CHECK_FALSE(layers.has("a/.wh.one"));
  CHECK_FALSE(layers.has("b/.wh..wh..opq"));
}

TEST_CASE("Files and folders take one another's places") {
  Layers layers;
  layers.unpack(
      {{"a", AE_IFREG, "file"}, {"b/inner", AE_IFREG, "x"}, {"c", AE_IFLNK, "b"}, {"d/kept", AE_IFREG, "kept"}});
  layers.unpack({{"a/", AE_IFDIR, "", 0755},
                 {"a/inner", AE_IFREG, "1"},
                 {"b", AE_IFREG, "2"},
                 {"c/", AE_IFDIR, "", 0755},
                 {"c/inner", AE_IFREG, "3"},
                 {"d/", AE_IFDIR, "", 0700}});
  CHECK(layers.text("a/inner") == "1");
  CHECK(layers.text("b") == "2");
  CHECK(layers.text("c/inner") == "3");
  CHECK(fs::is_directory(fs::symlink_status(layers.root() / "c")));
  CHECK(layers.text("d/kept") == "kept");
  CHECK(mode_of(layers.root() / "d") == 0700);
}

TEST_CASE("What is no file, folder or link stays out, and so do the bits that lend an identity") {
  Layers layers;
  layers.unpack({{"dev/kmem", AE_IFCHR, ""},
                 {"pipe", AE_IFIFO, ""},
                 {"su", AE_IFREG, "x", 06755},
                 {"tmp/", AE_IFDIR, "", 01777}});
  CHECK_FALSE(layers.has("dev/kmem"));
  CHECK_FALSE(layers.has("pipe"));
  CHECK(mode_of(layers.root() / "su") == 0755);
  CHECK(mode_of(layers.root() / "tmp") == 01777);
  struct stat status{};
  REQUIRE(::lstat((layers.root() / "su").c_str(), &status) == 0);
  CHECK(status.st_uid == ::geteuid());
}

TEST_CASE("No layer writes, links or takes away outside of its image") {
  Layers layers;
  const fs::path outside = layers.outside();
  fs::create_directory(outside);
  {
    std::ofstream(outside / "victim") << "safe";
  }
  const std::string target = outside.string();
  const auto attempt = [&](const std::vector<std::vector<Entry>>& all) {
    for (const auto& entries : all) {
      try {
        layers.unpack(entries);
      } catch (const std::runtime_error&) {
      }
    }
    std::ifstream in(outside / "victim");
    CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == "safe");
    CHECK(std::distance(fs::directory_iterator(outside), fs::directory_iterator()) == 1);
  };
  attempt({{{"../outside/new", AE_IFREG, "x"}}});
  attempt({{{"a/../../outside/new", AE_IFREG, "x"}}});
  attempt({{{target + "/new", AE_IFREG, "x"}}});
  // Through a link of the layer's own, of a layer below, and relative.
  attempt({{{"link", AE_IFLNK, target}, {"link/new", AE_IFREG, "x"}}});
  attempt({{{"link2", AE_IFLNK, target}}, {{"link2/new", AE_IFREG, "x"}}});
  attempt({{{"link3", AE_IFLNK, "../outside"}}, {{"link3/victim", AE_IFREG, "x"}}});
  attempt({{{"link4", AE_IFLNK, target + "/victim"}}, {{"link4", AE_IFREG, "x"}}});
  attempt(
      {{{"link5", AE_IFLNK, target + "/victim"}, {"hard", AE_IFREG, "link5", 0644, true}, {"hard", AE_IFREG, "x"}}});
  attempt({{{"hard2", AE_IFREG, target + "/victim", 0644, true}, {"hard2", AE_IFREG, "x"}}});
  attempt({{{"hard3", AE_IFREG, "../outside/victim", 0644, true}}});
  // Whiteouts.
  attempt({{{"../outside/.wh.victim", AE_IFREG, ""}}});
  attempt({{{"link6", AE_IFLNK, target}}, {{"link6/.wh.victim", AE_IFREG, ""}}});
  attempt({{{"link7", AE_IFLNK, target}}, {{"link7/.wh..wh..opq", AE_IFREG, ""}}});
  attempt({{{".wh...", AE_IFREG, ""}, {"a/.wh..", AE_IFREG, ""}, {".wh.", AE_IFREG, ""}}});
  CHECK(fs::exists(layers.root()));
}

TEST_CASE("An archive that is broken or too large is refused with a reason") {
  Layers layers;
  const auto reason = [&](const fs::path& file) -> std::string {
    try {
      unpack_layer(file, layers.root(), layers.budget);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return {};
  };
  const fs::path good = layers.archive_of({{"a", AE_IFREG, std::string(100'000, 'x')}, {"b", AE_IFREG, "b"}});
  layers.budget.bytes = 99'999;
  CHECK(reason(good) == "the image is larger than may be unpacked");
  layers.budget.bytes = 1 << 20;
  layers.budget.entries = 1;
  CHECK(reason(good) == "the image has more files than may be unpacked");
  layers.budget = {};
  std::atomic<bool> stopped{true};
  layers.budget.stopped = &stopped;
  CHECK(reason(good) == "the server is stopping");
  stopped = false;
  CHECK(reason(good).empty());
  fs::resize_file(good, fs::file_size(good) / 2);
  CHECK_FALSE(reason(good).empty());
  {
    std::ofstream(layers.root().parent_path() / "garbage") << std::string(10'000, 'g');
  }
  CHECK_FALSE(reason(layers.root().parent_path() / "garbage").empty());
  CHECK_FALSE(reason(layers.root().parent_path() / "nothing").empty());
}
