// SPDX-License-Identifier: Apache-2.0
// Nothing of its own: the one source with which the precompiled header that all tests share is made.
#include "tests/support/catch.hpp"
