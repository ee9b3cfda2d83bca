// SPDX-License-Identifier: Apache-2.0
// YAML and HCL to the letter.
#include "cli/export/hcl.hpp"
#include "cli/export/yaml.hpp"
#include "tests/support/catch.hpp"

using namespace kiln::cli;

TEST_CASE("YAML is written in blocks, and what is short on one line") {
  const Json value{{"name", "hello"},
                   {"count", 3},
                   {"on", true},
                   {"nothing", nullptr},
                   {"empty", Json::object()},
                   {"words", {"a", "b:c"}},
                   {"objects", {{{"a", 1}, {"b", {{"c", 2}}}}, {{"d", Json::array({Json::array({1, 2})})}}}}};
  CHECK(yaml_text(value) ==
        "name: hello\n"
        "count: 3\n"
        "\"on\": true\n"
        "nothing: null\n"
        "empty: {}\n"
        "words: [a, \"b:c\"]\n"
        "objects:\n"
        "  - a: 1\n"
        "    b:\n"
        "      c: 2\n"
        "  - d:\n"
        "      - [1, 2]\n");
}

TEST_CASE("text that YAML would read as something else is quoted, other text is not") {
  const auto written = [](const char* text) { return yaml_text(Json(text)); };
  for (const char* plain : {"hello", "registry.example/hello:1", "r.example/a@sha256:00ff", "/tmp", "128Mi", "72m",
                            "25%", "5s", "keda.sh/v1alpha1", "True-ish", "nob"}) {
    CHECK(written(plain) == std::string(plain) + "\n");
  }
  for (const char* text : {"",    "1",    "1.5", "1e3", "0x1f", "0755", "12:30", "2026-11-27", "true", "Yes", "NO",
                           "off", "null", "~",   "y",   "- a",  "a: b", "a:",    "a #b",       "*a",   "&a",  "!a",
                           "{a}", "[a]",  " a",  "'a'", "%a",   "@a",   ".inf",  "-",          "1Gib", "a,b"}) {
    CHECK(written(text) == "\"" + std::string(text) + "\"\n");
  }
}

TEST_CASE("what cannot stand in YAML as it is, is escaped") {
  const auto written = [](const char* text) { return yaml_text(Json(text)); };
  CHECK(written("a\nb\t\"c\"\\") == "\"a\\nb\\t\\\"c\\\"\\\\\"\n");
  CHECK(written("\x01") == "\"\\u0001\"\n");
  CHECK(written("\x7f") == "\"\\x7f\"\n");
  CHECK(written("\xc2\x85") == "\"\\x85\"\n");
  CHECK(written("\xe2\x80\xa8") == "\"\\u2028\"\n");
  CHECK(written("\xef\xbb\xbf") == "\"\\ufeff\"\n");
  CHECK(written("\xc3\xa4 \xf0\x9f\x98\x80") == "\"\xc3\xa4 \xf0\x9f\x98\x80\"\n");
}

TEST_CASE("documents stand behind one another, comments before them") {
  CHECK(yaml_file({"one", "two"}, {{{"a", 1}}, {{"b", 2}}}) == "# one\n# two\na: 1\n---\nb: 2\n");
}

TEST_CASE("HCL has its attributes aligned and its blocks apart") {
  HclWriter hcl;
  hcl.open("job", {"hello"});
  hcl.attribute("type", "service");
  hcl.open("group", {"a"});
  hcl.attribute("count", 1);
  hcl.attribute("enabled", true);
  hcl.close();
  hcl.open("group", {"b"});
  hcl.text_attribute("data", {"x", "y"});
  hcl.close();
  hcl.attribute("list", Json::array({"a", "b"}));
  hcl.close();
  CHECK(hcl.take() ==
        "job \"hello\" {\n"
        "  type = \"service\"\n"
        "\n"
        "  group \"a\" {\n"
        "    count   = 1\n"
        "    enabled = true\n"
        "  }\n"
        "\n"
        "  group \"b\" {\n"
        "    data = <<-EOT\n"
        "      x\n"
        "      y\n"
        "    EOT\n"
        "  }\n"
        "\n"
        "  list = [\"a\", \"b\"]\n"
        "}\n");
}

TEST_CASE("text in HCL stands for itself, unless it is a template") {
  HclWriter hcl;
  hcl.attribute("a", "${b} $${b} $b 5$ %{c} 100%");
  hcl.attribute("q", "\"\\\n\t\b\x01");
  hcl.template_attribute("t", "${NOMAD_SECRETS_DIR}/x");
  CHECK(hcl.take() ==
        "a = \"$${b} \\u0024$${b} $b 5$ %%{c} 100%\"\n"
        "q = \"\\\"\\\\\\n\\t\\u0008\\u0001\"\n"
        "t = \"${NOMAD_SECRETS_DIR}/x\"\n");
}
