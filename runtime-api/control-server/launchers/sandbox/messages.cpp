// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/sandbox/messages.hpp"

#include <cstring>
#include <stdexcept>
#include <type_traits>

namespace kiln::sandbox {
namespace {

class Writer {
 public:
  void operator()(std::uint32_t value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void operator()(bool value) { (*this)(static_cast<std::uint32_t>(value)); }
  void operator()(const std::string& text) {
    (*this)(static_cast<std::uint32_t>(text.size()));
    bytes_ += text;
  }
  template <class T>
  void operator()(const std::vector<T>& list) {
    (*this)(static_cast<std::uint32_t>(list.size()));
    for (const T& one : list) visit(*this, one);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  void operator()(std::uint32_t& value) { std::memcpy(&value, take(sizeof value).data(), sizeof value); }
  void operator()(bool& value) {
    std::uint32_t number = 0;
    (*this)(number);
    value = number != 0;
  }
  void operator()(std::string& text) {
    std::uint32_t size = 0;
    (*this)(size);
    text = take(size);
  }
  template <class T>
  void operator()(std::vector<T>& list) {
    std::uint32_t size = 0;
    (*this)(size);
    if (size > rest_.size()) throw std::runtime_error("a list longer than its message");
    list.resize(size);
    for (T& one : list) visit(*this, one);
  }
  void end() const {
    if (!rest_.empty()) throw std::runtime_error("a message longer than its content");
  }

 private:
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) throw std::runtime_error("a message cut short");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
};

// Listed once, so that what is written is what is read.
template <class Visitor, class Value>
void visit(Visitor& visitor, Value& v) {
  using Type = std::remove_const_t<Value>;
  if constexpr (std::is_same_v<Type, std::string>) {
    visitor(v);
  } else if constexpr (std::is_same_v<Type, Bind>) {
    visitor(v.source), visitor(v.target);
  } else if constexpr (std::is_same_v<Type, Link>) {
    visitor(v.target), visitor(v.path);
  } else if constexpr (std::is_same_v<Type, TextFile>) {
    visitor(v.path), visitor(v.content);
  } else if constexpr (std::is_same_v<Type, Program>) {
    visitor(v.executable), visitor(v.arguments), visitor(v.environment), visitor(v.working_directory);
  } else if constexpr (std::is_same_v<Type, RootLayout>) {
    visitor(v.folders), visitor(v.trees), visitor(v.devices), visitor(v.links), visitor(v.files), visitor(v.masked);
  } else if constexpr (std::is_same_v<Type, PreparePlan>) {
    visitor(v.uid), visitor(v.inside_uid), visitor(v.user_namespace), visitor(v.cgroup_namespace), visitor(v.landlock),
        visitor(v.niceness);
    visit(visitor, v.root);
    visitor(v.syscall_filter), visitor(v.awaited), visitor(v.snapshot), visitor(v.fork_filter),
        visitor(v.fork_landlock);
  } else if constexpr (std::is_same_v<Type, ZygotePlan>) {
    visit(visitor, v.root);
    visitor(v.modules);
  } else if constexpr (std::is_same_v<Type, CompletionPlan>) {
    visitor(v.hostname), visitor(v.tmp_mb), visitor(v.tmp_files), visitor(v.masked);
  } else {
    static_assert(std::is_same_v<Type, LaunchPlan>);
    visitor(v.programs), visitor(v.inherited), visitor(v.hostname), visitor(v.mounts);
    visitor(v.tmp_mb), visitor(v.tmp_files), visitor(v.open_files), visitor(v.processes), visitor(v.data_mb),
        visitor(v.snapshot);
  }
}

template <class Plan>
std::string encode_plan(const Plan& plan) {
  Writer writer;
  visit(writer, plan);
  return writer.take();
}

template <class Plan>
void decode_plan(std::string_view bytes, Plan& plan) {
  Reader reader(bytes);
  visit(reader, plan);
  reader.end();
}

}  // namespace

std::string encode(const PreparePlan& plan) { return encode_plan(plan); }
std::string encode(const LaunchPlan& plan) { return encode_plan(plan); }
std::string encode(const ZygotePlan& plan) { return encode_plan(plan); }
std::string encode(const CompletionPlan& plan) { return encode_plan(plan); }
void decode(std::string_view bytes, PreparePlan& plan) { decode_plan(bytes, plan); }
void decode(std::string_view bytes, LaunchPlan& plan) { decode_plan(bytes, plan); }
void decode(std::string_view bytes, ZygotePlan& plan) { decode_plan(bytes, plan); }
void decode(std::string_view bytes, CompletionPlan& plan) { decode_plan(bytes, plan); }

}  // namespace kiln::sandbox
