#ifndef FDRPC_SERVICES_PROCESS_EVENT_LOOP_H_
#define FDRPC_SERVICES_PROCESS_EVENT_LOOP_H_

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/loop.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc::process {

// The loop of a program that serves in it (Server::Start(loop())) and also
// waits for other descriptors: of its processes, its signals.
//
// Threads: the one that creates it. What others have to say they post to
// loop().
class EventLoop {
 public:
  static absl::StatusOr<EventLoop> Create();

  const Loop& loop() const { return loop_; }

  // Calls `ready` again and again while `fd` is readable or hung up, until
  // Unwatch(), which comes before `fd` is closed.
  absl::Status Watch(int fd, absl::AnyInvocable<void()> ready);
  // The same while there is room to write.
  absl::Status WatchForRoom(int fd, absl::AnyInvocable<void()> ready);
  void Unwatch(int fd);
  bool Watches(int fd) const { return watched_.contains(fd); }

  // Until Stop(), which one of the functions called here calls.
  void Run();
  void Stop() { stopped_ = true; }
  // As long as `condition` holds, also after Stop().
  void RunWhile(absl::FunctionRef<bool()> condition);

 private:
  using Function = absl::AnyInvocable<void()>;

  EventLoop(Loop loop, UniqueFd epoll)
      : loop_(std::move(loop)), epoll_(std::move(epoll)) {}
  absl::Status Add(int fd, uint32_t events, Function ready);
  void WaitOnce();

  Loop loop_;
  UniqueFd epoll_;
  // Shared, because a function may unwatch its own descriptor.
  std::unordered_map<int, std::shared_ptr<Function>> watched_;
  bool stopped_ = false;
};

}  // namespace fdrpc::process

#endif  // FDRPC_SERVICES_PROCESS_EVENT_LOOP_H_
