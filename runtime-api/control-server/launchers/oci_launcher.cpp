// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/oci_launcher.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "runtime-api/control-server/launchers/child_process.hpp"
#include "runtime-api/control-server/launchers/container/group_figures.hpp"
#include "runtime-api/control-server/launchers/container/report.hpp"
#include "runtime-api/control-server/launchers/descriptor_watch.hpp"
#include "runtime-api/control-server/launchers/endpoints.hpp"
#include "runtime-api/control-server/launchers/instance_paths.hpp"
#include "runtime-api/control-server/launchers/network_namespace.hpp"
#include "runtime-api/control-server/launchers/oci_config.hpp"
#include "runtime-api/control-server/launchers/process_view.hpp"
#include "runtime-api/control-server/launchers/reached_limits.hpp"
#include "runtime-api/control-server/launchers/spawn_process.hpp"
#include "runtime-api/protocol/error_types.hpp"

namespace kiln {
namespace {

constexpr const char* runtime_state = "state";
constexpr std::size_t hostname_length = 13;

LaunchError failure(std::string message) { return {std::string(error_types::sandbox_failure), std::move(message)}; }

}  // namespace

std::optional<std::filesystem::path> find_program(const std::string& name) {
  const auto executable = [](const std::filesystem::path& path) { return ::access(path.c_str(), X_OK) == 0; };
  if (name.find('/') != std::string::npos) {
    const auto path = std::filesystem::absolute(name);
    return executable(path) ? std::optional(path) : std::nullopt;
  }
  const char* const search = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): before there are threads
  std::istringstream folders(search == nullptr ? "/usr/bin:/usr/sbin" : search);
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::filesystem::path path = std::filesystem::path(folder) / name;
    if (path.is_absolute() && executable(path)) return path;
  }
  return std::nullopt;
}

std::optional<std::filesystem::path> find_container_runtime(const std::string& name) {
  if (!name.empty()) return find_program(name);
  auto runc = find_program("runc");
  return runc ? runc : find_program("crun");
}

/// What a container is made of before it runs.
struct OciLauncher::Prepared {
  Endpoints ends;
  UidLease user;
  std::filesystem::path bundle;
  Descriptor control;
  Descriptor network;  // the runtime finds it by our number: open until the container has it
  SpawnResult monitor;
};

/// A container from its start until its monitor has cleared it away.
class OciLauncher::Container : public std::enable_shared_from_this<Container> {
 public:
  Container(OciLauncher& launcher, Prepared& prepared)
      : launcher_(launcher),
        user_(std::move(prepared.user)),
        bundle_(std::move(prepared.bundle)),
        control_(std::move(prepared.control)),
        monitor_(launcher.loop_, prepared.monitor.pid, prepared.monitor.borrowed_peak_kib,
                 [this](ExitStatus) { cleared_away(); }) {}
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  void watch() {
    watch_.emplace(launcher_.loop_, control_.get(), [this] { read_reports(); });
  }

