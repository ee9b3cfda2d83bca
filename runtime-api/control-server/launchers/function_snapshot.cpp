// SPDX-License-Identifier: Apache-2.0
#include "runtime-api/control-server/launchers/function_snapshot.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <utility>
#include <variant>

#include "runtime-api/control-server/launchers/control_pair.hpp"
#include "runtime-api/control-server/launchers/descriptor_watch.hpp"
#include "runtime-api/control-server/launchers/sandbox_launch.hpp"
#include "runtime-api/protocol/limits.hpp"

namespace kiln {
namespace {

// Each is an instance that nobody has called yet.
constexpr std::size_t ready_forks = 2;
// The function's own code runs meanwhile (os.register_at_fork).
constexpr std::chrono::seconds fork_limit{5};
constexpr std::chrono::seconds launch_limit{3};
// More than stand ready: it is not chance any more.
constexpr int most_dead = 20;
// A function that cannot be loaded, or never forked, is not loaded twice for each call.
constexpr std::chrono::seconds after_failure{60};

using Sink = std::function<void(std::string_view)>;

/// What a snapshot writes, taken as it comes.
class Output {
 public:
  Output(EventLoop& loop, Descriptor pipe, Sink sink)
      : pipe_(std::move(pipe)), sink_(std::move(sink)), watch_(std::in_place, loop, pipe_.get(), [this] { drain(); }) {}

  void drain() {
    if (!watch_) return;
    std::array<char, 16384> buffer;
    for (;;) {
      const ssize_t n = ::read(pipe_.get(), buffer.data(), buffer.size());
      if (n > 0) {
        sink_({buffer.data(), static_cast<std::size_t>(n)});
      } else if (n == 0 || errno != EINTR) {
        if (n == 0 || errno != EAGAIN) watch_.reset();
        return;
      }
    }
  }
  void say(const std::string& text) {
    drain();
    sink_("preload: " + text + "\n");
  }

