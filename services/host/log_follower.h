#ifndef FDRPC_SERVICES_HOST_LOG_FOLLOWER_H_
#define FDRPC_SERVICES_HOST_LOG_FOLLOWER_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/host/v1/host.pb.h"
#include "services/host/service_log.h"

namespace fdrpc::host {

// One who is passed the lines of a log, one after the other. Lines that it has
// not taken yet wait; if they are too many, it gets no more.
//
// Threads: the loop's.
class LogFollower : public std::enable_shared_from_this<LogFollower> {
 public:
  static constexpr size_t kMostWaiting = 2048;
  static constexpr size_t kMostWaitingBytes = 1 << 20;

  LogFollower(ServiceLog::Write write, ServiceLog::Finish finish)
      : write_(std::move(write)), finish_(std::move(finish)) {}

  void Send(const v1::LogLine& line);
  // After what was sent.
  void Finish(absl::Status status);
  // Calls neither function again.
  void Drop();

  bool has_ended() const { return state_ == State::kEnded; }

 private:
  enum class State { kOpen, kFinishing, kEnded };

  // Passes on what waits, until a line is being written.
  void Continue();
  void End(absl::Status status);
  // Unless one of them is being called.
  void ForgetFunctions();

  ServiceLog::Write write_;
  ServiceLog::Finish finish_;
  State state_ = State::kOpen;
  absl::Status status_;  // to finish with
  std::deque<v1::LogLine> waiting_;
  size_t waiting_bytes_ = 0;
  bool is_writing_ = false;  // a line has not been taken yet
  bool is_calling_ = false;  // a function, which may call back at once
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_LOG_FOLLOWER_H_
