#include "services/host/status_text.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "services/program/one_line.h"

namespace fdrpc::host {
namespace {

using program::OneLine;
using Outcome = v1::ReloadReply::Outcome;

using Row = std::vector<std::string>;

// "3d 4h", "5m 6s": two units are enough.
std::string AgeText(const v1::ServiceStatus& status, absl::Time now) {
  if (status.pid() == 0) return "-";
  const absl::Duration age =
      now - absl::FromUnixMillis(static_cast<int64_t>(status.started_ms()));
  const int64_t seconds = std::max<int64_t>(absl::ToInt64Seconds(age), 0);
  constexpr int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  if (seconds < kMinute) return absl::StrCat(seconds, "s");
  if (seconds < kHour) {
    return absl::StrCat(seconds / kMinute, "m ", seconds % kMinute, "s");
  }
  if (seconds < kDay) {
    return absl::StrCat(seconds / kHour, "h ", seconds % kHour / kMinute, "m");
  }
  return absl::StrCat(seconds / kDay, "d ", seconds % kDay / kHour, "h");
}

std::string PidText(const v1::ServiceStatus& status) {
  return status.pid() == 0 ? "-" : absl::StrCat(status.pid());
}

// The last column is not padded.
std::string Aligned(const std::vector<Row>& rows) {
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppendFormat(&line, "%-*s  ", static_cast<int>(widths[i]),
                            row[i]);
    }
    absl::StripTrailingAsciiWhitespace(&line);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string OutcomeText(const Outcome& outcome) {
  switch (outcome.change()) {
    case Outcome::CHANGE_ADDED:
      return "added";
    case Outcome::CHANGE_REPLACED:
      return "replaced";
    case Outcome::CHANGE_REMOVED:
      return "removed";
    case Outcome::CHANGE_FAILED:
      return absl::StrCat("failed: ", OneLine(outcome.error()));
    default:
      return "";
  }
}

}  // namespace

std::string StateText(v1::State state) {
  std::string name = v1::State_Name(state);
  if (name.empty()) return absl::StrCat("state ", static_cast<int>(state));
  constexpr size_t kPrefix = sizeof("STATE_") - 1;
  return absl::AsciiStrToLower(
      absl::StrReplaceAll(name.substr(kPrefix), {{"_", " "}}));
}

std::string StatusTable(const v1::ListReply& list, absl::Time now) {
  std::vector<Row> rows = {
      {"NAME", "STATE", "PID", "AGE", "STARTS", "FAILURES", "LAST END"}};
  for (const v1::ServiceStatus& service : list.services()) {
    rows.push_back(
        {OneLine(service.name()), StateText(service.state()), PidText(service),
         AgeText(service, now), absl::StrCat(service.starts()),
         absl::StrCat(service.failures()), OneLine(service.last_end())});
  }
  return Aligned(rows);
}

std::string StatusText(const v1::ServiceStatus& status, absl::Time now) {
  std::vector<Row> rows = {{"name:", OneLine(status.name())},
                           {"state:", StateText(status.state())}};
  if (status.pid() != 0) {
    rows.push_back({"pid:", PidText(status)});
    rows.push_back({"age:", AgeText(status, now)});
  }
  if (!status.status_text().empty()) {
    rows.push_back({"says:", OneLine(status.status_text())});
  }
  rows.push_back({"starts:", absl::StrCat(status.starts())});
  rows.push_back({"failures:", absl::StrCat(status.failures())});
  if (!status.last_end().empty()) {
    rows.push_back({"last end:", OneLine(status.last_end())});
  }
  for (const std::string& address : status.addresses()) {
    rows.push_back({"socket:", OneLine(address)});
  }
  rows.push_back({"stored:", absl::StrCat(status.stored_descriptors())});
  return Aligned(rows);
}

std::string ChangeText(const v1::ServiceStatus& status) {
  if (status.removed())
    return absl::StrCat(OneLine(status.name()), ": removed");
  std::string text =
      absl::StrCat(OneLine(status.name()), ": ", StateText(status.state()));
  if (status.pid() != 0) absl::StrAppend(&text, ", pid ", status.pid());
  if (!status.status_text().empty()) {
    absl::StrAppend(&text, ", says ", OneLine(status.status_text()));
  }
  if (!status.last_end().empty()) {
    absl::StrAppend(&text, ", last end: ", OneLine(status.last_end()));
  }
  return text;
}

std::string ReloadText(const v1::ReloadReply& reply) {
  std::string text;
  for (const Outcome& outcome : reply.outcomes()) {
    const std::string change = OutcomeText(outcome);
    if (change.empty()) continue;
    absl::StrAppend(&text, OneLine(outcome.name()), ": ", change, "\n");
  }
  return text;
}

}  // namespace fdrpc::host
