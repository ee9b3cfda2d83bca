// SPDX-License-Identifier: Apache-2.0
#include "cli/image/recipe.hpp"

#include "cli/failure.hpp"
#include "cli/image/build_tool.hpp"
#include "tests/support/catch.hpp"

using namespace kiln::cli;

namespace {

ImageRecipe of(const std::string& family) {
  ImageRecipe recipe;
  recipe.family = family;
  recipe.handler = "index.handler";
  recipe.title = "hello";
  return recipe;
}

std::string end_of(const std::string& family) {
  return "LABEL org.opencontainers.image.title=\"hello\" io.kiln.runtime=\"" + family +
         "\" io.kiln.handler=\"index.handler\"\nCMD [\"index.handler\"]\n";
}

}  // namespace

TEST_CASE("What a function in Python depends on is a layer below its code") {
  ImageRecipe recipe = of("python");
  CHECK(dockerfile(recipe) == std::string("FROM kiln/python\nCOPY . .\n") + end_of("python"));
  recipe.dependencies = true;
  CHECK(dockerfile(recipe) == std::string("FROM kiln/python\nCOPY requirements.txt .\n"
                                          "RUN pip install --requirement requirements.txt\nCOPY . .\n") +
                                  end_of("python"));
  recipe.slim = true;
  recipe.images = "registry.example/kiln";
  recipe.tag = "3.13";
  CHECK(dockerfile(recipe) ==
        std::string(
            "FROM registry.example/kiln/python:3.13 AS build\nCOPY requirements.txt .\n"
            "RUN pip install --target /opt/python --requirement requirements.txt\n\n"
            "FROM registry.example/kiln/python-slim:3.13\nCOPY --from=build /opt/python /opt/python\nCOPY . .\n") +
            end_of("python"));
}

TEST_CASE("pip's configuration is a secret of the step that needs it") {
  ImageRecipe recipe = of("python");
  recipe.dependencies = recipe.pip_configuration = true;
  CHECK(dockerfile(recipe).find(
            "RUN --mount=type=secret,id=pip,mode=0444 PIP_CONFIG_FILE=/run/secrets/pip pip install ") !=
        std::string::npos);
}

TEST_CASE("A function in C++ is built in one image and runs in another") {
  ImageRecipe recipe = of("cpp");
  recipe.dependencies = true;
  CHECK(dockerfile(recipe) == std::string("FROM kiln/cpp-build AS build\nCOPY dependencies dependencies\n"
                                          "RUN kiln-build --dependencies\nCOPY . .\nRUN kiln-build\n\n"
                                          "FROM kiln/cpp\nCOPY --from=build /var/task /var/task\n") +
                                  end_of("cpp"));
}

TEST_CASE("A bootstrap of one's own needs no handler, and has no slim image") {
  ImageRecipe recipe = of("provided");
  recipe.handler.clear();
  CHECK(dockerfile(recipe) ==
        "FROM kiln/provided\nCOPY . .\nLABEL org.opencontainers.image.title=\"hello\" io.kiln.runtime=\"provided\" "
        "io.kiln.handler=\"\"\n");
  recipe.slim = true;
  CHECK_THROWS_AS(dockerfile(recipe), CommandFailure);
}

TEST_CASE("Values are what they are, whatever a Dockerfile would make of them") {
  ImageRecipe recipe = of("python");
  recipe.environment = {R"(A=say "$HOME" \n)"};
  CHECK(dockerfile(recipe).find(R"(ENV A="say \"\$HOME\" \\n")"
                                "\n") != std::string::npos);
  recipe.environment = {"A=two\nlines"};
  CHECK_THROWS_AS(dockerfile(recipe), CommandFailure);
}

TEST_CASE("The first tool that is there builds, unless one is asked for") {
  const auto there = [](const std::string& tool) { return tool != "buildah"; };
  CHECK(choose_build_tool("", there) == "podman");
  CHECK(choose_build_tool("docker", there) == "docker");
  CHECK_THROWS_AS(choose_build_tool("buildah", there), CommandFailure);
  CHECK_THROWS_AS(choose_build_tool("", [](const std::string&) { return false; }), CommandFailure);
}

TEST_CASE("Each tool is told in its own words") {
  ImageBuild build;
  build.name = "hello:1";
  build.context = "/c/files";
  build.recipe = "/c/Dockerfile";
  build.source_date_epoch = "7";
  build.pip_configuration = "/pip.conf";
  build.options = {"--network=host"};
  CHECK(build_command("buildah", build) ==
        std::vector<std::string>{"buildah", "bud", "--layers", "--timestamp=7", "--secret=id=pip,src=/pip.conf",
                                 "--tag=hello:1", "--file=/c/Dockerfile", "--network=host", "/c/files"});
  build.no_cache = true;
  CHECK(build_command("docker", build) ==
        std::vector<std::string>{"docker", "build", "--no-cache", "--build-arg=SOURCE_DATE_EPOCH=7",
                                 "--secret=id=pip,src=/pip.conf", "--tag=hello:1", "--file=/c/Dockerfile",
                                 "--network=host", "/c/files"});
}
