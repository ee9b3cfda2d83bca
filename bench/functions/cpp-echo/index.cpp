// SPDX-License-Identifier: Apache-2.0
// Answers with the event's own bytes.
#include <kiln/function.hpp>

#include <utility>

kiln::Bytes handler(kiln::Bytes event) { return {std::move(event.data)}; }

KILN_HANDLER(handler)