 private:
  const Descriptor pipe_;
  const Sink sink_;
  std::optional<DescriptorWatch> watch_;
};

}  // namespace

bool SnapshotWorkshop::settled() {
  std::erase_if(pools, [](const auto& pool) { return pool.use_count() == 1 && pool->settled(); });
  return in_progress == 0 && std::all_of(pools.begin(), pools.end(), [](const auto& pool) { return pool->settled(); });
}

struct FunctionSnapshot::Live {
  /// Used on the thread that forks, too.
  struct Source {
    Descriptor control;
    SnapshotSource request;
    std::atomic<bool> ended = false;
  };
  std::shared_ptr<RunningSandbox> sandbox;
  std::shared_ptr<Source> source = std::make_shared<Source>();
  std::unique_ptr<Output> output;
  std::shared_ptr<ReadyPool<PreparedSandbox>> forks;
  bool has_served = false;
};

FunctionSnapshot::FunctionSnapshot(SnapshotWorkshop& workshop) : workshop_(workshop), idle_(workshop.loop) {}

FunctionSnapshot::~FunctionSnapshot() { let_go(); }

std::size_t FunctionSnapshot::ready() const { return live_ ? live_->forks->ready() : 0; }

Task<std::optional<SnapshotFork>> FunctionSnapshot::take(const InstanceSpec& spec) {
  const auto self = shared_from_this();
  const auto live = live_;
  if (!live) {
    if (!making_ && !workshop_.ended && Deadline::Clock::now() >= not_before_) {
      making_ = true;
      workshop_.loop.spawn(make(weak_from_this(), workshop_, spec), "snapshot of a function");
    }
    co_return std::nullopt;
  }
  used();
  for (int i = 0; i < most_dead && !live->source->ended; ++i) {
    PreparedSandbox sandbox = co_await live->forks->take();
    if (sandbox.pid > 0 && sandbox.lives()) {
      live->has_served = true;
      std::optional<SnapshotFork> fork(SnapshotFork{std::move(sandbox), live->sandbox});
      co_return fork;
    }
  }
  co_return std::nullopt;
}

void FunctionSnapshot::forget(const std::string& why) {
  if (!live_) return;
  live_->output->say("the snapshot is given up, because " + why +
                     ". Instances load the function themselves until there is a new one");
  if (!live_->has_served) not_before_ = Deadline::Clock::now() + after_failure;
  let_go();
}

void FunctionSnapshot::let_go() {
  if (!live_) return;
  const auto live = std::exchange(live_, nullptr);
  live->source->ended = true;
  // It ends by that, though its instances may keep its sandbox; and so does the wait of who has asked for a fork.
  ::shutdown(live->source->control.get(), SHUT_RDWR);
  live->forks->stop();
  live->forks->clear();
  workshop_.pools.push_back(std::move(live->forks));
  workshop_.settled();
  idle_.cancel();
}

/// As long as it is used, and a while.
void FunctionSnapshot::used() {
  idle_.arm(Deadline::after(workshop_.idle_limit), [this] {
    if (!live_) return;
    // Its instances, and this.
    if (live_->sandbox.use_count() > 1) return used();
    let_go();
  });
}

Task<void> FunctionSnapshot::make(std::weak_ptr<FunctionSnapshot> weak, SnapshotWorkshop& workshop, InstanceSpec spec) {
  ++workshop.in_progress;
  std::shared_ptr<Live> live;
  std::string why;
  const auto open_log = spec.preload->open_log;
  spec.preload.reset();  // or it would keep what it is kept by
  try {
    Sink sink = open_log();
    live = co_await load(workshop, std::move(spec), sink, why);
    if (!live) sink("preload: there is no snapshot, because " + why + ". Instances load the function themselves\n");
  } catch (...) {
    workshop.loop.report("snapshot of a function", std::current_exception());
  }
  --workshop.in_progress;
  const auto self = weak.lock();
  if (!self) co_return;
  self->making_ = false;
  if (!live) {
    self->not_before_ = Deadline::Clock::now() + after_failure;
  } else if (!workshop.ended) {
    self->begin_forking(live);
  }
}

/// Null where it cannot be had, and `why`.
Task<std::shared_ptr<FunctionSnapshot::Live>> FunctionSnapshot::load(SnapshotWorkshop& workshop, InstanceSpec spec,
                                                                     Sink sink, std::string& why) {
  auto live = std::make_shared<Live>();
  const Deadline loaded_by = Deadline::after(limits::init_timeout);
  PreparedSandbox sandbox = co_await workshop.threads.clearing.run(workshop.maker(spec.zygote));
  ControlPair control = make_control();
  live->source->control = std::move(control.ours);
  live->source->request = {live->source->control.get(), sandbox.uid.uid(), static_cast<std::uint32_t>(spec.tmp_mb),
                           static_cast<std::uint32_t>(spec.tmp_mb) * tmp_files_per_mb};
  LaunchTerms terms;
  terms.has_cgroups = workshop.factory.has_cgroups();
  terms.limit = Deadline::after(launch_limit);
  terms.snapshot = std::move(control.theirs);
  spec.extensions.clear();
  spec.channels = std::max<std::size_t>(spec.channels, 1);
  auto launched =
      co_await launch_in(workshop.loop, workshop.threads, std::move(sandbox), std::move(spec), std::move(terms));
  if (const auto* const error = std::get_if<LaunchError>(&launched)) {
    why = error->message;
    co_return nullptr;
  }
  auto& programs = std::get<LaunchedPrograms>(launched);
  live->sandbox = std::move(programs.sandbox);
  live->output = std::make_unique<Output>(workshop.loop, std::move(programs.ends.log_read), std::move(sink));
  const bool answered = co_await readable(workshop.loop, live->source->control.get(), loaded_by);
  live->output->drain();
  if (!answered) {
    why = "the function has not been loaded within " + std::to_string(limits::init_timeout.count() / 1000) + " seconds";
    co_return nullptr;
  }
  const std::optional<sandbox::Reply> reply = read_reply(live->source->control.get());
  if (!reply) {
    why = "the process that loads the function has ended";
  } else if (reply->kind != sandbox::ReplyKind::ready) {
    why = std::string("the function ") + reply->text;
  } else {
    co_return live;
  }
  co_return nullptr;
}

void FunctionSnapshot::begin_forking(const std::shared_ptr<Live>& live) {
  live_ = live;
  // Whoever waits is to go another way, and so gets something that does not live rather than an exception.
  live->forks = std::make_shared<ReadyPool<PreparedSandbox>>(
      workshop_.loop, workshop_.forking,
      [source = live->source, weak = weak_from_this(), &loop = workshop_.loop, &factory = workshop_.factory](Demand) {
        PreparedSandbox none;
        if (source->ended) return none;
        try {
          return factory.fork(source->request, fork_limit);
        } catch (const std::exception& error) {
          if (source->ended.exchange(true)) return none;
          loop.post([weak, source, why = std::string(error.what())] {
            const auto self = weak.lock();
            if (self && self->live_ && self->live_->source == source) self->forget(why);
          });
        }
        return none;
      },
      ready_forks);
  used();
}

}  // namespace kiln
