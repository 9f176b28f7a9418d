#include "services/tool/replay.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/tool/exit_status.h"

namespace fdrpc::tool {
namespace {

using capture::Direction;
using capture::Event;

std::string NameOf(const Event& open) {
  return absl::StrCat("connection ", open.connection, " call ", open.call, " ",
                      open.method);
}

// A replay that waited longer would look as if it hung.
constexpr absl::Duration kLongestWait = absl::Hours(24);

absl::Duration Since(uint64_t start_ns, uint64_t time_ns) {
  return absl::Nanoseconds(static_cast<int64_t>(time_ns - start_ns));
}

}  // namespace

absl::StatusOr<Replay::Result> Replay::Run(const std::vector<Event>& events) {
  if (events.empty()) return result_;
  for (const Event& event : events) {
    const Id id(event.connection, event.call);
    if (event.kind == Event::Kind::kMessage &&
        event.direction == Direction::kFromClient &&
        !event.descriptors.empty()) {
      with_descriptors_.insert(id);
    }
    if (event.kind == Event::Kind::kConnected &&
        event.client.offered_over != 0) {
      of_server_.insert(event.connection);
    }
    durations_ns_[id] = std::max(durations_ns_[id], event.duration_ns);
  }
  if (settings_.timing) {
    absl::Status kept = CheckTimes(events);
    if (!kept.ok()) return kept;
  }
  recorded_start_ns_ = events.front().time_ns;
  start_ = absl::Now();
  for (const Event& event : events) {
    if (event.kind == Event::Kind::kOpen) {
      WaitUntilDue(event);
      absl::Status begun = Begin(event);
      if (!begun.ok()) return begun;
      continue;
    }
    const auto call = calls_.find({event.connection, event.call});
    if (call == calls_.end()) continue;
    WaitUntilDue(event);
    absl::Status repeated = call->second.Repeat(event);
    if (!repeated.ok()) return repeated;
    if (!call->second.has_ended()) continue;
    absl::Status ended = End(call);
    if (!ended.ok()) return ended;
  }
  // Those that went on when the recording ended.
  while (!calls_.empty()) {
    calls_.begin()->second.Abort("the recording ends before the call");
    absl::Status ended = End(calls_.begin());
    if (!ended.ok()) return ended;
  }
  return result_;
}

absl::Status Replay::CheckTimes(const std::vector<Event>& events) const {
  const uint64_t* before = nullptr;
  for (const Event& event : events) {
    const absl::Duration step =
        before == nullptr ? absl::Duration() : Since(*before, event.time_ns);
    before = &event.time_ns;
    if (step >= absl::ZeroDuration() && step <= kLongestWait) continue;
    return absl::DataLossError(
        absl::StrCat("the recorded times cannot be kept: before connection ",
                     event.connection, " call ", event.call, " they go ",
                     step < absl::ZeroDuration() ? "back by " : "on by ",
                     absl::FormatDuration(absl::AbsDuration(step)),
                     step < absl::ZeroDuration() ? "" : ", and the most is 24h",
                     "; replay without --timing"));
  }
  return absl::OkStatus();
}

void Replay::WaitUntilDue(const Event& event) const {
  if (!settings_.timing || event.direction != Direction::kFromClient) return;
  const absl::Duration due = Since(recorded_start_ns_, event.time_ns);
  absl::SleepFor(due - (absl::Now() - start_));
}

std::string Replay::ReasonToSkip(const Event& open) const {
  if (of_server_.count(open.connection) > 0) return "it is a call back";
  if (types_.MethodOf(open.method) == nullptr) {
    return "its method is not known; give its .proto file with --proto";
  }
  if (settings_.fd.empty() &&
      with_descriptors_.count({open.connection, open.call}) > 0) {
    return "its requests have descriptors; --fd gives one to send instead";
  }
  return "";
}

absl::StatusOr<std::shared_ptr<Caller>> Replay::CallerFor(uint32_t connection) {
  std::shared_ptr<Caller>& caller = callers_[connection];
  if (caller == nullptr) {
    const absl::StatusOr<Channel> channel = settings_.connect();
    if (!channel.ok()) return channel.status();
    caller = *channel;
  }
  return caller;
}

absl::Status Replay::Begin(const Event& open) {
  if (const std::string reason = ReasonToSkip(open); !reason.empty()) {
    out_ << OneLine(absl::StrCat(NameOf(open), ": skipped: ", reason)) << "\n";
    ++result_.skipped;
    return absl::OkStatus();
  }
  absl::StatusOr<std::shared_ptr<Caller>> caller = CallerFor(open.connection);
  if (!caller.ok()) return caller.status();
  const Id id(open.connection, open.call);
  CallOptions options;
  absl::Duration timeout = settings_.timeout;
  if (settings_.timing || open.timeout_ns.has_value()) {
    timeout += Since(0, durations_ns_[id]);
  }
  // One that is far is not waited for: the server may not answer any more.
  if (open.timeout_ns.has_value() && *open.timeout_ns < INT64_MAX) {
    timeout = std::min(
        timeout, absl::Nanoseconds(static_cast<int64_t>(*open.timeout_ns)));
  }
  options.timeout = timeout;
  options.wait_for_ready = settings_.wait_for_ready;
  options.metadata = open.metadata;
  names_[id] = NameOf(open);
  calls_.try_emplace(id, *types_.MethodOf(open.method), types_,
                     *std::move(caller), std::move(options), settings_.fd);
  return absl::OkStatus();
}

absl::Status Replay::End(std::map<Id, ReplayedCall>::iterator call) {
  const ReplayedCall& ended = call->second;
  const bool is_same = ended.differences().empty();
  if (std::exchange(is_first_, false) && !is_same &&
      absl::IsUnavailable(ended.status())) {
    return ended.status();
  }
  for (const std::string& difference : ended.differences()) {
    out_ << OneLine(absl::StrCat(names_[call->first], ": ", difference))
         << "\n";
  }
  ++(is_same ? result_.same : result_.different);
  names_.erase(call->first);
  calls_.erase(call);
  return absl::OkStatus();
}

}  // namespace fdrpc::tool
