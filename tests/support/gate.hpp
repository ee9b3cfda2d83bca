// SPDX-License-Identifier: Apache-2.0
// What a function under test waits for until the test lets it go on.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "tests/support/temporary_folder.hpp"

namespace kiln::test {

/// A fifo: who reads a byte of it waits until open() lets him through, one for each call.
class Gate {
 public:
  Gate() {
    // Open at both ends as long as the test lasts: nobody waits in open().
    if (::mkfifo(path().c_str(), 0600) == 0) fd_ = ::open(path().c_str(), O_RDWR | O_CLOEXEC);
    if (fd_ < 0) throw std::runtime_error("no fifo");
  }
  ~Gate() { ::close(fd_); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  std::string path() const { return folder_.path() / "fifo"; }
  std::string variable() const { return "PROBE_FIFO=" + path(); }
  void open() const {
    if (::write(fd_, "\n", 1) != 1) throw std::runtime_error("the gate does not open");
  }

 private:
  TemporaryFolder folder_;
  int fd_ = -1;
};

}  // namespace kiln::test
