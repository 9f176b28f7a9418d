#include "services/tool/top_view.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "services/tool/exit_status.h"

namespace fdrpc::tool {
namespace {

namespace v1 = statistics::v1;

// "12", "3.4k", "5.6M".
std::string Short(double number) {
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T"};
  size_t unit = 0;
  while (number >= 1000 && unit + 1 < std::size(kUnits)) {
    number /= 1000;
    ++unit;
  }
  const bool whole = unit == 0 && (number == std::floor(number));
  const int decimals = whole || number >= 100 ? 0 : 1;
  return absl::StrFormat("%.*f%s", decimals, number, kUnits[unit]);
}
std::string Short(uint64_t number) {
  return Short(static_cast<double>(number));
}

// The age of something, in one unit.
std::string Age(uint64_t nanoseconds) {
  const uint64_t seconds = nanoseconds / 1'000'000'000;
  if (seconds < 120) return absl::StrCat(seconds, "s");
  if (seconds < 7200) return absl::StrCat(seconds / 60, "m");
  if (seconds < 172800) return absl::StrCat(seconds / 3600, "h");
  return absl::StrCat(seconds / 86400, "d");
}

// The growth of numbers between two replies.
class Rates {
 public:
  Rates(const v1::GetReply& now, const v1::GetReply* before) {
    if (before == nullptr ||
        now.monotonic_nanoseconds() <= before->monotonic_nanoseconds()) {
      return;
    }
    seconds_ = static_cast<double>(now.monotonic_nanoseconds() -
                                   before->monotonic_nanoseconds()) /
               1e9;
  }
  // "-" if there was no former reply.
  std::string Of(uint64_t now, uint64_t before) const {
    if (seconds_ == 0) return "-";
    return Short(static_cast<double>(now - std::min(before, now)) / seconds_);
  }

