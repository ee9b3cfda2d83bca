# What a function's project finds by find_package(kiln): headers and CMake files, laid out in the build folder as they are
# in an installed tree, so that either is a prefix for it.
include(CMakePackageConfigHelpers)

set(KILN_PACKAGE_DIR lib/cmake/kiln)  # no machine code in it, hence not CMAKE_INSTALL_LIBDIR
set(kiln_package_files ${CMAKE_SOURCE_DIR}/cmake/package/kilnConfig.cmake ${CMAKE_SOURCE_DIR}/cmake/package/KilnFunction.cmake)
set(kiln_function_headers ${CMAKE_SOURCE_DIR}/runtimes/cpp/include/kiln/function.h
  ${CMAKE_SOURCE_DIR}/runtimes/cpp/include/kiln/failure.hpp
  ${CMAKE_SOURCE_DIR}/runtimes/cpp/include/kiln/function.hpp)

write_basic_package_version_file(${CMAKE_BINARY_DIR}/${KILN_PACKAGE_DIR}/kilnConfigVersion.cmake
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
# Copied again whenever one changes, by the next configure step that this causes.
foreach(file IN LISTS kiln_package_files)
  get_filename_component(name ${file} NAME)
  configure_file(${file} ${CMAKE_BINARY_DIR}/${KILN_PACKAGE_DIR}/${name} COPYONLY)
endforeach()
foreach(file IN LISTS kiln_function_headers)
  get_filename_component(name ${file} NAME)
  configure_file(${file} ${CMAKE_BINARY_DIR}/include/kiln/${name} COPYONLY)
endforeach()

install(FILES ${kiln_package_files} ${CMAKE_BINARY_DIR}/${KILN_PACKAGE_DIR}/kilnConfigVersion.cmake
  DESTINATION ${KILN_PACKAGE_DIR} COMPONENT function)
install(FILES ${kiln_function_headers} DESTINATION include/kiln COMPONENT function)
