// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/images/oci_layout.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "runtime-api/control-server/catalog/digest.hpp"
#include "runtime-api/control-server/launchers/descriptor.hpp"

namespace kiln {
namespace {

using nlohmann::json;

constexpr std::string_view algorithm = "sha256:";
constexpr std::size_t hex_digits = 64;
constexpr std::uintmax_t max_document = 4 << 20;
constexpr const char* ref_name = "org.opencontainers.image.ref.name";

bool is_digest(std::string_view text) {
  return text.starts_with(algorithm) && text.size() == algorithm.size() + hex_digits &&
         std::all_of(text.begin() + algorithm.size(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string read_small(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (!in || error) throw std::runtime_error("cannot read " + file.string());
  if (size > max_document) throw std::runtime_error(file.string() + " is too large for what it is to be");
  return {std::istreambuf_iterator<char>(in), {}};
}

json parse(const std::string& text, const std::string& what) {
  json document = json::parse(text, nullptr, false);
  if (!document.is_object()) throw std::runtime_error(what + " is not a JSON object");
  return document;
}

/// The name that images have for this machine's architecture.
std::string architecture() {
  utsname names{};
  ::uname(&names);
  std::string machine = names.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

std::string text_member(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

const json& array_member(const json& object, const char* name, const std::string& what) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_array()) throw std::runtime_error(what + " has no list \"" + name + "\"");
  return *at;
}

bool for_this_machine(const json& descriptor) {
  const auto platform = descriptor.find("platform");
  if (platform == descriptor.end() || !platform->is_object()) return true;
  return text_member(*platform, "architecture") == architecture() && text_member(*platform, "os") == "linux";
}

}  // namespace

bool has_digest(const std::filesystem::path& file, const std::string& digest) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!in || ::fstat(in.get(), &status) != 0) {
    throw std::runtime_error("cannot read " + file.string() + ": " + std::generic_category().message(errno));
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return std::string(algorithm) + sha256({}).hex() == digest;
  void* const bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, in.get(), 0);
  if (bytes == MAP_FAILED) throw std::runtime_error("cannot map " + file.string());
  const std::string found = std::string(algorithm) + sha256({static_cast<const char*>(bytes), size}).hex();
  ::munmap(bytes, size);
  return found == digest;
}

std::filesystem::path OciLayout::blob(const std::string& digest) const {
  if (!is_digest(digest))
    throw std::runtime_error("'" + digest.substr(0, 100) + "' is no digest that is known here (sha256)");
  return folder_ / "blobs" / "sha256" / digest.substr(algorithm.size());
}

std::string OciLayout::document(const std::string& digest) const {
  const std::filesystem::path file = blob(digest);
  std::string text = read_small(file);
  if (std::string(algorithm) + sha256(text).hex() != digest) {
    throw std::runtime_error(file.string() + " is not what its name says");
  }
  return text;
}

std::string OciLayout::resolve(const std::string& reference) const {
  const std::filesystem::path file = folder_ / "index.json";
  const json index = parse(read_small(file), file.string());
  const auto at = reference.find('@');
  const std::string wanted = at == std::string::npos ? reference : reference.substr(at + 1);
  const std::string what = file.string();  // a temporary makes GCC 13 and later take the list for one of its parts
  std::string names;
  for (const json& descriptor : array_member(index, "manifests", what)) {
    if (!descriptor.is_object()) continue;
    const std::string digest = text_member(descriptor, "digest");
    const auto annotations = descriptor.find("annotations");
    const std::string name =
        annotations != descriptor.end() && annotations->is_object() ? text_member(*annotations, ref_name) : "";
    if (wanted == digest || (!name.empty() && wanted == name)) return digest;
    if (!name.empty()) names += (names.empty() ? "" : ", ") + name;
  }
  throw std::runtime_error("there is no image '" + reference + "' in " + folder_.string() +
                           (names.empty() ? ", which names none" : "; it has " + names.substr(0, 500)));
}

std::string OciLayout::only() const {
  const std::filesystem::path file = folder_ / "index.json";
  const json index = parse(read_small(file), file.string());
  const std::string what = file.string();
  const json& images = array_member(index, "manifests", what);
  if (images.size() != 1 || !images[0].is_object()) throw std::runtime_error(what + " does not name one image");
  return text_member(images[0], "digest");
}

ImageManifest OciLayout::manifest(const std::string& digest) const {
  ImageManifest image;
  image.digest = digest;
  json document_json = parse(document(digest), "image " + digest);
  if (document_json.contains("manifests")) {
    const json list = array_member(document_json, "manifests", "index " + digest);
    const auto found =
        std::find_if(list.begin(), list.end(), [](const json& d) { return d.is_object() && for_this_machine(d); });
    if (found == list.end()) throw std::runtime_error("image " + digest + " is not made for " + architecture());
    image.digest = text_member(*found, "digest");
    document_json = parse(document(image.digest), "image " + image.digest);
  }
  const std::string what = "image " + image.digest;
  for (const json& layer : array_member(document_json, "layers", what)) {
    const std::string layer_digest = layer.is_object() ? text_member(layer, "digest") : "";
    image.layers.push_back(blob(layer_digest));
  }
  const auto config = document_json.find("config");
  if (config == document_json.end() || !config->is_object()) throw std::runtime_error(what + " has no configuration");
  const json configuration = parse(document(text_member(*config, "digest")), what + ": its configuration");
  const auto inner = configuration.find("config");
  if (inner != configuration.end() && inner->is_object() && inner->contains("Env") && (*inner)["Env"].is_array()) {
    for (const json& variable : (*inner)["Env"]) {
      if (variable.is_string()) image.environment.push_back(variable.get<std::string>());
    }
  }
  return image;
}

}  // namespace kiln
