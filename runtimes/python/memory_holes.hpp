// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kiln::python {

/// Takes what is free between things in use, for good. A fork that writes a small object into a hole gets a copy of the whole
/// page; afterwards what it makes lies side by side, in pages that are its own from the start. With the GIL held.
void fill_memory_holes();

}  // namespace kiln::python
