#include "services/host/notify_reader.h"

#include <optional>
#include <utility>

namespace fdrpc::host {
namespace {

// More than wait in the socket (net.unix.max_dgram_qlen), so that one who sends
// without end does not hold up what has to be done after the present messages.
constexpr int kMostPresent = 256;

}  // namespace

absl::Status NotifyReader::Begin() { return Watch(); }

absl::Status NotifyReader::Watch() {
  return loop_.Watch(socket_.fd().get(), [this] { ReadNext(); });
}

void NotifyReader::AfterPresent(absl::AnyInvocable<void()> then) {
  Wait({std::move(then), kMostPresent});
}

void NotifyReader::OnceEmpty(absl::AnyInvocable<void()> then) {
  Wait({std::move(then), std::nullopt});
}

void NotifyReader::Wait(Waiter waiter) {
  waiters_.push_back(std::move(waiter));
  if (!is_keeping_) ReadNext();
}

void NotifyReader::ReadNext() {
  std::optional<NotifySocket::Message> message = socket_.Peek();
  if (!message.has_value()) return CallWaiters(/*all=*/true);
  is_keeping_ = true;
  loop_.Unwatch(socket_.fd().get());
  on_message_(*std::move(message));
  keeper_.Sync([this](const absl::Status& status) {
    // Without a keeper the host ends.
    if (status.ok()) OnKept();
  });
}

void NotifyReader::OnKept() {
  socket_.Consume();
  is_keeping_ = false;
  for (Waiter& waiter : waiters_) {
    if (waiter.messages.has_value()) --*waiter.messages;
  }
  CallWaiters(/*all=*/false);
  if (!waiters_.empty() && !is_keeping_) return ReadNext();
  if (!is_keeping_) (void)Watch();
}

void NotifyReader::CallWaiters(bool all) {
  std::vector<Waiter> rest;
  for (Waiter& waiter : std::exchange(waiters_, {})) {
    if (all || waiter.messages.value_or(1) <= 0) {
      waiter.then();
    } else {
      rest.push_back(std::move(waiter));
    }
  }
  waiters_.insert(waiters_.begin(), std::make_move_iterator(rest.begin()),
                  std::make_move_iterator(rest.end()));
  if (all && !loop_.Watches(socket_.fd().get())) (void)Watch();
}

}  // namespace fdrpc::host
