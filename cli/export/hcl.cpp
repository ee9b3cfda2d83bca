// SPDX-License-Identifier: Apache-2.0
#include "cli/export/hcl.hpp"

#include <algorithm>

namespace kiln::cli {
namespace {

// Where `text` has a run of $ or % up to a {, for which HCL has only $${ and %%{: one sign before the brace.
bool opens_template(const std::string& text, std::size_t at) {
  const auto end = text.find_first_not_of(text[at], at);
  return (text[at] == '$' || text[at] == '%') && end != std::string::npos && text[end] == '{';
}

// JSON's escapes but for \b and \f are HCL's.
std::string quoted(const std::string& text, bool with_templates) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!with_templates && opens_template(text, i)) {
      const bool last = text[i + 1] == '{';
      out += last ? std::string(2, c) : c == '$' ? "\\u0024" : "\\u0025";
    } else if (c == '\b') {
      out += "\\u0008";
    } else if (c == '\f') {
      out += "\\u000c";
    } else if (static_cast<unsigned char>(c) < ' ' || c == '"' || c == '\\') {
      const auto escaped = Json(std::string(1, c)).dump();
      out += escaped.substr(1, escaped.size() - 2);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string literal(const Json& value) {
  if (value.is_string()) {
    return quoted(value.get<std::string>(), false);
  }
  if (!value.is_array()) {
    return value.dump();
  }
  std::string list;
  for (const auto& item : value) {
    list += (list.empty() ? "[" : ", ") + literal(item);
  }
  return list.empty() ? "[]" : list + "]";
}

}  // namespace

void HclWriter::open(const std::string& type, const std::vector<std::string>& labels) {
  const bool first = attributes_.empty() && (out_.empty() || out_.ends_with("{\n"));
  flush();
  out_ += (first ? "" : "\n") + margin() + type;
  for (const auto& label : labels) {
    out_ += " " + quoted(label, false);
  }
  out_ += " {\n";
  ++depth_;
}

void HclWriter::close() {
  flush();
  --depth_;
  out_ += margin() + "}\n";
}

void HclWriter::attribute(const std::string& name, const Json& value) {
  attributes_.emplace_back(name, literal(value));
}

void HclWriter::template_attribute(const std::string& name, const std::string& text) {
  attributes_.emplace_back(name, quoted(text, true));
}

void HclWriter::text_attribute(const std::string& name, const std::vector<std::string>& lines) {
  flush();
  out_ += margin() + name + " = <<-EOT\n";
  for (const auto& line : lines) {
    out_ += margin() + "  " + line + "\n";
  }
  out_ += margin() + "EOT\n";
}

std::string HclWriter::take() {
  flush();
  return std::move(out_);
}

void HclWriter::flush() {
  if (!attributes_.empty() && out_.ends_with("}\n")) {
    out_ += "\n";
  }
  std::size_t width = 0;
  for (const auto& [name, value] : attributes_) {
    width = std::max(width, name.size());
  }
  for (const auto& [name, value] : attributes_) {
    out_ += margin() + name;
    out_.append(width - name.size(), ' ').append(" = ").append(value).append("\n");
  }
  attributes_.clear();
}

}  // namespace kiln::cli
