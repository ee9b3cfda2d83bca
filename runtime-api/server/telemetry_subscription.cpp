// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/telemetry_subscription.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime-api/protocol/error_types.hpp"

namespace kiln {
namespace {

using nlohmann::json;

/// Reads members of one request and notes all that is wrong with them.
class Reader {
 public:
  explicit Reader(TelemetryApi api) : api_(api) {}

  void refuse(std::string_view why) {
    if (!wrong_.empty()) wrong_ += "; ";
    wrong_ += why;
  }
  bool refused() const { return !wrong_.empty(); }
  ApiError error() const {
    return {400,
            std::string(api_ == TelemetryApi::logs ? error_types::logs_validation_error
                                                   : error_types::telemetry_validation_error),
            wrong_};
  }

  TelemetrySubscription read(const json& request) {
    TelemetrySubscription out;
    if (!request.is_object()) {
      refuse("the request must be a JSON object");
      return out;
    }
    out.schema = read_schema(request);
    out.types = read_types(request);
    out.destination = read_destination(request);
    out.buffering = read_buffering(request);
    return out;
  }

 private:
  TelemetrySchema read_schema(const json& request) {
    const auto found = request.find("schemaVersion");
    const bool logs = api_ == TelemetryApi::logs;
    if (found == request.end()) {
      if (!logs) refuse("schemaVersion is not provided");
      return TelemetrySchema::logs_2020_08_15;  // the Logs API's default
    }
    const std::string version = found->is_string() ? found->get<std::string>() : std::string();
    if (logs && version == "2020-08-15") return TelemetrySchema::logs_2020_08_15;
    if (logs && version == "2021-03-18") return TelemetrySchema::logs_2021_03_18;
    if (!logs && version == "2022-07-01") return TelemetrySchema::telemetry_2022_07_01;
    if (!logs && version == "2022-12-13") return TelemetrySchema::telemetry_2022_12_13;
    if (!logs && version == "2025-01-29") return TelemetrySchema::telemetry_2025_01_29;
    refuse(logs ? "schemaVersion must be 2020-08-15 or 2021-03-18"
                : "schemaVersion must be 2022-07-01, 2022-12-13 or 2025-01-29");
    return TelemetrySchema::telemetry_2022_07_01;
  }

  TelemetryTypes read_types(const json& request) {
    TelemetryTypes types;
    const auto found = request.find("types");
    if (found == request.end() || !found->is_array() || found->empty()) {
      refuse("types should not be empty");
      return types;
    }
    for (const json& type : *found) {
      const std::string name = type.is_string() ? type.get<std::string>() : std::string();
      if (name == "platform") {
        types.platform = true;
      } else if (name == "function") {
        types.function = true;
      } else if (name == "extension") {
        types.extension = true;
      } else {
        refuse("types must be of platform, function and extension");
        break;
      }
    }
    return types;
  }

  TelemetryDestination read_destination(const json& request) {
    TelemetryDestination destination;
    const auto found = request.find("destination");
    if (found == request.end() || !found->is_object()) {
      refuse("destination is not provided");
      return destination;
    }
    const std::string protocol = text(*found, "protocol");
    if (protocol == "TCP") {
      destination.protocol = TelemetryDestination::Protocol::tcp;
      const auto port = found->find("port");
      if (port == found->end() || !port->is_number_integer() || port->get<std::int64_t>() < 1 ||
          port->get<std::int64_t>() > 65'535) {
        refuse("destination.port must be a number from 1 to 65535");
      } else {
        destination.port = port->get<std::uint16_t>();
      }
    } else if (protocol == "HTTP") {
      if (const std::string method = text(*found, "method"); !method.empty()) destination.method = method;
      if (destination.method != "POST" && destination.method != "PUT") {
        refuse("destination.method must be POST or PUT");
      }
      read_uri(text(*found, "URI"), destination);
    } else {
      refuse("destination.protocol must be HTTP or TCP");
    }
    if (const std::string encoding = text(*found, "encoding"); !encoding.empty() && encoding != "JSON") {
      refuse("destination.encoding must be JSON");
    }
    return destination;
  }

