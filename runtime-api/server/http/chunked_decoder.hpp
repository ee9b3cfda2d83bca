// SPDX-License-Identifier: Apache-2.0
// Chunked transfer coding, read strictly (RFC 9112, section 7.1). Trailers are kept apart from the head's fields, and
// bounded: no trailer can stand in for a field that decides anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime-api/server/http/message.hpp"

namespace kiln::http {

class ChunkedDecoder {
 public:
  enum class State { more, done, bad };

  struct Step {
    std::size_t consumed = 0;  ///< bytes of the input that are used up
    std::string_view data;     ///< body bytes, a part of the input
    State state = State::more;
  };

  /// Reads on from the start of `input`. Call again with the rest while something was consumed or more has come.
  Step step(std::string_view input);
  /// The trailers, complete once a step has said `done`.
  const std::vector<Field>& trailers() const { return trailers_; }

 private:
  enum class Part { size_line, data, data_end, trailers, finished, failed };

  Step fail();
  bool take_line(std::string_view input, std::size_t& consumed);
  bool read_size();
  bool read_trailer();

  Part part_ = Part::size_line;
  std::uint64_t left_ = 0;
  std::string line_;  // an unfinished size line or trailer
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::vector<Field> trailers_;
};

}  // namespace kiln::http
