// How threads and continuations wait for what a call brings: a part of
// IncomingCall.

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "server/incoming_call.h"

namespace fdrpc {

bool IncomingCall::IsReady(CallEvent event) const {
  switch (event) {
    case CallEvent::kMessage:
      return ended_ || reading_stopped_ || requests_.ready();
    case CallEvent::kRoom:
      return ended_ || replies_ == nullptr || replies_->has_room();
    default:
      return ended_;
  }
}

void IncomingCall::CheckFree(CallEvent event) const {
  FDRPC_CHECK(waits_.IsFree(event), Misuse("two wait for one event of a call"));
}

std::string IncomingCall::Misuse(std::string_view what) const {
  if (method_.handler == nullptr) return std::string(what);
  return absl::StrCat(std::string(what), ": ",
                      std::string(method_.handler->method->full_name));
}

bool IncomingCall::HasRoom() const {
  return replies_ != nullptr && replies_->has_room();
}

bool IncomingCall::Ready(CallEvent event) {
  if (context_.past_deadline()) OnDeadline();
  // Who never waits would not hear that the client has cancelled.
  if (environment_.executor.TurnIsOver()) return false;
  if (event == CallEvent::kRoom && HasRoom()) return true;
  MutexLock lock(mu_);
  return IsReady(event);
}

void IncomingCall::Await(CallEvent event) {
  if (Ready(event)) return;
  origin_->Flush();  // what lingers
  Executor& executor = environment_.executor;
  ParkedThread thread = {.parker = {}, .polls = executor.PollsInPark()};
  bool in_time = true;
  while (in_time) {
    {
      MutexLock lock(mu_);
      waits_.Remove(event);
      if (IsReady(event)) return;
      CheckFree(event);
      waits_.Add(event, thread);
      if (thread.polls) WatchDeadline();
    }
    in_time = executor.Park(thread.parker, deadline());
  }
  {
    MutexLock lock(mu_);
    waits_.Remove(event);
  }
  OnDeadline();
}

void IncomingCall::StopReading() {
  WokenThreads woken;
  MutexLock lock(mu_);
  reading_stopped_ = true;
  waits_.End(CallEvent::kMessage, environment_.executor, woken);
}

void IncomingCall::Notify(CallEvent event, Continuation& continuation) {
  // The continuation may let go of the call before this returns.
  const std::shared_ptr<IncomingCall> self = shared_from_this();
  if (context_.past_deadline()) OnDeadline();
  MutexLock lock(mu_);
  if (IsReady(event)) return environment_.executor.Post(continuation);
  CheckFree(event);
  waits_.Add(event, continuation);
  WatchDeadline();
}

void IncomingCall::Forget(Continuation& continuation) {
  MutexLock lock(mu_);
  // What has left here was posted under the lock.
  if (!waits_.Remove(continuation)) environment_.executor.Remove(continuation);
}

void IncomingCall::WatchDeadline() {
  if (deadline() == kNoDeadline || deadline_watched_) return;
  deadline_watched_ = true;
  // A thread that waits for a later one is to look again.
  if (environment_.deadlines.Add(*this)) environment_.executor.InterruptPoll();
}

}  // namespace fdrpc
