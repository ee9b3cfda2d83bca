#include <kiln/function.hpp>

void handler(const nlohmann::json& event, kiln::ResponseStream& out) {
  for (const std::string name : event.at("names")) out.write("Hello " + name + "\n");
}
KILN_HANDLER(handler)
