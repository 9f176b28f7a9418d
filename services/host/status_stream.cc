#include "services/host/status_stream.h"

#include <algorithm>

namespace fdrpc::host {

void StatusStream::Send(const v1::ServiceStatus& status) {
  const auto former = std::find_if(
      waiting_.begin(), waiting_.end(),
      [&](const auto& waiting) { return waiting.name() == status.name(); });
  if (former != waiting_.end()) waiting_.erase(former);
  waiting_.push_back(status);
  WriteNext();
}

void StatusStream::WriteNext() {
  if (is_writing_ || waiting_.empty()) return;
  is_writing_ = true;
  v1::ServiceStatus next = std::move(waiting_.front());
  waiting_.pop_front();
  call_.Write(std::move(next), [self = shared_from_this()](bool taken) {
    self->is_writing_ = false;
    if (taken) self->WriteNext();
  });
}

}  // namespace fdrpc::host
