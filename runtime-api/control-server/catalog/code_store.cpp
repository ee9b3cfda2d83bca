// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/catalog/code_store.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "runtime-api/control-server/catalog/code_tree.hpp"
#include "runtime-api/control-server/catalog/digest.hpp"
#include "runtime-api/control-server/catalog/identifiers.hpp"
#include "runtime-api/control-server/catalog/zip_contents.hpp"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr const char* incoming = ".incoming";
constexpr const char* package_name = "package.zip";
constexpr const char* task_name = "task";

bool is_object_name(std::string_view name) {
  return name.size() == 64 &&
         std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

ServiceError refusal(const ZipProblem& problem, const CodeLimits& limits) {
  const auto invalid = [&](std::string message) {
    return ServiceError{400, "InvalidParameterValueException", std::move(message), problem.detail};
  };
  switch (problem.kind) {
    case ZipProblem::Kind::empty: return invalid("Uploaded file must be a non-empty zip");
    case ZipProblem::Kind::too_large_unpacked:
      return invalid("Unzipped size must be smaller than " + std::to_string(limits.unpacked_bytes) + " bytes");
    case ZipProblem::Kind::too_many_entries:
      return invalid("The uploaded zip must not hold more than " + std::to_string(limits.entries) + " entries");
    case ZipProblem::Kind::malformed: break;
  }
  return invalid("Could not unzip uploaded file. Please check your file, then try to upload again.");
}

/// A folder of this upload alone; gone again unless it has been renamed away.
class Staging {
 public:
  explicit Staging(const fs::path& root) : path_(root / incoming / random_uuid()) {
    fs::create_directory(path_);
    fs::permissions(path_, static_cast<fs::perms>(0755));  // whatever the umask: instances run as other users
  }
  ~Staging() {
    try {
      remove_tree(path_);
    } catch (const std::exception&) {
      // The next start removes it.
    }
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::optional<ServiceError> size_refusal(std::string_view zip, const CodeLimits& limits) {
  if (zip.empty()) return refusal({ZipProblem::Kind::empty, "the upload has no bytes"}, limits);
  if (zip.size() > limits.packed_bytes) {
    return ServiceError{413, "RequestEntityTooLargeException",
                        "Zipped size must be smaller than " + std::to_string(limits.packed_bytes) + " bytes"};
  }
  return std::nullopt;
}

Result<ZipDirectory> judge(std::string_view zip, const CodeLimits& limits) {
  auto read = read_zip_directory(zip, {limits.unpacked_bytes, limits.entries, limits.path_bytes, limits.path_depth});
  if (const auto* problem = std::get_if<ZipProblem>(&read)) return refusal(*problem, limits);
  return std::get<ZipDirectory>(std::move(read));
}

CodeObject object_of(std::string_view zip) {
  const Sha256 hash = sha256(zip);
  return {hash.hex(), hash.base64(), zip.size()};
}

/// A file's bytes, mapped. Throws std::system_error.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path) : size_(fs::file_size(path)) {
    const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    data_ = file.get() < 0 ? MAP_FAILED : ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (data_ == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "cannot read " + path.string());
  }
  ~MappedFile() { ::munmap(data_, size_); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::string_view bytes() const { return {static_cast<const char*>(data_), size_}; }

 private:
  std::size_t size_;
  void* data_;
};

}  // namespace

CodeStore::CodeStore(fs::path root, CodeLimits limits) : root_(std::move(root)), limits_(limits) {
  fs::create_directories(root_);
  remove_tree(root_ / incoming);
  fs::create_directory(root_ / incoming);
  // Uploads in flight are nobody else's business; finished code must be readable by the users instances run as.
  fs::permissions(root_ / incoming, fs::perms::owner_all);
}

Result<CodeObject> CodeStore::put(std::string_view zip) {
  if (std::optional<ServiceError> refused = size_refusal(zip, limits_)) return *refused;
  CodeObject object = object_of(zip);
  if (intact(object.sha256_hex)) return object;
  const Result<ZipDirectory> directory = judge(zip, limits_);
  if (!directory) return directory.error();

  const Staging staging(root_);
  TreeWriter writer(staging.path() / task_name);
  if (const std::optional<ZipProblem> problem = inflate_zip(zip, *directory, writer)) return refusal(*problem, limits_);
  writer.finish();
  write_durably(staging.path() / package_name, zip);
  sync_folder(staging.path());
  const auto fingerprint = tree_fingerprint(staging.path() / task_name);

  const std::lock_guard lock(publish_mutex_);
  if (untouched(object.sha256_hex)) return object;  // another thread was first with the same content
  const fs::path place = root_ / object.sha256_hex;
  if (fs::exists(place)) remove_object(place);  // damaged
  fs::rename(staging.path(), place);
  sync_folder(root_);
  if (fingerprint) remember(object.sha256_hex, *fingerprint);
  return object;
}

Result<CodeObject> CodeStore::check(std::string_view zip) const {
  if (std::optional<ServiceError> refused = size_refusal(zip, limits_)) return *refused;
  CodeObject object = object_of(zip);
  if (task_root(object.sha256_hex)) return object;
  const Result<ZipDirectory> directory = judge(zip, limits_);
  if (!directory) return directory.error();
  NullSink sink;
  if (const std::optional<ZipProblem> problem = inflate_zip(zip, *directory, sink)) return refusal(*problem, limits_);
  return object;
}

std::optional<fs::path> CodeStore::task_root(std::string_view sha256_hex) const {
  if (!is_object_name(sha256_hex)) return std::nullopt;
  fs::path path = root_ / sha256_hex / task_name;
  return fs::is_directory(path) ? std::optional(std::move(path)) : std::nullopt;
}

std::optional<fs::path> CodeStore::package(std::string_view sha256_hex) const {
  if (!is_object_name(sha256_hex)) return std::nullopt;
  fs::path path = root_ / sha256_hex / package_name;
  return fs::is_regular_file(path) ? std::optional(std::move(path)) : std::nullopt;
}

std::optional<std::string> CodeStore::read_package(std::string_view sha256_hex) const {
  const std::optional<fs::path> path = package(sha256_hex);
  if (!path) return std::nullopt;
  return std::string(MappedFile(*path).bytes());
}

bool CodeStore::verify(std::string_view sha256_hex) const {
  const std::optional<fs::path> tree = task_root(sha256_hex);
  if (!tree) return false;
  // Taken first: what is changed while we read is then seen next time.
  const auto fingerprint = tree_fingerprint(*tree);
  if (!fingerprint || !compare(sha256_hex)) return false;
  remember(sha256_hex, *fingerprint);
  return true;
}

bool CodeStore::intact(std::string_view sha256_hex) const { return untouched(sha256_hex) || verify(sha256_hex); }

bool CodeStore::untouched(std::string_view sha256_hex) const {
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(verified_mutex_);
    const auto found = verified_.find(sha256_hex);
    if (found == verified_.end()) return false;
    before = found->second;
  }
  return tree_fingerprint(root_ / sha256_hex / task_name) == before;
}

