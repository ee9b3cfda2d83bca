// SPDX-License-Identifier: Apache-2.0
// The system calls a sandboxed program may make: an allow-list, so that what a later kernel adds is refused until somebody
// has looked at it.
#pragma once

#include <string>

namespace kiln {

/// The filter as the kernel takes it (struct sock_filter, one after another). A call that is known and refused fails with
/// EPERM, any other with ENOSYS, so that C libraries fall back to an older one. Throws std::runtime_error.
std::string make_syscall_filter();

}  // namespace kiln
