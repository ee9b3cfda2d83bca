// SPDX-License-Identifier: Apache-2.0
// A management API over stores of its own, and the words tests speak to it with.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "runtime-api/control-server/api/functions.hpp"
#include "runtime-api/control-server/catalog/encoding.hpp"
#include "tests/support/catch.hpp"
#include "tests/unit/catalog/temporary_folder.hpp"
#include "tests/unit/catalog/zip_writer.hpp"

namespace kiln::test {

using nlohmann::json;

struct Reply {
  int status = 0;
  std::string error_type;
  json body;
  std::string text;
  std::optional<CatalogChange> change;
};

class Management {
 public:
  Management()
      : catalog_(folder_ / "kiln.db", {}),
        code_(folder_ / "code"),
        api_(catalog_, code_, {{"cpp", "provided", "python3.11"}, {"tables"}}, {}) {}

  Reply call(const std::string& method, const std::string& target, const std::string& body = {}) {
    const std::size_t question = target.find('?');
    http::ApiRequest request{method, target.substr(0, question), "", {{"Host", "127.0.0.1:9000"}}, body};
    if (question != std::string::npos) request.query = target.substr(question + 1);
    ManagementAnswer answer = api_.handle(request);
    Reply out;
    out.status = answer.response.status;
    out.text = answer.response.body;
    out.change = std::move(answer.change);
    for (const auto& [name, value] : answer.response.fields) {
      if (http::same_name(name, "x-amzn-ErrorType")) out.error_type = value;
    }
    if (!out.text.empty() && answer.response.content_type == "application/json") out.body = json::parse(out.text);
    return out;
  }
  Reply call(const std::string& method, const std::string& target, const json& body) {
    return call(method, target, body.dump());
  }
  Reply call(const std::string& method, const std::string& target, const char* body) {
    return call(method, target, std::string(body));
  }

  /// A create request that is good; `change` is merged into it.
  static json create_body(const std::string& name, const json& change = json::object()) {
    json body{{"FunctionName", name},
              {"Runtime", "python3.11"},
              {"Handler", "index.handler"},
              {"Code", {{"ZipFile", base64_encode(hello_zip())}}}};
    body.update(change);
    return body;
  }
  Reply create(const std::string& name, const json& change = json::object()) {
    return call("POST", "/2015-03-31/functions", create_body(name, change));
  }

  Catalog& catalog() { return catalog_; }
  CodeStore& code() { return code_; }
  ManagementApi& api() { return api_; }

 private:
  TemporaryFolder folder_;
  Catalog catalog_;
  CodeStore code_;
  ManagementApi api_;
};

inline const std::string functions_path = "/2015-03-31/functions";
inline const std::string arn_prefix = "arn:aws:lambda:us-east-1:000000000000:function:";

/// Checks an error as the real service gives it: status, type in the header, text under its member.
inline void check_error(const Reply& reply, int status, const std::string& type, const std::string& message) {
  CHECK(reply.status == status);
  CHECK(reply.error_type == type);
  CHECK(reply.body.value("message", reply.body.value("Message", std::string("no message"))) == message);
  CHECK_FALSE(reply.change);
}

}  // namespace kiln::test
