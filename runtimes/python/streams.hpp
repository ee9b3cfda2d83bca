// SPDX-License-Identifier: Apache-2.0
// What a function has written but not yet sent.
#pragma once

namespace kiln::python {

/// Writes out what sys.stdout, sys.stderr and C's stdout still hold; errors are ignored, for there is nobody left to
/// tell. Text is never held back (embedded/start.py), only bytes that went to sys.stdout.buffer or through C's stdio.
/// With the GIL held; leaves no Python exception set.
void flush_streams();

}  // namespace kiln::python
