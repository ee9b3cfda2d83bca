// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/server/async/task.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "runtime-api/server/async/completion.hpp"
#include "tests/support/catch.hpp"

using namespace kiln;

namespace {

struct Counter {
  int* live;
  explicit Counter(int* l) : live(l) { ++*live; }
  Counter(const Counter& other) : live(other.live) { ++*live; }
  Counter& operator=(const Counter&) = default;
  ~Counter() { --*live; }
};

void run(Task<void> task) {
  std::exception_ptr failure;
  spawn(std::move(task), [&](std::exception_ptr e) { failure = std::move(e); });
  if (failure) std::rethrow_exception(failure);
}

Task<int> twice(int value) { co_return 2 * value; }
Task<std::unique_ptr<int>> boxed(int value) { co_return std::make_unique<int>(value); }
Task<int> failing(const std::string& text) {
  throw std::runtime_error(text);
  co_return 0;
}
Task<int> wait_for(Completion<int>& completion) {
  const int value = co_await completion;
  co_return value;
}
Task<void> hold(Counter counter, Completion<int>& until) {
  co_await until;
  (void)counter;
}

}  // namespace

TEST_CASE("A task runs only when it is awaited") {
  bool started = false;
  auto make = [](bool& flag) -> Task<void> {
    flag = true;
    co_return;
  };
  {
    const auto never = make(started);
    CHECK_FALSE(started);
  }
  CHECK_FALSE(started);
  run(make(started));
  CHECK(started);
}

TEST_CASE("A task hands its value to the awaiter, also one that can only be moved") {
  int sum = 0;
  run([](int& out) -> Task<void> {
    out = co_await twice(20);
    const auto box = co_await boxed(2);
    out += *box;
  }(sum));
  CHECK(sum == 42);
}

TEST_CASE("An exception travels through every task to the one that catches it") {
  std::string caught;
  run([](std::string& out) -> Task<void> {
    try {
      co_await [](std::string text) -> Task<void> { co_await failing(text); }("deep");
    } catch (const std::runtime_error& e) {
      out = e.what();
    }
  }(caught));
  CHECK(caught == "deep");
}

TEST_CASE("An exception after a wait reaches the error handler of spawn") {
  Completion<int> completion;
  std::string reported;
  spawn(
      [](Completion<int>& c) -> Task<void> {
        const int value = co_await wait_for(c);
        throw std::runtime_error("value " + std::to_string(value));
      }(completion),
      [&](const std::exception_ptr& error) {
        try {
          std::rethrow_exception(error);
        } catch (const std::exception& e) {
          reported = e.what();
        }
      });
  CHECK(reported.empty());
  completion.set(7);
  CHECK(reported == "value 7");
}

TEST_CASE("Parameters and locals live exactly as long as the task") {
  int live = 0;
  Completion<int> completion;
  spawn(hold(Counter(&live), completion), [](const std::exception_ptr&) {});
  CHECK(live == 1);
  completion.set(1);
  CHECK(live == 0);
  {
    Completion<int> unused;
    auto never_started = hold(Counter(&live), unused);
    CHECK(live == 1);
    auto moved = std::move(never_started);
    CHECK(live == 1);
    moved = hold(Counter(&live), unused);
    CHECK(live == 1);
  }
  CHECK(live == 0);
}

TEST_CASE("A task that ends without waiting costs no stack, however often it is awaited") {
  long sum = 0;
  run([](long& out) -> Task<void> {
    for (int i = 0; i < 300'000; ++i) out += co_await twice(1);
  }(sum));
  CHECK(sum == 600'000);
}

TEST_CASE("A task that is resumed again and again costs no stack either") {
  long sum = 0;
  std::unique_ptr<Completion<int>> next;
  bool done = false;
  spawn(
      [](long& out, std::unique_ptr<Completion<int>>& current, bool& over) -> Task<void> {
        for (int i = 0; i < 100'000; ++i) {
          current = std::make_unique<Completion<int>>();
          out += co_await wait_for(*current);
        }
        over = true;
      }(sum, next, done),
      [](const std::exception_ptr&) {});
  while (const auto current = std::exchange(next, {})) current->set(1);
  CHECK(done);
  CHECK(sum == 100'000);
}

TEST_CASE("A completion that is set already does not make its waiter wait") {
  Completion<std::string> completion;
  CHECK_FALSE(completion.is_set());
  CHECK(completion.set("first"));
  CHECK(completion.is_set());
  CHECK_FALSE(completion.set("second"));
  std::string got;
  run([](Completion<std::string>& c, std::string& out) -> Task<void> { out = co_await c; }(completion, got));
  CHECK(got == "first");
}

TEST_CASE("A completion resumes its waiter before set returns") {
  Completion<int> completion;
  std::vector<std::string> order;
  spawn(
      [](Completion<int>& c, std::vector<std::string>& log) -> Task<void> {
        co_await c;
        log.emplace_back("waiter");
      }(completion, order),
      [](const std::exception_ptr&) {});
  completion.set(1);
  order.emplace_back("setter");
  CHECK(order == std::vector<std::string>{"waiter", "setter"});
}

TEST_CASE("A waiter may destroy the completion it waited for, and set still returns") {
  auto completion = std::make_unique<Completion<std::string>>();
  std::string got;
  spawn(
      [](std::unique_ptr<Completion<std::string>>& owner, std::string& out) -> Task<void> {
        const std::string value = co_await *owner;
        owner.reset();
        out = value;
      }(completion, got),
      [](const std::exception_ptr&) {});
  CHECK(completion->set(std::string(100, 'x')));
  CHECK(completion == nullptr);
  CHECK(got == std::string(100, 'x'));
}
