# SPDX-License-Identifier: Apache-2.0
# How a function becomes a shared object, and the shared object a code package.
include_guard(GLOBAL)

# kiln_add_function(name source… [DYNAMIC_LIBSTDCXX]): a target `name` that makes name.so.
#
# The C++ standard library is linked in: a cold start then need not find and bind it, which is two fifths of the whole.
# Say DYNAMIC_LIBSTDCXX where the function links other C++ libraries as shared objects; two copies of the standard library
# in one function would not catch each other's exceptions.
function(kiln_add_function name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "DYNAMIC_LIBSTDCXX" "" "")
  if(NOT arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "kiln_add_function(${name}) names no source: kiln_add_function(${name} ${name}.cpp)")
  endif()
  add_library(${name} MODULE ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE kiln::function)
  set_target_properties(${name} PROPERTIES
    PREFIX "" SUFFIX ".so"
    KILN_FUNCTION TRUE
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    # Shared objects that travel in the package are found beside the function, wherever it is unpacked.
    BUILD_RPATH "$ORIGIN;$ORIGIN/lib" INSTALL_RPATH "$ORIGIN;$ORIGIN/lib" BUILD_WITH_INSTALL_RPATH ON)
  if(CMAKE_CXX_COMPILER_LOADED AND NOT CMAKE_CXX_STANDARD)  # a project may be of C alone
    target_compile_features(${name} PRIVATE cxx_std_20)
  endif()
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    target_compile_options(${name} PRIVATE -O2)
  endif()
  set(flags "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${CMAKE_MODULE_LINKER_FLAGS}")
  if(NOT flags MATCHES "-fsanitize")
    # A symbol that nobody defines is better found now than by the first cold start.
    target_link_options(${name} PRIVATE LINKER:-O1 LINKER:--gc-sections LINKER:-z,defs)
    if(NOT arg_DYNAMIC_LIBSTDCXX)
      target_link_options(${name} PRIVATE -static-libgcc $<$<LINK_LANGUAGE:CXX>:-static-libstdc++>
        LINKER:--exclude-libs,ALL LINKER:-Bsymbolic)
    endif()
  endif()
endfunction()

# kiln_package(name [LIBRARIES target…] [FILES file…] [DIRECTORIES folder…]): name.zip in the current binary folder, part of
# the default target, from the function `name`.
#   LIBRARIES    shared libraries the function needs, put into lib/
#   FILES        other files, put beside the function
#   DIRECTORIES  folders, put beside the function with all that is in them
# The zip's path is written to kiln-package.txt in the top binary folder, one line a package, where `kiln deploy` looks.
function(kiln_package name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES;FILES;DIRECTORIES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "kiln_package(${name}): what is ${arg_UNPARSED_ARGUMENTS}? It takes LIBRARIES, FILES and DIRECTORIES")
  endif()
  if(NOT TARGET ${name})
    message(FATAL_ERROR "kiln_package(${name}): there is no target ${name}; make it with kiln_add_function(${name} …) before")
  endif()
  set(zip "${CMAKE_CURRENT_BINARY_DIR}/${name}.zip")
  set(staging "${CMAKE_CURRENT_BINARY_DIR}/CMakeFiles/${name}.package")
  set(contents "$<TARGET_FILE_NAME:${name}>")
  set(copies COMMAND ${CMAKE_COMMAND} -E copy "$<TARGET_FILE:${name}>" "${staging}/")
  set(stripped "${staging}/$<TARGET_FILE_NAME:${name}>")
  set(inputs ${name})
  if(arg_LIBRARIES)
    list(APPEND copies COMMAND ${CMAKE_COMMAND} -E make_directory "${staging}/lib")
    list(APPEND contents lib)
    foreach(library IN LISTS arg_LIBRARIES)
      # Under the name that the function's dynamic section asks for, not the one with the full version.
      list(APPEND copies COMMAND ${CMAKE_COMMAND} -E copy "$<TARGET_FILE:${library}>"
        "${staging}/lib/$<TARGET_SONAME_FILE_NAME:${library}>")
      list(APPEND stripped "${staging}/lib/$<TARGET_SONAME_FILE_NAME:${library}>")
      list(APPEND inputs ${library})
    endforeach()
  endif()
  foreach(file IN LISTS arg_FILES)
    get_filename_component(path "${file}" ABSOLUTE)
    get_filename_component(base "${file}" NAME)
    list(APPEND copies COMMAND ${CMAKE_COMMAND} -E copy "${path}" "${staging}/")
    list(APPEND contents "${base}")
    list(APPEND inputs "${path}")
  endforeach()
  foreach(folder IN LISTS arg_DIRECTORIES)
    get_filename_component(path "${folder}" ABSOLUTE)
    get_filename_component(base "${path}" NAME)
    list(APPEND copies COMMAND ${CMAKE_COMMAND} -E copy_directory "${path}" "${staging}/${base}")
    list(APPEND contents "${base}")
    file(GLOB_RECURSE files CONFIGURE_DEPENDS "${path}/*")
    list(APPEND inputs ${files})
  endforeach()
  set(strip)
  if(CMAKE_STRIP)
    set(strip COMMAND ${CMAKE_STRIP} ${stripped})
  endif()
  add_custom_command(OUTPUT "${zip}"
    COMMAND ${CMAKE_COMMAND} -E rm -rf "${staging}" "${zip}"
    COMMAND ${CMAKE_COMMAND} -E make_directory "${staging}"
    ${copies} ${strip}
    COMMAND ${CMAKE_COMMAND} -E chdir "${staging}" ${CMAKE_COMMAND} -E tar cf "${zip}" --format=zip ${contents}
    DEPENDS ${inputs} COMMENT "Packing ${name}.zip" VERBATIM COMMAND_EXPAND_LISTS)
  add_custom_target(${name}_package ALL DEPENDS "${zip}")
  set_property(GLOBAL APPEND PROPERTY KILN_PACKAGES "${zip}")
  get_property(packages GLOBAL PROPERTY KILN_PACKAGES)
  list(JOIN packages "\n" lines)
  file(WRITE "${CMAKE_BINARY_DIR}/kiln-package.txt" "${lines}\n")
endfunction()
