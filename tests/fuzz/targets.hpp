// SPDX-License-Identifier: Apache-2.0
// What is fed with arbitrary bytes: by libFuzzer (KILN_FUZZ), and by the seeded mutations of fuzz_seeds_test.
#pragma once

#include <string_view>

namespace kiln::fuzz {

// Each throws std::logic_error where a promise is broken; the sanitizers find the rest.

/// A head that is accepted holds nothing that could be read in another way.
void request_head(std::string_view input);
/// How the input is cut into pieces changes nothing in what is decoded.
void chunked_decoder(std::string_view input);
/// A connection of an instance with an event at hand: every answer is well formed, and the server always comes to an end.
void connection(std::string_view input);

}  // namespace kiln::fuzz
