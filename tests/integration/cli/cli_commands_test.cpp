// SPDX-License-Identifier: Apache-2.0
// invoke, list, logs, delete, trigger, runtimes: the exact requests, the output and the exit status of the real program.
#include "tests/integration/cli/cli_fixture.hpp"

#include <csignal>

using namespace kiln::test;

namespace {

const std::string invocations = "/2015-03-31/functions/hello/invocations";

ScriptedAnswer invoked(const std::string& body, const std::string& function_error = "") {
  ScriptedAnswer answer{.status = 200, .body = body};
  answer.headers = {{"x-amzn-RequestId", "id-1"},
                    {"X-Amz-Executed-Version", "$LATEST"},
                    {"Server-Timing", "init;dur=100, invoke;dur=1.5"}};
  if (!function_error.empty()) {
    answer.headers.emplace_back("X-Amz-Function-Error", function_error);
  }
  return answer;
}

ScriptedAnswer refused(int status, const std::string& type, const std::string& message) {
  return {.status = status,
          .body = Json{{"Type", "User"}, {"message", message}}.dump(),
          .headers = {{"x-amzn-ErrorType", type}, {"x-amzn-RequestId", "id-2"}}};
}

const std::string trigger_list =
    R"({"Triggers":[{"Id":"t-1","FunctionName":"hello","Type":"http","Method":"GET","Path":"/hello"}]})";

}  // namespace

TEST_CASE_METHOD(CliFixture, "invoke sends the payload as it is and prints the result alone") {
  server.on("POST", invocations, invoked(R"({"a": 1})"));
  const auto result = kiln({"invoke", "hello", "--payload", R"({"name":  "Ada"})"});
  CHECK(result.status == 0);
  CHECK(result.out == "{\"a\": 1}\n");
  CHECK(result.err.empty());
  const auto seen = server.seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].body == R"({"name":  "Ada"})");
  CHECK(seen[0].headers.at("X-Amz-Invocation-Type") == "RequestResponse");
  CHECK(seen[0].headers.count("X-Amz-Log-Type") == 0);
  CHECK(seen[0].headers.at("Content-Type") == "application/json");
  CHECK(seen[0].headers.at("User-Agent").starts_with("kiln/"));
}

TEST_CASE_METHOD(CliFixture, "invoke takes its payload from a file, from standard input, or has none") {
  server.on("POST", invocations, invoked("null"));
  const auto file = folder.write("event.json", "{\"from\": \"file\"}\n");
  CHECK(kiln({"invoke", "hello", "--payload", "@" + file.string()}).status == 0);
  CHECK(kiln({"invoke", "hello", "--payload-file", file.string()}).status == 0);
  CHECK(kiln({"invoke", "hello", "--payload", "-"}, "[1, 2]").status == 0);
  CHECK(kiln({"invoke", "hello", "--payload-file", "-"}, "\"stdin\"").status == 0);
  CHECK(kiln({"invoke", "hello"}, "not read").status == 0);
  const auto seen = server.seen();
  REQUIRE(seen.size() == 5);
  CHECK(seen[0].body == "{\"from\": \"file\"}\n");
  CHECK(seen[1].body == "{\"from\": \"file\"}\n");
  CHECK(seen[2].body == "[1, 2]");
  CHECK(seen[3].body == "\"stdin\"");
  CHECK(seen[4].body.empty());
  CHECK(seen[4].headers.at("Content-Length") == "0");

  const auto missing = kiln({"invoke", "hello", "--payload", "@/does/not/exist"});
  CHECK(missing.status == 8);
  CHECK(missing.err == "kiln: cannot read /does/not/exist: No such file or directory\n");
  CHECK(server.seen().size() == 5);
}

TEST_CASE_METHOD(CliFixture, "a payload of six megabytes goes out and comes back whole") {
  const auto payload = "\"" + std::string(6'000'000, 'x') + "\"";
  server.on("POST", invocations, invoked(payload));
  const auto result = kiln({"invoke", "hello", "--payload", "-"}, payload);
  CHECK(result.status == 0);
  CHECK((result.out == payload + "\n"));
  CHECK((server.seen().at(0).body == payload));
}

