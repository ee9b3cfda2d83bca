// SPDX-License-Identifier: Apache-2.0
// Handlers over user types, and two of them in one object.
#include <kiln/function.hpp>

#include <string>
#include <vector>

#include "greeting.hpp"

namespace shop {

struct Order {
  std::string customer;
  std::vector<int> items;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, customer, items)

struct Receipt {
  std::string text;
  int total = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Receipt, text, total)

Receipt take_order(const Order& order, const kiln::Context&) {
  Receipt receipt{greeting_for(order.customer)};
  for (const int price : order.items) receipt.total += price;
  return receipt;
}

}  // namespace shop

// Streams the greetings, and fails at a name that the library refuses.
void greetings(const std::vector<std::string>& names, kiln::ResponseStream& out, kiln::Context& context) {
  out.http(200, {{"Request-Id", std::string(context.request_id())}});
  for (const std::string& name : names) out.write(greeting_for(name));
}

kiln::Bytes raw(const kiln::Bytes& event) { return {event.data + event.data, "text/plain"}; }

KILN_HANDLER_AS(order, shop::take_order)
KILN_HANDLER(raw)
KILN_HANDLER(greetings)