  /// Of how it started; once.
  Completion<container::Report>& started() { return started_; }
  Completion<ExitStatus>& exited() { return exited_; }
  void signal(int number) const {
    if (control_) ::send(control_.get(), &number, sizeof number, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  /// Nobody needs it any more: the end of the socket is the end of the container.
  void let_go() {
    watch_.reset();
    control_.reset();
  }
  int pid() const { return pid_; }
  long peak_memory_kib() const { return figures_ ? std::max(peak_kib_, figures_->peak_kib()) : peak_kib_; }
  bool measures_all() const { return peak_kib_ > 0 || (figures_ && figures_->known()); }
  std::vector<std::string> limits_reached() {
    std::vector<std::string> reached;
    const long refused = figures_ ? figures_->refused_processes() : 0;
    if (refused > std::exchange(refused_processes_, refused)) reached.push_back(processes_refused_text());
    if (std::string full = full_tmp_text(tmp_); !full.empty()) reached.push_back(std::move(full));
    return reached;
  }

 private:
  void read_reports() {
    const auto self = shared_from_this();
    container::Report report;
    while (control_ &&
           ::recv(control_.get(), &report, sizeof report, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof report)) {
      switch (report.kind) {
        case container::ReportKind::started:
          pid_ = report.number;
          figures_.emplace(pid_);
          tmp_ = Descriptor(::open(("/proc/" + std::to_string(pid_) + "/root/tmp").c_str(), O_PATH | O_CLOEXEC));
          watch_process();
          started_.set(report);
          break;
        case container::ReportKind::not_started: started_.set(report); break;
        case container::ReportKind::exited: status_.code = report.number; break;
        case container::ReportKind::signalled: status_.signal = report.number; break;
      }
      if (report.kind == container::ReportKind::exited || report.kind == container::ReportKind::signalled) {
        peak_kib_ = static_cast<long>(report.peak_kib);
        status_.out_of_memory = report.oom_kills > 0 && status_.signal == SIGKILL;
      }
    }
  }

  /// Nobody else can have its number yet: the monitor has not reaped it.
  void watch_process() {
    try {
      pidfd_ = open_pidfd(pid_);
    } catch (const std::system_error& error) {
      if (error.code() != std::errc::no_such_process) throw;
    }
  }

  /// The monitor has ended, and with it all there was; unless somebody has killed it.
  void cleared_away() {
    const auto self = shared_from_this();
    read_reports();
    let_go();
    if (pidfd_) ::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
    pidfd_.reset();
    figures_.reset();
    launcher_.running_.erase(self);
    launcher_.thread_.submit([bundle = bundle_, user = std::move(user_)] {
      std::error_code ignored;
      std::filesystem::remove_all(bundle, ignored);
    });
    started_.set({container::ReportKind::not_started, -1});
    exited_.set(status_);
  }

  OciLauncher& launcher_;
  UidLease user_;
  const std::filesystem::path bundle_;
  Descriptor control_;
  std::optional<DescriptorWatch> watch_;
  Completion<container::Report> started_;
  Completion<ExitStatus> exited_;
  std::optional<container::GroupFigures> figures_;
  Descriptor pidfd_;
  Descriptor tmp_;  // its /tmp: whether that was full is asked after its end too
  ExitStatus status_;
  long peak_kib_ = 0;
  long refused_processes_ = 0;  // known of
  int pid_ = 0;
  ChildProcess monitor_;
};

class OciLauncher::OciInstance final : public LaunchedInstance {
 public:
  OciInstance(std::shared_ptr<Container> container, Deadline::Clock::time_point executed_at, Endpoints ends)
      : container_(std::move(container)), executed_at_(executed_at), ends_(std::move(ends)) {}
  ~OciInstance() override { container_->let_go(); }

  int pid() const override { return container_->pid(); }
  Deadline::Clock::time_point executed_at() const override { return executed_at_; }
  void signal(int signal_number) override { container_->signal(signal_number); }
  Completion<ExitStatus>& exited() override { return container_->exited(); }
  long peak_memory_kib() const override { return container_->peak_memory_kib(); }
  bool measures_all() const override { return container_->measures_all(); }
  std::vector<std::string> limits_reached() override { return container_->limits_reached(); }
  MakeSocket loopback() const override {
    const std::string path = "/proc/" + std::to_string(container_->pid()) + "/ns/net";
    const auto name = std::make_shared<const Descriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return [name] { return make_tcp_socket_in(*name); };
  }
  int take_log() override { return ends_.log_read.release(); }
  int take_frames() override { return ends_.frames_read.release(); }
  std::vector<Descriptor> take_channels() override { return std::move(ends_.channels_ours); }
  int take_listener() override { return ends_.listener.release(); }

 private:
  const std::shared_ptr<Container> container_;
  const Deadline::Clock::time_point executed_at_;
  Endpoints ends_;
};

OciLauncher::OciLauncher(EventLoop& loop, WorkerPool& thread, WorkerPool& unpacking, ImageSource& images,
                         UidPool& users, OciOptions options)
    : loop_(loop),
      thread_(thread),
      unpacking_(unpacking),
      images_(images),
      users_(users),
      options_(std::move(options)) {
  // Of a server that was killed; its monitors have ended their containers.
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder, ignored)) {
    if (entry.path().filename() != runtime_state) std::filesystem::remove_all(entry.path(), ignored);
  }
  std::filesystem::create_directories(options_.folder / runtime_state);
}

InstancePaths OciLauncher::paths(const InstanceSpec& spec) const { return paths_in_own_root(spec); }