TEST_CASE_METHOD(CliFixture, "a function error goes to standard error, readable, with a status of its own") {
  server.on(
      "POST", invocations,
      invoked(R"({"errorMessage":"bad input","errorType":"ValueError","stackTrace":["  File \"i.py\", line 2\n"]})",
              "Unhandled"));
  const auto result = kiln({"invoke", "hello"});
  CHECK(result.status == 1);
  CHECK(result.out.empty());
  CHECK(result.err ==
        "function hello failed: ValueError: bad input\n  File \"i.py\", line 2\n"
        "  its log:  kiln logs hello --request-id id-1\n");
  const auto json = kiln({"invoke", "hello", "--json"});
  CHECK(json.status == 1);
  CHECK(json.err.empty());
  CHECK(Json::parse(json.out).at("FunctionError") == "Unhandled");
  CHECK(Json::parse(json.out).at("Payload").at("errorType") == "ValueError");
}

TEST_CASE_METHOD(CliFixture, "invoke --tail asks for the log and shows it apart from the result") {
  auto answer = invoked("7");
  answer.headers.emplace_back("X-Amz-Log-Result", "U1RBUlQKaGkK");
  server.on("POST", invocations, answer);
  const auto result = kiln({"invoke", "hello", "--tail"});
  CHECK(result.out == "7\n");
  CHECK(result.err == "START\nhi\n");
  CHECK(server.seen().at(0).headers.at("X-Amz-Log-Type") == "Tail");
  CHECK(Json::parse(kiln({"invoke", "hello", "--tail", "--json"}).out).at("LogTail") == "START\nhi\n");
}

TEST_CASE_METHOD(CliFixture, "invoke --verbose says cold or warm, and --json lists the phases") {
  server.on("POST", invocations, invoked("{}"));
  const auto result = kiln({"invoke", "hello", "--verbose"});
  CHECK(result.out == "{}\n");
  CHECK(result.err.starts_with("cold start 100 ms (init 100 ms), invoke 1.50 ms, round trip "));
  CHECK(holds(result.err, "request id id-1\n"));
  const auto document = Json::parse(kiln({"invoke", "hello", "--json"}).out);
  CHECK(document.at("Timing") ==
        Json::parse(R"([{"Name":"init","Milliseconds":100.0},{"Name":"invoke","Milliseconds":1.5}])"));
  CHECK(document.at("StatusCode") == 200);
  CHECK(document.at("RequestId") == "id-1");
  CHECK(document.at("ExecutedVersion") == "$LATEST");
}

TEST_CASE_METHOD(CliFixture, "invoke keeps a result byte for byte in a file, and as base64 where it is not JSON") {
  const std::string bytes("\x00\xff\n\x01", 4);
  server.on("POST", invocations, invoked(bytes));
  const auto file = folder.path() / "result";
  CHECK(kiln({"invoke", "hello", "--output", file.string()}).out.empty());
  std::ifstream stream(file, std::ios::binary);
  CHECK(std::string(std::istreambuf_iterator<char>(stream), {}) == bytes);
  CHECK(Json::parse(kiln({"invoke", "hello", "--json"}).out).at("PayloadBase64") == "AP8KAQ==");
  CHECK(kiln({"invoke", "hello", "--output", "/does/not/exist"}).status == 8);
}

TEST_CASE_METHOD(CliFixture, "invoke sends the client context as base64") {
  server.on("POST", invocations, invoked("{}"));
  CHECK(kiln({"invoke", "hello", "--client-context", R"({"custom":{}})"}).status == 0);
  CHECK(server.seen().at(0).headers.at("X-Amz-Client-Context") == "eyJjdXN0b20iOnt9fQ==");
}

