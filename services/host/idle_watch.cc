#include "services/host/idle_watch.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "services/host/connected_clients.h"

namespace fdrpc::host {
namespace {

constexpr int kChecks = 4;  // in the idle time
constexpr absl::Duration kLongestInterval = absl::Seconds(30);

absl::Duration Interval(absl::Duration idle_timeout) {
  return std::min(idle_timeout / kChecks, kLongestInterval);
}

}  // namespace

void IdleWatch::Start(absl::Duration idle_timeout,
                      std::set<std::string> names) {
  idle_timeout_ = idle_timeout;
  names_ = std::move(names);
  quiet_ = absl::ZeroDuration();
  if (is_on()) Continue();
}

void IdleWatch::Stop() {
  idle_timeout_ = absl::InfiniteDuration();
  alarm_.Cancel();
}

void IdleWatch::Continue() {
  alarm_.Set(Interval(idle_timeout_), [this](bool rang) {
    if (rang) Check();
  });
}

void IdleWatch::Check() {
  std::ifstream file("/proc/net/unix");
  const std::string table{std::istreambuf_iterator<char>(file),
                          std::istreambuf_iterator<char>()};
  // Who cannot look assumes that somebody is there.
  if (table.empty() || CountConnectedClients(table, names_) > 0) {
    quiet_ = absl::ZeroDuration();
  } else {
    quiet_ += Interval(idle_timeout_);
  }
  if (quiet_ < idle_timeout_) return Continue();
  quiet_ = absl::ZeroDuration();
  Continue();
  on_idle_();
}

}  // namespace fdrpc::host
