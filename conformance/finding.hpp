// SPDX-License-Identifier: Apache-2.0
// How a case ends early, and the words it judges with.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace kiln::conformance {

/// Thrown by a case: the promise is not kept.
struct Finding {
  std::string expected;
  std::string found;
};

/// Thrown by a case that does not apply to this subject.
struct NotOffered {
  std::string reason;
};

/// The subject cannot be tried at all (no such program, nobody listens). `what` names the cause and the way out.
class CannotRun : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// `bytes` for people: quoted, what does not print as \xNN, the middle of long ones left out with their size.
std::string shown(std::string_view bytes);

/// Throws Finding unless `kept`.
void expect(bool kept, std::string expected, std::string found);

/// Throws Finding unless `found` is `expected` to the byte. `what` names it: "the body".
void expect_text(std::string_view what, std::string_view expected, std::string_view found);

/// Throws Finding unless both texts are the same JSON value.
void expect_json(std::string_view what, std::string_view expected, std::string_view found);

}  // namespace kiln::conformance
