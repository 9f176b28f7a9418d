#include "services/statistics/server_report.h"

#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace fdrpc {
namespace {

namespace v1 = statistics::v1;

std::string NameOfUser(uid_t uid) {
  constexpr size_t kEnough = 4096;
  char memory[kEnough];
  passwd entry;
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, memory, sizeof(memory), &found) != 0 ||
      found == nullptr) {
    return {};
  }
  return found->pw_name;
}

// The file ends at a newline; the name itself may be any bytes.
std::string CommandOf(pid_t pid) {
  if (pid <= 0) return {};
  std::ifstream file(absl::StrCat("/proc/", pid, "/comm"));
  std::string command;
  std::getline(file, command);
  for (char& c : command) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return command;
}

void Set(const ConnectionActivity& from, v1::Connection& to) {
  to.set_number(from.number);
  v1::Peer& peer = *to.mutable_peer();
  peer.set_uid(from.peer.uid);
  peer.set_gid(from.peer.gid);
  peer.set_pid(from.peer.pid);
  peer.set_user(NameOfUser(from.peer.uid));
  peer.set_command(CommandOf(from.peer.pid));
  to.set_address(from.address);
  to.set_age_nanoseconds(absl::ToInt64Nanoseconds(from.age));
  to.set_uses_rings(from.uses_rings);
  to.set_calls(from.calls);
  to.set_calls_in_progress(from.calls_in_progress);
  to.set_received_bytes(from.received_bytes);
  to.set_sent_bytes(from.sent_bytes);
  to.set_received_descriptors(from.received_descriptors);
  to.set_sent_descriptors(from.sent_descriptors);
  to.set_request_bytes(from.request_bytes);
  to.set_request_descriptors(from.request_descriptors);
  to.set_queued_bytes(from.queued_bytes);
  to.set_queued_descriptors(from.queued_descriptors);
}

void Set(const UserActivity::Amount& from, v1::Quota& to) {
  to.set_held(from.held);
  to.set_limit(from.limit);
}

void Set(const UserActivity& from, v1::User& to) {
  to.set_uid(from.uid);
  to.set_user(NameOfUser(from.uid));
  Set(from.connections, *to.mutable_connections());
  Set(from.files, *to.mutable_files());
  Set(from.request_bytes, *to.mutable_request_bytes());
  Set(from.queued_descriptors, *to.mutable_queued_descriptors());
  Set(from.in_flight_descriptors, *to.mutable_in_flight_descriptors());
  Set(from.ring_bytes, *to.mutable_ring_bytes());
}

void Set(const MethodActivity& from, v1::Method& to) {
  to.set_name(from.name);
  to.set_begun(from.begun);
  for (size_t code = 0; code < from.ended.size(); ++code) {
    if (from.ended[code] == 0) continue;
    v1::Ended& ended = *to.add_ended();
    ended.set_code(static_cast<uint32_t>(code));
    ended.set_calls(from.ended[code]);
  }
  to.set_latency_nanoseconds(absl::ToInt64Nanoseconds(from.total_latency));
  for (const MethodActivity::Bucket& bucket : from.latencies) {
    v1::Bucket& copy = *to.add_latencies();
    if (bucket.below != absl::InfiniteDuration()) {
      copy.set_below_nanoseconds(absl::ToInt64Nanoseconds(bucket.below));
    }
    copy.set_calls(bucket.calls);
  }
}

}  // namespace

statistics::v1::GetReply ReportOf(const Server& server) {
  v1::GetReply reply;
  reply.set_monotonic_nanoseconds(
      std::chrono::steady_clock::now().time_since_epoch() /
      std::chrono::nanoseconds(1));
  reply.set_pid(getpid());
  const ServerActivity activity = server.activity();
  for (const ConnectionActivity& each : activity.connections) {
    Set(each, *reply.add_connections());
  }
  for (const UserActivity& each : activity.users) Set(each, *reply.add_users());
  for (const MethodActivity& each : activity.methods) {
    Set(each, *reply.add_methods());
  }
  const ServerStatistics totals = server.statistics();
  v1::Datagrams& datagrams = *reply.mutable_datagrams();
  datagrams.set_calls(totals.datagram_calls);
  datagrams.set_dropped_replies(totals.dropped_replies);
  datagrams.set_refused(totals.refused_knocks);
  return reply;
}

}  // namespace fdrpc
