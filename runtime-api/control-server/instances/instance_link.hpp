// SPDX-License-Identifier: Apache-2.0
// One connection of an instance's runtime or extensions. For instance.cpp and instance_end.cpp only.
#pragma once

#include "runtime-api/control-server/instances/instance.hpp"
#include "runtime-api/server/http/connection.hpp"
#include "runtime-api/server/runtime_api.hpp"

namespace kiln {

struct Instance::Link {
  Link(EventLoop& loop, int fd, const http::ConnectionOptions& options, bool own_channel)
      : connection(loop, fd, options) {
    api.hold_accepted = own_channel;
  }
  http::Connection connection;
  RuntimeApiOptions api;
};

}  // namespace kiln
