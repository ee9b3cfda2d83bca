// SPDX-License-Identifier: Apache-2.0
#include "cli/image/recipe.hpp"

#include "cli/deploy_plan.hpp"
#include "cli/failure.hpp"

namespace kiln::cli {
namespace {

[[noreturn]] void fail(std::string message, std::vector<std::string> advice = {}) {
  throw CommandFailure({.code = ExitCode::usage, .message = std::move(message), .advice = std::move(advice)});
}

// In double quotes, where a Dockerfile gives a meaning to these three alone, and to a line's end.
std::string quoted(const std::string& value, const std::string& what) {
  std::string text = "\"";
  for (const char c : value) {
    if (static_cast<unsigned char>(c) < ' ') {
      fail("the " + what + " holds a line break or another control character, which a Dockerfile cannot");
    }
    if (c == '"' || c == '\\' || c == '$') {
      text += '\\';
    }
    text += c;
  }
  return text + '"';
}

std::string from(const ImageRecipe& recipe, const std::string& image, const std::string& stage = {}) {
  return "FROM " + recipe.images + "/" + image + (recipe.tag.empty() ? "" : ":" + recipe.tag) +
         (stage.empty() ? "" : " AS " + stage) + "\n";
}

// A secret, readable for the image's user, who is not root. Not over a file of the image's: buildah would remove that.
std::string pip_install(const ImageRecipe& recipe, const std::string& where) {
  const std::string secret =
      recipe.pip_configuration ? "--mount=type=secret,id=pip,mode=0444 PIP_CONFIG_FILE=/run/secrets/pip " : "";
  return "RUN " + secret + "pip install " + where + "--requirement requirements.txt\n";
}

std::string python(const ImageRecipe& recipe) {
  if (!recipe.slim) {
    std::string text = from(recipe, "python");
    if (recipe.dependencies) {
      text += "COPY requirements.txt .\n" + pip_install(recipe, "");
    }
    return text + "COPY . .\n";
  }
  std::string text;
  if (recipe.dependencies) {
    text += from(recipe, "python", "build") + "COPY requirements.txt .\n" +
            pip_install(recipe, "--target /opt/python ") + "\n";
  }
  text += from(recipe, "python-slim");
  if (recipe.dependencies) {
    text += "COPY --from=build /opt/python /opt/python\n";
  }
  return text + "COPY . .\n";
}

std::string cpp(const ImageRecipe& recipe) {
  std::string text = from(recipe, "cpp-build", "build");
  if (recipe.dependencies) {
    text += "COPY dependencies dependencies\nRUN kiln-build --dependencies\n";
  }
  return text + "COPY . .\nRUN kiln-build\n\n" + from(recipe, recipe.slim ? "cpp-slim" : "cpp") +
         "COPY --from=build /var/task /var/task\n";
}

std::string provided(const ImageRecipe& recipe) {
  if (recipe.slim) {
    fail("there is no slim image for a bootstrap of one's own", {"leave out --slim"});
  }
  return from(recipe, "provided") + "COPY . .\n";
}

}  // namespace

std::string dockerfile(const ImageRecipe& recipe) {
  std::string text = recipe.family == "python" ? python(recipe)
                     : recipe.family == "cpp"  ? cpp(recipe)
                                               : provided(recipe);
  const Json variables = environment_object(recipe.environment);
  for (const auto& [name, value] : variables.items()) {
    text += "ENV " + name + "=" + quoted(value.get<std::string>(), "variable " + name) + "\n";
  }
  text += "LABEL org.opencontainers.image.title=" + quoted(recipe.title, "name") +
          " io.kiln.runtime=" + quoted(recipe.family, "runtime") +
          " io.kiln.handler=" + quoted(recipe.handler, "handler") + "\n";
  if (!recipe.handler.empty()) {
    // JSON, whose quotes are not a Dockerfile's.
    text += "CMD " + Json::array({recipe.handler}).dump() + "\n";
  }
  return text;
}

}  // namespace kiln::cli
