// What the clients of a service notice of its host, fdrpc-host:
//
//   fdrpc_bench_host reload SERVER COUNT CONTROL CONFIG
//   fdrpc_bench_host start SERVER COUNT CONTROL
//   fdrpc_bench_host alone SERVER COUNT PROGRAM ROOT
//
// SERVER is the address of the service "broker", a file broker, and CONTROL
// that of its host. "reload" changes its configuration file COUNT times, and
// has the host replace it each time, while two threads call it. "start" ends
// its process COUNT times, and measures the next call, which starts it. "alone"
// measures the same of PROGRAM without a host, from its exec. Prints the
// figures.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "fdrpc/host/v1/host.fdrpc.h"

namespace {

using Clock = std::chrono::steady_clock;
namespace broker = fdrpc::filebroker::v1;
namespace host = fdrpc::host::v1;

constexpr char kName[] = "broker";

// A broker without a host; -1: there is none.
pid_t alone = -1;

[[noreturn]] void Fail(const std::string& what) {
  if (alone > 0) kill(alone, SIGKILL);
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

fdrpc::Channel ConnectTo(const std::string& address) {
  absl::StatusOr<fdrpc::Channel> channel = fdrpc::Channel::Connect(address);
  if (!channel.ok()) Fail(channel.status().ToString());
  return *std::move(channel);
}

// Opens a file.
absl::Status Call(const fdrpc::Channel& channel, bool wait_for_ready = false) {
  broker::OpenRequest request;
  request.set_path("file");
  request.set_access(broker::ACCESS_READ);
  return broker::FileBroker::Stub(channel)
      .Open(request,
            {.timeout = absl::Seconds(30), .wait_for_ready = wait_for_ready})
      .status();
}

class Times {
 public:
  template <typename Function>
  void Measure(Function function) {
    const Clock::time_point begin = Clock::now();
    const absl::Status status = function();
    const std::chrono::duration<double, std::micro> time = Clock::now() - begin;
    if (!status.ok()) Fail(status.ToString());
    micros_.push_back(time.count());
    sum_ += time.count();
  }
  // As members of a JSON object.
  std::string Figures() {
    std::sort(micros_.begin(), micros_.end());
    char text[200];
    std::snprintf(text, sizeof(text),
                  "\"p50_us\": %.1f, \"p99_us\": %.1f, \"rate_per_s\": %.1f",
                  micros_[micros_.size() / 2],
                  micros_[micros_.size() * 99 / 100],
                  1e6 * static_cast<double>(micros_.size()) / sum_);
    return text;
  }

 private:
  std::vector<double> micros_;
  double sum_ = 0;
};

// Calls a server as fast as it can.
class Load {
 public:
  explicit Load(const std::string& address)
      : thread_([this, channel = ConnectTo(address)] {
          while (!stopped_) {
            (Call(channel).ok() ? done_ : failed_).fetch_add(1);
          }
        }) {}
  ~Load() {
    stopped_ = true;
    thread_.join();
  }
  uint64_t done() const { return done_; }
  uint64_t failed() const { return failed_; }

 private:
  std::atomic<bool> stopped_ = false;
  std::atomic<uint64_t> done_ = 0;
  std::atomic<uint64_t> failed_ = 0;
  std::thread thread_;
};

absl::Status Reload(const host::Host::Stub& stub) {
  const absl::StatusOr<host::ReloadReply> reply =
      stub.Reload(host::ReloadRequest());
  if (!reply.ok()) return reply.status();
  for (const auto& outcome : reply->outcomes()) {
    if (outcome.name() == kName &&
        outcome.change() == host::ReloadReply::Outcome::CHANGE_REPLACED) {
      return absl::OkStatus();
    }
  }
  return absl::InternalError("the broker was not replaced");
}

void MeasureReloads(const std::string& server, int count,
                    const std::string& control, const std::string& path) {
  std::ifstream file(path);
  const std::string config(std::istreambuf_iterator<char>(file), {});
  const host::Host::Stub stub(ConnectTo(control));
  Times times;
  uint64_t failed = 0;
  {
    Load loads[] = {Load(server), Load(server)};
    for (const Load& load : loads) {
      while (load.done() + load.failed() == 0) std::this_thread::yield();
    }
    for (int i = 0; i < count; ++i) {
      std::ofstream(path) << config << "umask: 00" << i % 2 << "0\n";
      times.Measure([&] { return Reload(stub); });
    }
    for (const Load& load : loads) failed += load.failed();
  }
  if (failed > 0) Fail(std::to_string(failed) + " calls have failed");
  std::printf("{%s, \"failed_calls\": 0}\n", times.Figures().c_str());
}

void MeasureStarts(const std::string& server, int count,
                   const std::string& control) {
  const host::Host::Stub stub(ConnectTo(control));
  auto watch = stub.Watch(host::WatchRequest());
  Times times;
  for (int i = 0; i < count; ++i) {
    host::ServiceStatus status;
    do {
      if (!watch.Read(status)) Fail(watch.Finish().ToString());
      if (status.state() == host::STATE_RUNNING) {
        kill(status.pid(), SIGTERM);
      }
    } while (status.name() != kName || status.state() != host::STATE_LISTENING);
    // Including the connection.
    times.Measure([&] { return Call(ConnectTo(server)); });
  }
  std::printf("{%s}\n", times.Figures().c_str());
}

void MeasureAlone(const std::string& server, int count, char* program,
                  char* root) {
  Times times;
  for (int i = 0; i < count; ++i) {
    times.Measure([&] {
      const std::string listen = "--listen=" + server;
      char* const arguments[] = {program, const_cast<char*>("--root"), root,
                                 const_cast<char*>(listen.c_str()), nullptr};
      posix_spawn_file_actions_t quiet;
      posix_spawn_file_actions_init(&quiet);
      posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null",
                                       O_WRONLY, 0);
      if (posix_spawn(&alone, program, &quiet, nullptr, arguments, environ) !=
          0) {
        Fail("posix_spawn failed");
      }
      posix_spawn_file_actions_destroy(&quiet);
      return Call(ConnectTo(server), /*wait_for_ready=*/true);
    });
    kill(alone, SIGTERM);
    waitpid(alone, nullptr, 0);
    alone = -1;
  }
  std::printf("{%s}\n", times.Figures().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  const std::string does = argc > 4 ? argv[1] : "";
  const int count = argc > 4 ? std::atoi(argv[3]) : 0;
  if (does == "reload" && argc == 6 && count > 0) {
    MeasureReloads(argv[2], count, argv[4], argv[5]);
  } else if (does == "start" && argc == 5 && count > 0) {
    MeasureStarts(argv[2], count, argv[4]);
  } else if (does == "alone" && argc == 6 && count > 0) {
    MeasureAlone(argv[2], count, argv[4], argv[5]);
  } else {
    Fail("usage: fdrpc_bench_host reload|start|alone SERVER COUNT …");
  }
  return 0;
}
