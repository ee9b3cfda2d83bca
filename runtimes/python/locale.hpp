// SPDX-License-Identifier: Apache-2.0
// The C library's locale of a process that has become a function's. One thread yet.
#pragma once

namespace kiln::python {

/// In a zygote, whose forks then know it: looks whether this system has the locale that functions have, as the real service
/// sets it. The C library asks for a missing one by six names, each time.
void look_for_usual_locale();

/// Sets what characters are (LC_CTYPE) as the environment says. What the system does not have would leave the locale as it
/// was, which was the zygote's; it becomes "C".
void adopt_locale();

}  // namespace kiln::python
