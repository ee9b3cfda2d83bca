// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/locale.hpp"

#include <clocale>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace kiln::python {
namespace {

constexpr const char* usual_locale = "en_US.UTF-8";

bool usual_locale_is_missing = false;

const char* variable(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread yet
  return value != nullptr ? value : "";
}

const char* wanted_locale() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = variable(name);
    if (*value != '\0') return value;
  }
  return "";
}

bool set_locale(const char* name) {
  return std::setlocale(LC_CTYPE, name) != nullptr;  // NOLINT(concurrency-mt-unsafe): likewise
}

}  // namespace

void look_for_usual_locale() { usual_locale_is_missing = !set_locale(usual_locale); }

void adopt_locale() {
  // LOCPATH may be where the function has one of its own.
  const bool known_to_be_missing =
      usual_locale_is_missing && std::strcmp(wanted_locale(), usual_locale) == 0 && *variable("LOCPATH") == '\0';
  if (known_to_be_missing || !set_locale("")) set_locale("C");
}

}  // namespace kiln::python
