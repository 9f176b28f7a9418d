#include "services/host/service_history.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/host/end_text.h"

namespace fdrpc::host {

using v1::ProcessRecord;

void ServiceHistory::Restore(const v1::ServiceRecord& record) {
  starts_ = record.starts();
  last_end_ = record.last_end();
}

void ServiceHistory::SaveTo(v1::ServiceRecord& record) const {
  record.set_starts(starts_);
  record.set_last_end(last_end_);
}

void ServiceHistory::OnFork(const absl::Status& status) {
  start_error_ = absl::OkStatus();
  if (status.ok()) {
    ++starts_;
    return;
  }
  start_error_ = absl::FailedPreconditionError(
      absl::StrCat("the process cannot be started: ", status.message()));
  last_end_ = std::string(start_error_.message());
}

void ServiceHistory::OnEnd(const v1::Event::Ended& ended,
                           const ServiceMachine::Process* process, bool is_last,
                           absl::Duration start_timeout) {
  const auto role =
      process == nullptr ? ProcessRecord::ROLE_UNSPECIFIED : process->role;
  if (role == ProcessRecord::ROLE_STARTING) {
    if (process->was_late) {
      start_error_ = absl::DeadlineExceededError(
          absl::StrCat("the process was not ready within ",
                       absl::FormatDuration(start_timeout)));
      last_end_ = std::string(start_error_.message());
    } else if (!start_error_.ok()) {
      last_end_ = std::string(start_error_.message());
    } else {
      last_end_ = EndText(ended);
      start_error_ = absl::FailedPreconditionError(
          absl::StrCat("before it was ready, the process ", last_end_));
    }
    return;
  }
  // That of one that was replaced, and has taken its time, is no news.
  if (role == ProcessRecord::ROLE_ENDING && !is_last) return;
  last_end_ = EndText(ended);
  if (process != nullptr && process->aborted.has_value()) {
    last_end_ = absl::StrCat("hung, and ", last_end_);
  }
}

absl::Status ServiceHistory::TakeStartError() {
  return std::exchange(start_error_, absl::OkStatus());
}

}  // namespace fdrpc::host