 private:
  double seconds_ = 0;
};

// Text in columns: all but the last one as wide as their widest cell.
class Table {
 public:
  explicit Table(std::vector<std::string> titles) { Add(std::move(titles)); }
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // The first `left` columns are aligned to the left.
  std::string Text(size_t left) const {
    std::string text;
    for (const auto& row : rows_) {
      for (size_t i = 0; i < row.size(); ++i) {
        size_t width = 0;
        for (const auto& other : rows_)
          width = std::max(width, other[i].size());
        const std::string spaces(width - row[i].size(), ' ');
        const bool last = i + 1 == row.size();
        absl::StrAppend(&text, i < left ? "" : spaces, row[i],
                        i < left && !last ? spaces : "", last ? "\n" : "  ");
      }
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

uint64_t Ended(const v1::Method& method, bool only_errors) {
  uint64_t sum = 0;
  for (const v1::Ended& ended : method.ended()) {
    if (!only_errors || ended.code() != 0) sum += ended.calls();
  }
  return sum;
}

// The buckets of `now` without those of `before`, by their bounds.
std::map<uint64_t, uint64_t> Between(const v1::Method& now,
                                     const v1::Method* before) {
  const auto bound = [](const v1::Bucket& bucket) {
    return bucket.below_nanoseconds() == 0
               ? std::numeric_limits<uint64_t>::max()
               : bucket.below_nanoseconds();
  };
  std::map<uint64_t, uint64_t> buckets;
  for (const v1::Bucket& bucket : now.latencies()) {
    buckets[bound(bucket)] += bucket.calls();
  }
  if (before == nullptr) return buckets;
  for (const v1::Bucket& bucket : before->latencies()) {
    uint64_t& calls = buckets[bound(bucket)];
    calls -= std::min(calls, bucket.calls());
  }
  return buckets;
}

// The bound of the bucket that `share` of the calls do not exceed.
std::string Percentile(const std::map<uint64_t, uint64_t>& buckets,
                       double share) {
  uint64_t all = 0;
  for (const auto& [bound, calls] : buckets) all += calls;
  if (all == 0) return "-";
  uint64_t seen = 0;
  for (const auto& [bound, calls] : buckets) {
    seen += calls;
    if (static_cast<double>(seen) < share * static_cast<double>(all)) continue;
    if (bound == std::numeric_limits<uint64_t>::max()) return ">1h";
    if (bound < 10'000) return absl::StrFormat("%.1fus", bound / 1e3);
    if (bound < 1'000'000) return absl::StrFormat("%.0fus", bound / 1e3);
    if (bound < 10'000'000) return absl::StrFormat("%.1fms", bound / 1e6);
    if (bound < 1'000'000'000) return absl::StrFormat("%.0fms", bound / 1e6);
    return absl::StrFormat("%.1fs", bound / 1e9);
  }
  return "-";
}

std::string Methods(const v1::GetReply& now, const v1::GetReply* before,
                    const Rates& rates) {
  std::map<std::string, const v1::Method*> former;
  if (before != nullptr) {
    for (const v1::Method& method : before->methods()) {
      former[method.name()] = &method;
    }
  }
  Table table(
      {"METHOD", "CALLS", "PER S", "NOW", "ERRORS", "P50", "P90", "P99"});
  for (const v1::Method& method : now.methods()) {
    if (method.begun() == 0) continue;
    const auto found = former.find(method.name());
    const v1::Method* const old =
        found == former.end() ? nullptr : found->second;
    const auto buckets = Between(method, old);
    const uint64_t ended = std::min(Ended(method, false), method.begun());
    table.Add({OneLine(method.name()), Short(method.begun()),
               rates.Of(method.begun(), old == nullptr ? 0 : old->begun()),
               Short(method.begun() - ended), Short(Ended(method, true)),
               Percentile(buckets, 0.5), Percentile(buckets, 0.9),
               Percentile(buckets, 0.99)});
  }
  return table.Text(1);
}

std::string Connections(const v1::GetReply& now, const v1::GetReply* before,
                        const Rates& rates) {
  std::map<uint64_t, const v1::Connection*> former;
  if (before != nullptr) {
    for (const v1::Connection& connection : before->connections()) {
      former[connection.number()] = &connection;
    }
  }
  Table table({"CONNECTION", "PID", "USER", "COMMAND", "AGE", "CALLS", "PER S",
               "NOW", "IN/S", "OUT/S", "FDS IN", "FDS OUT", "HELD", "QUEUED"});
  const v1::Connection none;
  for (const v1::Connection& connection : now.connections()) {
    const auto found = former.find(connection.number());
    const v1::Connection& old = found == former.end() ? none : *found->second;
    const v1::Peer& peer = connection.peer();
    table.Add(
        {absl::StrCat(connection.number(), connection.uses_rings() ? "r" : ""),
         peer.pid() == 0 ? "-" : absl::StrCat(peer.pid()),
         peer.user().empty() ? absl::StrCat(peer.uid()) : OneLine(peer.user()),
         peer.command().empty() ? "-" : OneLine(peer.command()),
         Age(connection.age_nanoseconds()), Short(connection.calls()),
         rates.Of(connection.calls(), old.calls()),
         Short(connection.calls_in_progress()),
         rates.Of(connection.received_bytes(), old.received_bytes()),
         rates.Of(connection.sent_bytes(), old.sent_bytes()),
         Short(connection.received_descriptors()),
         Short(connection.sent_descriptors()),
         Short(connection.request_bytes()), Short(connection.queued_bytes())});
  }
  return table.Text(1);
}

std::string Of(const v1::Quota& quota) {
  return absl::StrCat(Short(quota.held()), "/", Short(quota.limit()));
}

std::string Users(const v1::GetReply& now) {
  Table table({"USER", "CONNECTIONS", "FILES", "REQUEST BYTES", "FDS QUEUED",
               "FDS IN FLIGHT", "RING BYTES"});
  for (const v1::User& user : now.users()) {
    table.Add(
        {user.user().empty() ? absl::StrCat(user.uid()) : OneLine(user.user()),
         Of(user.connections()), Of(user.files()), Of(user.request_bytes()),
         Of(user.queued_descriptors()), Of(user.in_flight_descriptors()),
         Of(user.ring_bytes())});
  }
  return table.Text(1);
}

}  // namespace

std::string TopText(const v1::GetReply& now, const v1::GetReply* before) {
  const Rates rates(now, before);
  std::string text = absl::StrCat(
      "process ", now.pid(), ", ", now.connections_size(), " connections, ",
      now.datagrams().calls(), " calls in datagrams, ",
      now.datagrams().dropped_replies(), " replies to them dropped\n\n");
  absl::StrAppend(&text, Methods(now, before, rates), "\n",
                  Connections(now, before, rates), "\n", Users(now));
  return text;
}

}  // namespace fdrpc::tool
