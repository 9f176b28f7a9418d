#include "services/host/log_follower.h"

#include "absl/strings/str_cat.h"

namespace fdrpc::host {

void LogFollower::Send(const v1::LogLine& line) {
  if (state_ != State::kOpen) return;
  if (waiting_.size() == kMostWaiting ||
      waiting_bytes_ + line.text().size() > kMostWaitingBytes) {
    return End(absl::ResourceExhaustedError(absl::StrCat(
        waiting_.size(),
        " lines were not read in time, and are lost: ask for them again")));
  }
  waiting_bytes_ += line.text().size();
  waiting_.push_back(line);
  Continue();
}

void LogFollower::Finish(absl::Status status) {
  if (state_ != State::kOpen) return;
  state_ = State::kFinishing;
  status_ = std::move(status);
  Continue();
}

void LogFollower::Drop() {
  state_ = State::kEnded;
  waiting_.clear();
  ForgetFunctions();
}

void LogFollower::Continue() {
  if (is_calling_) return;  // the loop below goes on
  const auto self = shared_from_this();
  while (!is_writing_ && !waiting_.empty()) {
    const v1::LogLine line = std::move(waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= line.text().size();
    is_writing_ = true;
    is_calling_ = true;
    write_(line, [self](bool taken) {
      self->is_writing_ = false;
      if (!taken) return self->Drop();
      if (self->state_ != State::kEnded) self->Continue();
    });
    is_calling_ = false;
  }
  if (state_ == State::kEnded) return ForgetFunctions();
  if (!is_writing_ && state_ == State::kFinishing) End(std::move(status_));
}

void LogFollower::End(absl::Status status) {
  state_ = State::kEnded;
  waiting_.clear();
  ServiceLog::Finish finish = std::move(finish_);
  ForgetFunctions();
  finish(std::move(status));
}

void LogFollower::ForgetFunctions() {
  if (is_calling_) return;
  write_ = nullptr;
  finish_ = nullptr;
}

}  // namespace fdrpc::host