/// On the thread that makes processes: all that takes a while, and the monitor, which must be a child of that thread.
OciLauncher::Prepared OciLauncher::make(const InstanceSpec& spec, const UnpackedImage& image) const {
  Prepared made;
  // Whether the image's own bootstrap takes inherited sockets, nobody knows.
  made.ends = make_endpoints(image.own_bootstrap ? 0 : spec.channels, spec.takes_frames);
  NetworkNamespace network = NetworkNamespace::make();
  made.ends.listener = std::move(network.listener);
  made.ends.address = namespace_runtime_api;
  made.user = users_.take();
  made.bundle = options_.folder / spec.instance_id;

  const InstancePaths inside = paths(spec);
  ContainerPlan plan;
  plan.root = image.root;
  plan.hostname = "kiln-" + spec.instance_id.substr(0, hostname_length - 5);
  plan.program = {executable_inside(spec, inside)};
  plan.program.insert(plan.program.end(), spec.arguments.begin(), spec.arguments.end());
  plan.environment = spec.environment;
  add_api_address(plan.environment, made.ends.address);
  add_inherited(plan.environment, made.ends);
  plan.environment = merged_environment(std::move(plan.environment), image.environment);
  plan.working_directory = inside.task_root;
  plan.folders.push_back({spec.task_root, inside.task_root});
  if (!spec.runtime_root.empty() && !image.own_bootstrap)
    plan.folders.push_back({spec.runtime_root, inside.runtime_root});
  std::error_code ignored;
  if (!image.own_layers && std::filesystem::is_directory(spec.layers_root, ignored))
    plan.folders.push_back({spec.layers_root, inside.layers_root});
  plan.uid = made.user.uid();
  plan.memory_mb = spec.memory_mb;
  plan.tmp_mb = spec.tmp_mb;
  plan.network_namespace = "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(network.name.get());
  plan.cgroup = "/kiln-oci-" + spec.instance_id;
  std::filesystem::create_directory(made.bundle);
  std::ofstream config(made.bundle / "config.json");
  config << container_config(plan);
  config.close();
  if (!config) throw std::runtime_error("cannot write " + (made.bundle / "config.json").string());

  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  made.control = Descriptor(pair[0]);
  const Descriptor theirs(pair[1]);
  SpawnRequest request;
  request.executable = options_.monitor.string();
  request.working_directory = "/";
  request.output = made.ends.log_write.get();
  request.inherited = made.ends.inherited();
  const std::size_t given = request.inherited.size();
  request.inherited.push_back(theirs.get());
  request.arguments = {std::to_string(first_inherited_fd + given),
                       options_.runtime.string(),
                       (options_.folder / runtime_state).string(),
                       made.bundle.string(),
                       spec.instance_id,
                       std::to_string(given)};
  request.environment = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  made.monitor = spawn_process(request);
  made.ends.close_theirs();
  made.network = std::move(network.name);
  return made;
}

Task<void> OciLauncher::find(std::string reference, std::shared_ptr<Completion<Found>> result) {
  Found found = co_await unpacking_.run([this, &reference] { return images_.find(reference); });
  result->set(std::move(found));
}

Task<LaunchResult> OciLauncher::start(InstanceSpec spec) {
  const std::string reference = spec.image.empty() ? spec.runtime : spec.image;
  const auto result = std::make_shared<Completion<Found>>();
  Timer limit(loop_);
  limit.arm(spec.init_deadline, [&result] { result->set("it is still being unpacked; try again"); });
  loop_.spawn(find(reference, result), "container image");
  const Found found = co_await *result;
  limit.cancel();
  if (const auto* const why = std::get_if<std::string>(&found)) co_return failure("No container image: " + *why);
  const auto& image = std::get<UnpackedImage>(found);
  Prepared prepared;
  try {
    prepared = co_await thread_.run([this, &spec, &image] { return make(spec, image); });
  } catch (const std::exception& error) {
    co_return failure(std::string("The container could not be prepared: ") + error.what());
  }
  if (prepared.monitor.error) {
    thread_.submit([bundle = prepared.bundle] {
      std::error_code ignored;
      std::filesystem::remove_all(bundle, ignored);
    });
    co_return failure("Couldn't run " + options_.monitor.string() + ": " + prepared.monitor.error.message());
  }
  const auto container = std::make_shared<Container>(*this, prepared);
  running_.insert(container);
  container->watch();
  limit.arm(spec.init_deadline, [&container] { container->started().set({container::ReportKind::not_started, -1}); });
  const container::Report report = co_await container->started();
  limit.cancel();
  if (report.kind != container::ReportKind::started) {
    container->let_go();
    const std::string how = report.number < 0 ? "in time" : "(exit status " + std::to_string(report.number) + ")";
    const std::string log = unread_log(prepared.ends.log_read);
    co_return failure(options_.runtime.string() + " could not start the container " + how +
                      (log.empty() ? "" : "; it wrote: " + log));
  }
  const Deadline::Clock::time_point executed_at{std::chrono::nanoseconds(report.at_ns)};
  co_return std::make_unique<OciInstance>(container, executed_at, std::move(prepared.ends));
}

}  // namespace kiln
