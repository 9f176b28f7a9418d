#include "fdrpc/prometheus.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/statistics/server_report.h"

namespace fdrpc {
namespace {

namespace v1 = statistics::v1;

// The bounds of the histogram, which are the same in every text: 1.024 us, and
// then four times as much each, to 68.7 s. Each is a bound of the server's
// buckets, too.
constexpr int kFirstBoundBits = 10;
constexpr int kLastBoundBits = 36;

// The value of a label.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '\n') {
      quoted += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted += '"';
}

void Head(std::string& text, const char* name, const char* type,
          const char* help) {
  absl::StrAppend(&text, "# HELP ", name, " ", help, "\n# TYPE ", name, " ",
                  type, "\n");
}

std::string Seconds(uint64_t nanoseconds) {
  return absl::StrFormat("%.9g", static_cast<double>(nanoseconds) / 1e9);
}

void Calls(const v1::GetReply& reply, std::string& text) {
  Head(text, "fdrpc_server_calls_started_total", "counter",
       "Calls that have begun.");
  for (const v1::Method& method : reply.methods()) {
    absl::StrAppend(&text, "fdrpc_server_calls_started_total{method=",
                    Quoted(method.name()), "} ", method.begun(), "\n");
  }
  Head(text, "fdrpc_server_calls_ended_total", "counter",
       "Calls that have ended, by status.");
  for (const v1::Method& method : reply.methods()) {
    for (const v1::Ended& ended : method.ended()) {
      absl::StrAppend(&text, "fdrpc_server_calls_ended_total{method=",
                      Quoted(method.name()), ",status=",
                      Quoted(absl::StatusCodeToString(
                          static_cast<absl::StatusCode>(ended.code()))),
                      "} ", ended.calls(), "\n");
    }
  }
}

void Latencies(const v1::GetReply& reply, std::string& text) {
  constexpr char kName[] = "fdrpc_server_call_duration_seconds";
  Head(text, kName, "histogram",
       "From the arrival of a call until its status is known.");
  for (const v1::Method& method : reply.methods()) {
    const std::string label = absl::StrCat("method=", Quoted(method.name()));
    for (int bits = kFirstBoundBits; bits <= kLastBoundBits; bits += 2) {
      const uint64_t bound = uint64_t{1} << bits;
      uint64_t below = 0;
      for (const v1::Bucket& bucket : method.latencies()) {
        if (bucket.below_nanoseconds() != 0 &&
            bucket.below_nanoseconds() <= bound) {
          below += bucket.calls();
        }
      }
      absl::StrAppend(&text, kName, "_bucket{", label, ",le=\"", Seconds(bound),
                      "\"} ", below, "\n");
    }
    uint64_t all = 0;
    for (const v1::Bucket& bucket : method.latencies()) all += bucket.calls();
    absl::StrAppend(&text, kName, "_bucket{", label, ",le=\"+Inf\"} ", all,
                    "\n", kName, "_sum{", label, "} ",
                    Seconds(method.latency_nanoseconds()), "\n", kName,
                    "_count{", label, "} ", all, "\n");
  }
}

void Quotas(const v1::GetReply& reply, std::string& text) {
  const struct {
    const char* name;
    const char* what;
    const v1::Quota& (v1::User::*quota)() const;
  } kQuotas[] = {
      {"connections", "Connections", &v1::User::connections},
      {"files", "Connections, and descriptors of requests or to be closed",
       &v1::User::files},
      {"request_bytes", "Bytes of requests", &v1::User::request_bytes},
      {"queued_descriptors", "Descriptors of replies that wait to be written",
       &v1::User::queued_descriptors},
      {"in_flight_descriptors",
       "Descriptors of replies that were not received yet",
       &v1::User::in_flight_descriptors},
      {"ring_bytes", "Bytes of rings in shared memory", &v1::User::ring_bytes},
  };
  for (const auto& quota : kQuotas) {
    for (const bool limit : {false, true}) {
      const std::string name =
          absl::StrCat("fdrpc_server_user_", quota.name, limit ? "_limit" : "");
      Head(text, name.c_str(), "gauge",
           absl::StrCat(quota.what, limit ? ": the most that a user may have."
                                          : " of a user.")
               .c_str());
      for (const v1::User& user : reply.users()) {
        const v1::Quota& amount = (user.*quota.quota)();
        absl::StrAppend(&text, name, "{uid=\"", user.uid(), "\"} ",
                        limit ? amount.limit() : amount.held(), "\n");
      }
    }
  }
}

}  // namespace

std::string PrometheusText(const statistics::v1::GetReply& reply) {
  std::string text;
  Calls(reply, text);
  Latencies(reply, text);
  Quotas(reply, text);
  Head(text, "fdrpc_server_connections", "gauge", "Connections at present.");
  absl::StrAppend(&text, "fdrpc_server_connections ", reply.connections_size(),
                  "\n");
  Head(text, "fdrpc_server_datagram_calls_total", "counter",
       "Calls that have arrived without a connection.");
  absl::StrAppend(&text, "fdrpc_server_datagram_calls_total ",
                  reply.datagrams().calls(), "\n");
  Head(text, "fdrpc_server_dropped_replies_total", "counter",
       "Replies without a connection that nobody received.");
  absl::StrAppend(&text, "fdrpc_server_dropped_replies_total ",
                  reply.datagrams().dropped_replies(), "\n");
  return text;
}

std::string PrometheusText(const Server& server) {
  return PrometheusText(ReportOf(server));
}

}  // namespace fdrpc
