// SPDX-License-Identifier: Apache-2.0
// A folder in the OCI image layout (opencontainers/image-spec, image-layout.md): index.json names images, blobs are files by
// their hash. Everything read is checked against the hash it was asked by.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace kiln {

/// What an image is made of. Digests are "sha256:HEX".
struct ImageManifest {
  std::string digest;                         ///< of the manifest: names the image
  std::vector<std::filesystem::path> layers;  ///< blobs, lowest first
  std::vector<std::string> environment;       ///< of its configuration
};

class OciLayout {
 public:
  explicit OciLayout(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The digest of the manifest that `reference` names: by the annotation org.opencontainers.image.ref.name, by the digest
  /// itself, or by NAME@DIGEST. Throws std::runtime_error with the reason where there is none.
  std::string resolve(const std::string& reference) const;
  /// The digest of the one image there is. Throws std::runtime_error where there are none or several.
  std::string only() const;
  /// For this machine's architecture, where the digest is that of an index. Throws std::runtime_error.
  ImageManifest manifest(const std::string& digest) const;

 private:
  std::filesystem::path blob(const std::string& digest) const;
  std::string document(const std::string& digest) const;

  const std::filesystem::path folder_;
};

/// Whether the bytes of `file` have that digest. Throws std::runtime_error where it cannot be read.
bool has_digest(const std::filesystem::path& file, const std::string& digest);

}  // namespace kiln
