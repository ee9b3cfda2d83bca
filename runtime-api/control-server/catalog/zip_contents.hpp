// SPDX-License-Identifier: Apache-2.0
// Inflating the entries of a zip whose directory has been judged.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "runtime-api/control-server/catalog/zip_directory.hpp"

namespace kiln {

/// Takes the entries of a zip one after the other. Exceptions pass through inflate_zip().
class EntrySink {
 public:
  virtual ~EntrySink() = default;
  virtual void begin(const ZipEntry& entry, std::time_t modified) = 0;
  virtual void data(std::string_view bytes) = 0;
  virtual void end() = 0;
};

/// Gives every entry of `directory`, which was read from `zip`, to `sink`, in order; never more bytes than declared.
/// Returns why the zip is bad (damaged data, wrong checksum or size), or nothing; the sink has seen part of it then.
std::optional<ZipProblem> inflate_zip(std::string_view zip, const ZipDirectory& directory, EntrySink& sink);

}  // namespace kiln
