# SPDX-License-Identifier: Apache-2.0
# find_package(kiln): what a function's CMake project needs. Found in an installed kiln and in kiln's build folder alike.
#
#   find_package(kiln REQUIRED)
#   kiln_add_function(index index.cpp)   # index.so with the handlers that index.cpp exports by KILN_HANDLER
#   kiln_package(index)                  # index.zip, made by the default target, ready for `kiln deploy`
#
# kiln::function is the include path alone, for those who make their shared object themselves.
get_filename_component(KILN_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET kiln::function)
  add_library(kiln::function INTERFACE IMPORTED)
  set_target_properties(kiln::function PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${KILN_PREFIX}/include")
  # Functions in C, or over bytes alone, can do without; kiln/function.hpp says what is missing where it is needed.
  find_package(nlohmann_json 3 QUIET)
  if(TARGET nlohmann_json::nlohmann_json)
    set_property(TARGET kiln::function PROPERTY INTERFACE_LINK_LIBRARIES nlohmann_json::nlohmann_json)
  endif()
endif()

include("${CMAKE_CURRENT_LIST_DIR}/KilnFunction.cmake")
