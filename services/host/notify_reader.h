#ifndef FDRPC_SERVICES_HOST_NOTIFY_READER_H_
#define FDRPC_SERVICES_HOST_NOTIFY_READER_H_

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "services/host/keeper_link.h"
#include "services/host/notify_socket.h"
#include "services/process/event_loop.h"

namespace fdrpc::host {

// Reads the messages of processes one by one: the next one once the keeper
// knows what the former one has changed. So none is lost with a host that is
// killed, though its successor may hear it again.
//
// Threads: the loop's.
class NotifyReader {
 public:
  using OnMessage = std::function<void(NotifySocket::Message)>;

  // Borrows all.
  NotifyReader(process::EventLoop& loop, KeeperLink& keeper,
               const NotifySocket& socket, OnMessage on_message)
      : loop_(loop),
        keeper_(keeper),
        socket_(socket),
        on_message_(std::move(on_message)) {}
  NotifyReader(const NotifyReader&) = delete;
  NotifyReader& operator=(const NotifyReader&) = delete;
  ~NotifyReader() { loop_.Unwatch(socket_.fd().get()); }

  absl::Status Begin();
  // Calls `then` once what was sent before was read: of a process that has
  // ended, for example.
  void AfterPresent(absl::AnyInvocable<void()> then);
  // Calls `then` once no message waits: never, while somebody sends without
  // end.
  void OnceEmpty(absl::AnyInvocable<void()> then);

 private:
  struct Waiter {
    absl::AnyInvocable<void()> then;
    // At most so many before it.
    std::optional<int> messages;
  };

  void Wait(Waiter waiter);
  absl::Status Watch();
  void ReadNext();
  void OnKept();
  void CallWaiters(bool all);

  process::EventLoop& loop_;
  KeeperLink& keeper_;
  const NotifySocket& socket_;
  const OnMessage on_message_;
  bool is_keeping_ = false;  // a message's changes are on the way to the keeper
  std::vector<Waiter> waiters_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_NOTIFY_READER_H_