  void read_uri(const std::string& uri, TelemetryDestination& destination) {
    constexpr std::string_view scheme = "http://";
    if (uri.empty()) return refuse("destination.URI is not provided");
    for (const char c : uri) {
      // What could end the request line, or begin a field of its own.
      if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) return refuse("destination.URI is not a URI");
    }
    if (!std::string_view(uri).starts_with(scheme)) return refuse("destination.URI must begin with http://");
    std::string_view rest = std::string_view(uri).substr(scheme.size());
    rest = rest.substr(0, rest.find('#'));
    const auto end_of_authority = rest.find_first_of("/?");
    const std::string_view authority = rest.substr(0, end_of_authority);
    const auto colon = authority.rfind(':');
    const std::string_view host = authority.substr(0, colon);
    if (host != "sandbox.localdomain" && host != "sandbox" && host != "127.0.0.1" && host != "localhost") {
      return refuse("destination.URI host must be sandbox.localdomain");
    }
    const std::string_view digits = colon == std::string_view::npos ? std::string_view() : authority.substr(colon + 1);
    if (digits.empty()) return refuse("URI port is not provided");
    unsigned port = 0;
    const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (failure != std::errc() || end != digits.data() + digits.size() || port < 1 || port > 65'535) {
      return refuse("destination.URI port must be a number from 1 to 65535");
    }
    destination.port = static_cast<std::uint16_t>(port);
    destination.host = authority;
    if (end_of_authority != std::string_view::npos) {
      destination.path = rest.substr(end_of_authority);
      if (destination.path.front() == '?') destination.path.insert(0, 1, '/');
    }
  }

  TelemetryBuffering read_buffering(const json& request) {
    TelemetryBuffering buffering;
    const auto found = request.find("buffering");
    if (found == request.end() || found->is_null()) return buffering;
    if (!found->is_object()) {
      refuse("buffering must be an object");
      return buffering;
    }
    const auto in_range = [&](const char* name, std::int64_t least, std::int64_t most) -> std::optional<std::int64_t> {
      const auto member = found->find(name);
      if (member == found->end()) return std::nullopt;
      if (member->is_number_integer()) {
        const auto value = member->get<std::int64_t>();
        if (value >= least && value <= most) return value;
      }
      refuse(std::string("buffering.") + name + " must be a number from " + std::to_string(least) + " to " +
             std::to_string(most));
      return std::nullopt;
    };
    if (const auto items = in_range("maxItems", 1000, 10'000)) buffering.max_items = static_cast<std::size_t>(*items);
    if (const auto bytes = in_range("maxBytes", 262'144, 1'048'576)) {
      buffering.max_bytes = static_cast<std::size_t>(*bytes);
    }
    if (const auto ms = in_range("timeoutMs", 25, 30'000)) buffering.timeout = std::chrono::milliseconds(*ms);
    return buffering;
  }

  std::string text(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end()) return {};
    if (found->is_string()) return found->get<std::string>();
    refuse(std::string("destination.") + name + " must be a string");
    return {};
  }

  const TelemetryApi api_;
  std::string wrong_;
};

}  // namespace

std::string to_string(const TelemetryTypes& types) {
  std::string out;
  const auto add = [&out](bool wanted, std::string_view name) {
    if (!wanted) return;
    if (!out.empty()) out += ',';
    out += name;
  };
  add(types.platform, "platform");
  add(types.function, "function");
  add(types.extension, "extension");
  return out;
}

std::variant<TelemetrySubscription, ApiError> parse_telemetry_subscription(std::string_view body, TelemetryApi api) {
  Reader reader(api);
  const json request = json::parse(body, nullptr, false);
  if (request.is_discarded()) {
    reader.refuse("the request is not valid JSON");
    return reader.error();
  }
  TelemetrySubscription subscription = reader.read(request);
  if (reader.refused()) return reader.error();
  return subscription;
}

}  // namespace kiln
