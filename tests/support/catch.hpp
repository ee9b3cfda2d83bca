// SPDX-License-Identifier: Apache-2.0
// Catch2 in whichever major version the distribution has.
#pragma once

#ifdef KILN_CATCH2_V2
#include <catch2/catch.hpp>
#else
#include <catch2/catch_all.hpp>
#endif