void CodeStore::remember(std::string_view sha256_hex, std::uint64_t fingerprint) const {
  const std::lock_guard lock(verified_mutex_);
  verified_.insert_or_assign(std::string(sha256_hex), fingerprint);
}

bool CodeStore::compare(std::string_view sha256_hex) const {
  const std::optional<fs::path> zip_path = package(sha256_hex);
  const std::optional<fs::path> tree = task_root(sha256_hex);
  if (!zip_path || !tree || fs::file_size(*zip_path) == 0) return false;
  const MappedFile zip(*zip_path);
  if (sha256(zip.bytes()).hex() != sha256_hex) return false;
  const Result<ZipDirectory> directory = judge(zip.bytes(), limits_);
  if (!directory) return false;
  TreeComparer comparer(*tree);
  return !inflate_zip(zip.bytes(), *directory, comparer) && comparer.same();
}

std::size_t CodeStore::collect(const std::set<std::string>& in_use) {
  const std::lock_guard lock(publish_mutex_);
  std::vector<fs::path> unused;
  for (const fs::directory_entry& entry : fs::directory_iterator(root_)) {
    const std::string name = entry.path().filename().string();
    if (is_object_name(name) && in_use.count(name) == 0) unused.push_back(entry.path());
  }
  for (const fs::path& path : unused) {
    remove_object(path);
    const std::lock_guard forgetting(verified_mutex_);
    verified_.erase(path.filename().string());
  }
  return unused.size();
}

void CodeStore::remove_object(const fs::path& path) const {
  // Out of sight first: an object must never be seen half removed, not even after a crash.
  const fs::path away = root_ / incoming / random_uuid();
  fs::rename(path, away);
  remove_tree(away);
}

}  // namespace kiln
