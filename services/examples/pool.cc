// A pool of workers: a dispatcher passes files to processes that have offered
// to work, each one job at a time.
//
//   fdrpc-example-pool serve unix:pool.sock
//   fdrpc-example-pool work unix:pool.sock      (as many as there are to be)
//   fdrpc-example-pool sum unix:pool.sock FILE...
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/channel_to_client.h"
#include "fdrpc/offered_services.h"
#include "fdrpc/server.h"
#include "pool.fdrpc.h"

namespace {

using examples::pool::Job;
using examples::pool::JoinReply;
using examples::pool::JoinRequest;
using examples::pool::Pool;
using examples::pool::Result;
using examples::pool::Worker;
using examples::pool::Workers;

// The workers that have nothing to do. Any thread.
class IdleWorkers {
 public:
  void Add(Worker::Stub worker) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(worker));
    changed_.notify_one();
  }
  // Waits for one, until the caller is cancelled.
  absl::StatusOr<Worker::Stub> Take(const fdrpc::ServerContext& caller) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait(lock, caller.cancellation(),
                       [this] { return !idle_.empty(); })) {
      return absl::CancelledError("nobody waits for the result");
    }
    Worker::Stub worker = std::move(idle_.front());
    idle_.pop_front();
    return worker;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Worker::Stub> idle_;
};

class Entrance final : public Workers::Service {
 public:
  explicit Entrance(IdleWorkers& idle) : idle_(idle) {}

  absl::Status Join(fdrpc::ServerContext& context, const JoinRequest&,
                    JoinReply&) override {
    const auto worker = fdrpc::ChannelToClient(context);
    if (!worker.ok()) return worker.status();
    idle_.Add(Worker::Stub(*worker));
    return absl::OkStatus();
  }

 private:
  IdleWorkers& idle_;
};

class Dispatcher final : public Pool::Service {
 public:
  explicit Dispatcher(IdleWorkers& idle) : idle_(idle) {}

  absl::Status Sum(fdrpc::ServerContext& context, fdrpc::Parcel<Job>& job,
                   Result& result) override {
    // Another attempt may need it.
    const fdrpc::SharedFd file(job.take_file());
    while (true) {
      absl::StatusOr<Worker::Stub> worker = idle_.Take(context);
      if (!worker.ok()) return worker.status();
      fdrpc::Parcel<Job> copy;
      copy.set_file(file);
      auto done = worker->Sum(std::move(copy), {.parent = &context});
      if (done.ok()) {
        result = *std::move(done);
        idle_.Add(*std::move(worker));
        return absl::OkStatus();
      }
      // A worker that has gone is forgotten, and another one does its job.
      const absl::Status& why = done.status();
      if (!absl::IsUnavailable(why) && !absl::IsFailedPrecondition(why)) {
        idle_.Add(*std::move(worker));
        return why;
      }
    }
  }

 private:
  IdleWorkers& idle_;
};

class Summing final : public Worker::Service {
 public:
  absl::Status Sum(fdrpc::ServerContext&, fdrpc::Parcel<Job>& job,
                   Result& result) override {
    uint64_t sum = 0;
    unsigned char buffer[65536];
    // Not read(2), whose offset is the same for all that have the file.
    off_t offset = 0;
    ssize_t n;
    while ((n = pread(job.file(), buffer, sizeof(buffer), offset)) > 0) {
      for (ssize_t i = 0; i < n; ++i) sum += buffer[i];
      offset += n;
    }
    if (n < 0) return absl::ErrnoToStatus(errno, "pread");
    result.set_sum(sum);
    result.set_pid(getpid());
    return absl::OkStatus();
  }
};

int Fail(const absl::Status& status) {
  std::cerr << status << "\n";
  return 1;
}

int Serve(const std::string& address) {
  IdleWorkers idle;
  Entrance entrance(idle);
  Dispatcher dispatcher(idle);
  fdrpc::Server server;
  server.AddService(entrance);
  server.AddService(dispatcher);
  if (absl::Status status = server.Listen(address); !status.ok()) {
    return Fail(status);
  }
  std::cout << "listening" << std::endl;
  server.Run();
  return 0;
}

int Work(const std::string& address) {
  Summing summing;
  fdrpc::OfferedServices offered({&summing});
  const auto channel = fdrpc::Channel::Connect(address, {.offer = offered});
  if (!channel.ok()) return Fail(channel.status());
  const auto joined = Workers::Stub(*channel).Join(JoinRequest());
  if (!joined.ok()) return Fail(joined.status());
  std::cout << "working as " << getpid() << std::endl;
  // Until the dispatcher ends.
  std::mutex mutex;
  std::condition_variable ended;
  bool gone = false;
  const auto watch = channel->WatchState([&](fdrpc::ChannelState state) {
    if (state == fdrpc::ChannelState::kReady) return;
    const std::lock_guard lock(mutex);
    gone = true;
    ended.notify_one();
  });
  if (!watch.ok()) return Fail(watch.status());
  std::unique_lock lock(mutex);
  ended.wait(lock, [&] { return gone; });
  return 0;
}

int Sum(const std::string& address, int count, char** names) {
  const auto channel = fdrpc::Channel::Connect(address);
  if (!channel.ok()) return Fail(channel.status());
  Pool::Stub pool(*channel);
  for (int i = 0; i < count; ++i) {
    fdrpc::UniqueFd file(open(names[i], O_RDONLY | O_CLOEXEC));
    if (!file.ok()) return Fail(absl::ErrnoToStatus(errno, names[i]));
    fdrpc::Parcel<Job> job;
    job.set_file(std::move(file));
    const auto result =
        pool.Sum(std::move(job), {.timeout = absl::Seconds(30)});
    if (!result.ok()) return Fail(result.status());
    std::cout << result->sum() << " " << names[i] << " by " << result->pid()
              << std::endl;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (role == "serve" && argc == 3) return Serve(argv[2]);
  if (role == "work" && argc == 3) return Work(argv[2]);
  if (role == "sum" && argc > 3) return Sum(argv[2], argc - 3, argv + 3);
  std::cerr << "usage: fdrpc-example-pool serve ADDRESS | work ADDRESS | "
               "sum ADDRESS FILE...\n";
  return 2;
}
