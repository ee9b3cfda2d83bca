# How every target of kiln is made: one target a folder, warnings as errors, sanitizers, includes from the repository root.

add_library(kiln_options INTERFACE)
target_include_directories(kiln_options INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(kiln_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wformat=2 -Wundef
  $<$<BOOL:${KILN_WERROR}>:-Werror>
  # g++ 12 reports these from inside its own headers once std::string is inlined into coroutines.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds
    -Wno-dangling-pointer -Wno-mismatched-new-delete>)
if(KILN_SANITIZE)
  target_compile_options(kiln_options INTERFACE -fsanitize=${KILN_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(kiln_options INTERFACE -fsanitize=${KILN_SANITIZE})
endif()

# kiln_library(name SOURCES… [PUBLIC targets…] [PRIVATE targets…] [PCH headers…])
function(kiln_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE;PCH")
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC kiln_options ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  if(arg_PCH)
    target_precompile_headers(${name} PRIVATE ${arg_PCH})
  endif()
endfunction()

# kiln_executable(name SOURCES… [PRIVATE targets…] [PCH headers…])
function(kiln_executable name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PRIVATE;PCH")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE kiln_options ${arg_PRIVATE})
  if(arg_PCH)
    target_precompile_headers(${name} PRIVATE ${arg_PCH})
  endif()
endfunction()

# kiln_runtime(name SOURCES… [PRIVATE targets…]): an executable called `bootstrap` in libexec/kiln/<name>/.
function(kiln_runtime runtime)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PRIVATE")
  string(MAKE_C_IDENTIFIER "kiln_runtime_${runtime}" target)
  add_executable(${target} ${arg_SOURCES})
  target_link_libraries(${target} PRIVATE kiln_options ${arg_PRIVATE})
  set_target_properties(${target} PROPERTIES OUTPUT_NAME bootstrap
    RUNTIME_OUTPUT_DIRECTORY ${KILN_LIBEXEC_OUTPUT}/${runtime})
  # A component of its own, so that one runtime can be installed without all of kiln being built.
  install(TARGETS ${target} DESTINATION ${KILN_LIBEXECDIR}/${runtime} COMPONENT ${target})
endfunction()