TEST_CASE_METHOD(CliFixture, "what the server refuses keeps its words and gains a way out") {
  struct Row {
    int http;
    std::string type;
    int status;
    std::string advice;
  };
  for (const auto& row :
       {Row{400, "InvalidRequestContentException", 5, "a payload is JSON"},
        Row{413, "RequestEntityTooLargeException", 5, ""}, Row{429, "TooManyRequestsException", 6, "--max-instances"},
        Row{500, "ServiceException", 7, ""}}) {
    CAPTURE(row.type);
    const auto path = "/2015-03-31/functions/f" + std::to_string(row.http) + "/invocations";
    server.on("POST", path, refused(row.http, row.type, "the server's words"));
    const auto result = kiln({"invoke", "f" + std::to_string(row.http)});
    CHECK(result.status == row.status);
    CHECK(result.out.empty());
    CHECK(result.err.starts_with("kiln: the server's words\n"));
    CHECK(holds(result.err, row.advice));
    CHECK(holds(result.err, "(request id id-2)"));
  }
  const auto unknown = kiln({"invoke", "nobody"});
  CHECK(unknown.status == 4);
  CHECK(unknown.err == "kiln: Function not found: arn:fake\n  see what there is:  kiln list\n");
  const auto json = kiln({"invoke", "nobody", "--json"});
  CHECK(json.out.empty());
  CHECK(Json::parse(json.err).at("Error").at("Kind") == "not-found");
  CHECK(Json::parse(json.err).at("Error").at("Type") == "ResourceNotFoundException");
}

TEST_CASE("where no server answers, the endpoint that was tried and how to start one are named") {
  const TemporaryFolder folder;
  const auto source = folder.write("index.py", "").parent_path().string();
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"list"},
                                                                     {"invoke", "f"},
                                                                     {"logs", "f", "--follow"},
                                                                     {"delete", "f"},
                                                                     {"trigger", "f", "--http", "GET", "/"},
                                                                     {"runtimes"},
                                                                     {"deploy", source}}) {
    CAPTURE(arguments.front());
    auto command = arguments;
    command.insert(command.begin(), kiln_program);
    command.insert(command.end(), {"--endpoint", "http://127.0.0.1:1"});
    const auto result = run_program(command);
    CHECK(result.status == 3);
    CHECK(holds(result.err, "kiln: no server answers at http://127.0.0.1:1\n"));
    CHECK(holds(result.err, "kiln serve"));
    CHECK(holds(result.err, "KILN_ENDPOINT"));
  }
  const auto nowhere = run_program({kiln_program, "list", "--endpoint", "http://no-such-host.invalid"});
  CHECK(nowhere.status == 3);
  CHECK(holds(nowhere.err, "there is no host no-such-host.invalid"));
}

TEST_CASE_METHOD(CliFixture, "a server that is not kiln's is named as such") {
  server.on("GET", "/kiln/v1/runtimes", {.status = 404, .body = "<html>not here</html>"});
  const auto result = kiln({"runtimes"});
  CHECK(result.status == 7);
  CHECK(holds(result.err, server.url() + " answered 404 in a way that kiln does not"));
  server.on("GET", "/2015-03-31/functions/", {.status = 200, .body = "hello"});
  const auto list = kiln({"list"});
  CHECK(list.status == 7);
  CHECK(holds(list.err, "something that is not a JSON object"));
}

TEST_CASE_METHOD(CliFixture, "list shows every page of functions with their triggers") {
  server.on("GET", "/2015-03-31/functions/", {.body = R"({"Functions":[{"FunctionName":"hello","Runtime":"python3.11",
    "Handler":"index.handler","MemorySize":128,"Timeout":3,"CodeSize":2048,
    "LastModified":"2025-11-25T02:26:54.000+0000"}],"NextMarker":"a+b"})"});
  server.on("GET", "/2015-03-31/functions/?Marker=a%2Bb", {.body = R"({"Functions":[{"FunctionName":"other"}]})"});
  server.on("GET", "/kiln/v1/triggers", {.body = trigger_list});
  const auto result = kiln({"list"});
  CHECK(result.status == 0);
  CHECK(result.out ==
        "NAME   RUNTIME     HANDLER        MEMORY  TIMEOUT  CODE    MODIFIED             TRIGGERS\n"
        "hello  python3.11  index.handler  128 MB  3 s      2.0 kB  2025-11-25T02:26:54  GET /hello\n"
        "other                             0 MB    0 s      0 B                          -\n");
  const auto document = Json::parse(kiln({"list", "--json"}).out);
  CHECK(document.at("Functions").size() == 2);
  CHECK(document.at("Triggers").at(0).at("Path") == "/hello");
}

