#include "services/launcher/event_stream.h"

namespace fdrpc::launcher {
namespace {

bool SaysWhetherStopped(const v1::ProcessEvent& event) {
  return event.has_stopped() || event.has_continued();
}

}  // namespace

void EventStream::Send(Parcel<v1::ProcessEvent> event) {
  if (!waiting_.empty() && SaysWhetherStopped(*event) &&
      SaysWhetherStopped(*waiting_.back())) {
    waiting_.pop_back();
  }
  waiting_.push_back(std::move(event));
  WriteNext();
}

void EventStream::Finish(absl::Status status) {
  status_ = std::move(status);
  WriteNext();
}

void EventStream::WriteNext() {
  if (writing_ || end_ == nullptr) return;
  if (waiting_.empty()) {
    if (!status_.has_value()) return;
    // Not kept any longer: the handles in the two functions hold the call.
    End end = std::exchange(end_, nullptr);
    write_ = nullptr;
    end(*std::move(status_));
    return;
  }
  Parcel<v1::ProcessEvent> event = std::move(waiting_.front());
  waiting_.pop_front();
  writing_ = true;
  write_(std::move(event), [self = shared_from_this()](bool) {
    // If the call has ended, the rest is dropped in the same way.
    self->writing_ = false;
    self->WriteNext();
  });
}

}  // namespace fdrpc::launcher
