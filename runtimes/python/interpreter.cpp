// SPDX-License-Identifier: Apache-2.0
#include "runtimes/python/interpreter.hpp"

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "runtimes/python/embedded_modules.hpp"

namespace kiln::python {
namespace {

void require(const PyStatus& status) {
  if (PyStatus_Exception(status)) {
    throw std::runtime_error(std::string("cannot start Python: ") +
                             (status.err_msg ? status.err_msg : "unknown error"));
  }
}

/// Owns a PyConfig's strings.
class Configuration {
 public:
  Configuration() { PyConfig_InitPythonConfig(&config_); }
  ~Configuration() { PyConfig_Clear(&config_); }
  Configuration(const Configuration&) = delete;
  Configuration& operator=(const Configuration&) = delete;

  PyConfig* operator->() { return &config_; }
  PyConfig& get() { return config_; }

  void set(wchar_t*& field, const std::string& value) {
    require(PyConfig_SetBytesString(&config_, &field, value.c_str()));
  }
  void append(PyWideStringList& list, const std::string& value) {
    wchar_t* wide = Py_DecodeLocale(value.c_str(), nullptr);
    if (!wide) throw std::runtime_error("cannot start Python: a path that cannot be decoded");
    const PyStatus status = PyWideStringList_Append(&list, wide);
    PyMem_RawFree(wide);
    require(status);
  }

 private:
  PyConfig config_;
};

void preinitialize() {
  PyPreConfig config;
  PyPreConfig_InitPythonConfig(&config);
  config.parse_argv = 0;
  // Images seldom have a locale; files, paths and streams are UTF-8 all the same.
  config.utf8_mode = 1;
  config.coerce_c_locale = 0;
  require(Py_PreInitialize(&config));
}

}  // namespace

void start_interpreter(const InterpreterSettings& settings) {
  preinitialize();
  Configuration config;
  // The environment is the function's own configuration: PYTHONWARNINGS, PYTHONHASHSEED and their like mean what they
  // mean to the plain interpreter of the official image. Where things are found is decided below all the same.
  config->site_import = 0;
  config->user_site_directory = 0;
  config->parse_argv = 0;
  config->safe_path = 1;
  config->pathconfig_warnings = 0;
  // SIGTERM belongs to the bootstrap; SIGINT keeps its default effect.
  config->install_signal_handlers = 0;
  // A package is read-only and may be shared by many instances. Who redirects the cache wants to have one.
  config->write_bytecode =
      std::getenv("PYTHONPYCACHEPREFIX") != nullptr;  // NOLINT(concurrency-mt-unsafe): one thread yet
  config->buffered_stdio = 1;

  config.append(config->argv, settings.program);
  config.set(config->program_name, KILN_PYTHON_EXECUTABLE);
  config.set(config->home, KILN_PYTHON_PREFIX);
  config.set(config->executable, KILN_PYTHON_EXECUTABLE);
  config.set(config->base_executable, KILN_PYTHON_EXECUTABLE);
  for (wchar_t** prefix : {&config->prefix, &config->base_prefix, &config->exec_prefix, &config->base_exec_prefix}) {
    config.set(*prefix, KILN_PYTHON_PREFIX);
  }
  config.set(config->stdlib_dir, KILN_PYTHON_STDLIB);
  config->module_search_paths_set = 1;
  for (const std::string& directory : settings.search_path) config.append(config->module_search_paths, directory);

  PyImport_FrozenModules = embedded_modules();
  require(Py_InitializeFromConfig(&config.get()));
  // What the interpreter's own signal set-up would have done: writing to a closed socket is an exception, not the end.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace kiln::python