TEST_CASE_METHOD(CliFixture, "list says what to do where there is nothing yet") {
  server.on("GET", "/2015-03-31/functions/", {.body = R"({"Functions":[]})"});
  server.on("GET", "/kiln/v1/triggers", {.body = R"({"Triggers":[]})"});
  CHECK(kiln({"list", "--endpoint", server.url()}).out ==
        "no functions yet\n  deploy one:  kiln deploy DIR --endpoint " + server.url() + "\n");
}

TEST_CASE_METHOD(CliFixture, "logs asks for what was asked and prints it as it comes") {
  server.on("GET", "/kiln/v1/functions/hello/logs", {.body = "one\ntwo\n"});
  server.on("GET", "/kiln/v1/functions/hello/logs?request-id=id-1&tail=5", {.body = "three\n"});
  CHECK(kiln({"logs", "hello"}).out == "one\ntwo\n");
  CHECK(kiln({"logs", "hello", "--request-id", "id-1", "--tail", "5"}).out == "three\n");
  CHECK(kiln({"logs", "hello", "--json"}).out == "{\"Line\":\"one\"}\n{\"Line\":\"two\"}\n");
  const auto unknown = kiln({"logs", "nobody"});
  CHECK(unknown.status == 4);
  CHECK(unknown.out.empty());
  CHECK(holds(unknown.err, "Function not found"));
}

TEST_CASE_METHOD(CliFixture, "logs --follow shows each line at once, and goes on until the server ends it") {
  server.on("GET", "/kiln/v1/functions/hello/logs?follow=true", {.chunks = {"first\n", "second "}, .hold = true});
  Program program(command({"logs", "hello", "--follow"}), options());
  CHECK(program.wait_for_output("first\nsecond "));
  server.end_streams();
  const auto result = program.wait();
  CHECK(result.status == 0);
  CHECK(result.out == "first\nsecond ");
  CHECK(result.err == "the server has ended the log\n");
}

TEST_CASE_METHOD(CliFixture, "logs --follow is ended by Ctrl-C") {
  server.on("GET", "/kiln/v1/functions/hello/logs?follow=true", {.chunks = {"first\n"}, .hold = true});
  Program program(command({"logs", "hello", "--follow", "--json"}), options());
  CHECK(program.wait_for_output("{\"Line\":\"first\"}\n"));
  program.signal(SIGINT);
  CHECK(program.wait().status == 128 + SIGINT);
}

TEST_CASE_METHOD(CliFixture, "delete deletes one after another and stops at the first that is not there") {
  server.on("DELETE", "/2015-03-31/functions/a", {.status = 204, .body = ""});
  server.on("DELETE", "/2015-03-31/functions/b", {.status = 204, .body = ""});
  const auto result = kiln({"delete", "a", "missing", "b"});
  CHECK(result.status == 4);
  CHECK(result.out == "deleted function a\n");
  CHECK(server.calls() ==
        std::vector<std::string>{"DELETE /2015-03-31/functions/a", "DELETE /2015-03-31/functions/missing"});
  const auto lenient = kiln({"delete", "a", "missing", "b", "--if-exists", "--json"});
  CHECK(lenient.status == 0);
  CHECK(Json::parse(lenient.out) == Json::parse(R"({"Deleted":["a","b"]})"));
}

