# The one place where versions are decided. Everything is a package of the distribution (Debian 12 and 13).
find_package(Threads REQUIRED)

# Headers only. Debian 12 has 1.81 beside its default 1.74; Debian 13 has 1.83.
find_package(Boost 1.81 REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)

# A Python of the distribution, not one that a version manager has put in front of it on PATH.
set(Python_EXECUTABLE /usr/bin/python3 CACHE FILEPATH "The interpreter whose library the Python runtime embeds")
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Embed)
set(PYBIND11_FINDPYTHON ON)
find_package(pybind11 2.10 REQUIRED)

find_package(spdlog 1.10 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(SQLite3 3.40 REQUIRED)
find_package(LibArchive 3.6 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
find_package(PkgConfig REQUIRED)
pkg_check_modules(cpp_httplib REQUIRED IMPORTED_TARGET cpp-httplib)
pkg_check_modules(libseccomp REQUIRED IMPORTED_TARGET libseccomp>=2.5)

# Beast's parser alone, which is headers and needs nothing of Asio but its buffers.
add_library(kiln_beast INTERFACE)
target_link_libraries(kiln_beast INTERFACE Boost::headers)
target_compile_definitions(kiln_beast INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_REGEX)

if(KILN_TESTS)
  find_package(ZLIB REQUIRED)  # tests write their own zips
  find_package(Catch2 REQUIRED)
  # v2 (Debian 12) and v3 (Debian 13) have different headers; tests include "tests/support/catch.hpp".
  if(Catch2_VERSION VERSION_LESS 3)
    set(KILN_CATCH2_V2 ON)
  else()
    set(KILN_CATCH2_V2 OFF)
  endif()
endif()
