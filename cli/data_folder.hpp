// SPDX-License-Identifier: Apache-2.0
// Where `kiln serve` keeps its data unless it is told.
#pragma once

#include <string>

namespace kiln::cli {

/// KILN_DATA; else /var/lib/kiln for root; else $XDG_DATA_HOME/kiln where that is an absolute path; else
/// $HOME/.local/share/kiln; else ./kiln-data. Makes nothing.
std::string default_data_folder();

}  // namespace kiln::cli