TEST_CASE_METHOD(CliFixture, "a name that is no path segment cannot reach another path") {
  CHECK(kiln({"delete", "../../kiln/v1/triggers/t?x=1#y"}).status == 4);
  CHECK(server.calls() ==
        std::vector<std::string>{"DELETE /2015-03-31/functions/..%2F..%2Fkiln%2Fv1%2Ftriggers%2Ft%3Fx%3D1%23y"});
}

TEST_CASE_METHOD(CliFixture, "trigger binds a function to a method and path") {
  server.on("PUT", "/kiln/v1/triggers",
            {.body = R"({"Id":"t-1","FunctionName":"hello","Type":"http","Method":"GET","Path":"/hello"})"});
  const auto result = kiln({"trigger", "hello", "--http", "get", "/hello"});
  CHECK(result.status == 0);
  CHECK(result.out == "GET /hello now calls function hello\ntry it:\n  curl " + server.url() + "/hello\n");
  CHECK(Json::parse(server.seen().at(0).body) ==
        Json::parse(R"({"FunctionName":"hello","Type":"http","Method":"GET","Path":"/hello"})"));
  CHECK(kiln({"trigger", "hello", "--http", "GET", "hello"}).status == 2);
  CHECK(kiln({"trigger", "--http", "GET", "/hello"}).status == 2);
}

TEST_CASE_METHOD(CliFixture, "trigger lists, and removes by method and path") {
  server.on("GET", "/kiln/v1/triggers", {.body = trigger_list});
  server.on("GET", "/kiln/v1/triggers?FunctionName=hello", {.body = trigger_list});
  server.on("DELETE", "/kiln/v1/triggers/t-1", {.status = 204, .body = ""});
  const auto listed = kiln({"trigger"});
  CHECK(listed.out == "METHOD  PATH    FUNCTION  URL\nGET     /hello  hello     " + server.url() + "/hello\n");
  const auto removed = kiln({"trigger", "hello", "--remove", "GET", "/hello"});
  CHECK(removed.status == 0);
  CHECK(removed.out == "removed GET /hello from function hello\n");
  CHECK(server.calls().back() == "DELETE /kiln/v1/triggers/t-1");
  const auto missing = kiln({"trigger", "hello", "--remove", "POST", "/hello"});
  CHECK(missing.status == 4);
  CHECK(holds(missing.err, "function hello has no trigger POST /hello"));
}

TEST_CASE_METHOD(CliFixture, "runtimes prints one a line") {
  server.on("GET", "/kiln/v1/runtimes", {.body = R"({"Runtimes":["cpp","provided","python3.11"]})"});
  CHECK(kiln({"runtimes"}).out == "cpp\nprovided\npython3.11\n");
  CHECK(Json::parse(kiln({"runtimes", "--json"}).out) ==
        Json::parse(R"({"Runtimes":["cpp","provided","python3.11"]})"));
}

TEST_CASE("an endpoint may have a path in front") {
  FakeControlServer server;
  server.on("GET", "/base/kiln/v1/runtimes", {.body = R"({"Runtimes":["cpp"]})"});
  CHECK(run_program({kiln_program, "runtimes", "-e", server.url() + "/base/"}).out == "cpp\n");
}

TEST_CASE("version needs no server, and a copied program knows where it lies") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "bin");
  std::filesystem::copy_file(kiln_program, folder.path() / "bin/kiln");
  Program::Options options;
  options.environment["KILN_ENDPOINT"] = "this is none";
  const auto result = run_program({(folder.path() / "bin/kiln").string(), "version", "--json"}, options);
  CHECK(result.status == 0);
  CHECK(Json::parse(result.out).at("Prefix") == folder.path().string());
  CHECK(run_program({kiln_program, "list"}, options).status == 2);
}

TEST_CASE("an output that cannot be written is an error") {
  const auto result = run_program({"/bin/sh", "-c", kiln_program + " version >/dev/full"});
  CHECK(result.status == 8);
  CHECK(result.err == "kiln: cannot write to standard output\n");
}
