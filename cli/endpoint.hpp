// SPDX-License-Identifier: Apache-2.0
// Where a control server is: an http or https URL, taken apart.
#pragma once

#include <string>
#include <string_view>

namespace kiln::cli {

struct Endpoint {
  bool tls = false;
  /// Without brackets, also for IPv6.
  std::string host;
  int port = 0;
  /// Put in front of every path; empty or "/…" without a slash at its end.
  std::string base_path;

  /// The URL again, without a slash at its end: what people are shown.
  std::string url() const;
};

/// Reads `text`: `http://HOST[:PORT][/BASE]`, `https://…`, or `HOST:PORT` alone (taken as http). Throws CommandFailure
/// (usage) that quotes `text` where it is none of these.
Endpoint parse_endpoint(std::string_view text);

/// The endpoint to call: `option` where it is not empty, else the variable KILN_ENDPOINT, else the port that
/// `kiln serve` takes by default. Fails as parse_endpoint.
Endpoint choose_endpoint(const std::string& option);

/// `text` with every byte outside [A-Za-z0-9._~:-] as %XX: one segment of a path, or one value of a query.
std::string percent_encoded(std::string_view text);

}  // namespace kiln::cli
