#include "services/tool/event_text.h"

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "services/tool/exit_status.h"
#include "services/tool/reply_text.h"

namespace fdrpc::tool {
namespace {

using capture::Direction;
using capture::Event;
using Kind = Event::Kind;

std::string DurationOf(uint64_t nanoseconds) {
  return absl::FormatDuration(
      absl::Nanoseconds(static_cast<int64_t>(nanoseconds)));
}

std::string ValueOf(const std::string& key, const std::string& value) {
  return absl::EndsWith(key, "-bin") ? absl::Base64Escape(value) : value;
}

std::string MetadataWords(const Metadata& metadata) {
  std::string words;
  for (const auto& [key, value] : metadata) {
    absl::StrAppend(&words, ", ", std::string(key), "=",
                    ValueOf(std::string(key), std::string(value)));
  }
  return words;
}

std::string MessageWords(const Event& event, MessageTypes& types) {
  const absl::StatusOr<std::string> json = types.Json(event);
  if (json.ok()) return *json;
  return absl::StrCat("of ", event.message.size(), " bytes",
                      absl::IsNotFound(json.status())
                          ? ""
                          : absl::StrCat(" (", json.status().message(), ")"));
}

std::string OpenWords(const Event& event) {
  return absl::StrCat(
      event.method, event.one_way ? ", one-way" : "",
      event.timeout_ns.has_value()
          ? absl::StrCat(", timeout ", DurationOf(*event.timeout_ns))
          : "",
      MetadataWords(event.metadata));
}

std::string StatusWords(const Event& event) {
  return absl::StrCat(
      "status ", absl::StatusCodeToString(event.status.code()),
      event.status.message().empty() ? "" : ": ", event.status.message(),
      " after ", DurationOf(event.duration_ns), MetadataWords(event.metadata));
}

std::string Words(const Event& event, MessageTypes& types) {
  switch (event.kind) {
    case Kind::kConnected:
      if (event.client.offered_over != 0) {
        return absl::StrCat("calls back over connection ",
                            event.client.offered_over);
      }
      return absl::StrCat("process ", event.client.pid, ", user ",
                          event.client.uid, ", group ", event.client.gid);
    case Kind::kOpen:
      return OpenWords(event);
    case Kind::kMessage:
      return absl::StrCat("message ", MessageWords(event, types));
    case Kind::kHalfClose:
      return "half-close";
    case Kind::kHeaders:
      return absl::StrCat("headers", MetadataWords(event.metadata));
    case Kind::kStatus:
      return StatusWords(event);
    case Kind::kCancel:
      return absl::StrCat("cancel after ", DurationOf(event.duration_ns));
    case Kind::kNote:
      return event.text;
    case Kind::kEnded:
      return absl::StrCat("end: ", event.text);
    case Kind::kSchema:
      return "the server's .proto files";
  }
  return "";
}

std::string Place(const Event& event, uint64_t start_ns) {
  std::string place = absl::StrFormat(
      "%12.6f ", absl::ToDoubleSeconds(absl::Nanoseconds(
                     static_cast<int64_t>(event.time_ns - start_ns))));
  if (event.kind == Kind::kSchema) return place;
  if (event.connection == 0) {
    place += "datagram";
  } else {
    absl::StrAppend(&place, "connection ", event.connection);
  }
  if (event.direction == Direction::kFromClient) place += " ->";
  if (event.direction == Direction::kFromServer) place += " <-";
  if (event.call != 0) absl::StrAppend(&place, " call ", event.call);
  return place + " ";
}

void AppendMember(const char* name, const std::string& value,
                  std::string& json) {
  absl::StrAppend(&json, ",\"", name, "\":", value);
}

const char* NameOfKind(Kind kind) {
  switch (kind) {
    case Kind::kConnected:
      return "connected";
    case Kind::kOpen:
      return "open";
    case Kind::kMessage:
      return "message";
    case Kind::kHalfClose:
      return "half-close";
    case Kind::kHeaders:
      return "headers";
    case Kind::kStatus:
      return "status";
    case Kind::kCancel:
      return "cancel";
    case Kind::kNote:
      return "note";
    case Kind::kEnded:
      return "end";
    case Kind::kSchema:
      return "schema";
  }
  return "";
}

// A list, because a key may be there several times.
std::string MetadataJson(const Metadata& metadata) {
  std::string json;
  for (const auto& [key, value] : metadata) {
    absl::StrAppend(&json, json.empty() ? "" : ",", "[",
                    Quoted(std::string(key)), ",",
                    Quoted(ValueOf(std::string(key), std::string(value))), "]");
  }
  return absl::StrCat("[", json, "]");
}

void AppendMessage(const Event& event, MessageTypes& types, std::string& json) {
  const absl::StatusOr<std::string> message = types.Json(event);
  if (message.ok()) {
    AppendMember("message", *message, json);
  } else {
    AppendMember("bytes", Quoted(absl::Base64Escape(event.message)), json);
  }
  std::string descriptors;
  for (const DescriptorInfo& info : event.descriptors) {
    absl::StrAppend(&descriptors, descriptors.empty() ? "" : ",",
                    DescriptorText(&info));
  }
  AppendMember("descriptors", absl::StrCat("[", descriptors, "]"), json);
}

}  // namespace

std::string EventLines(const Event& event, uint64_t start_ns,
                       MessageTypes& types) {
  const std::string place = Place(event, start_ns);
  std::string lines = absl::StrCat(place, OneLine(Words(event, types)), "\n");
  for (size_t i = 0; i < event.descriptors.size(); ++i) {
    absl::StrAppend(&lines, place, "descriptor ", i + 1, ": ",
                    DescriptorWords(event.descriptors[i]), "\n");
  }
  return lines;
}

std::string EventJson(const Event& event, MessageTypes& types) {
  std::string json = absl::StrCat(
      "{\"time\":\"",
      absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ",
                       absl::FromUnixNanos(static_cast<int64_t>(event.time_ns)),
                       absl::UTCTimeZone()),
      "\",\"event\":\"", NameOfKind(event.kind), "\"");
  if (event.kind == Kind::kSchema) return json + "}";
  AppendMember("connection", absl::StrCat(event.connection), json);
  if (event.direction != Direction::kNone && event.kind != Kind::kConnected) {
    AppendMember(
        "from",
        event.direction == Direction::kFromClient ? "\"client\"" : "\"server\"",
        json);
  }
  if (event.call != 0) {
    AppendMember("call", absl::StrCat(event.call), json);
    AppendMember("method", Quoted(event.method), json);
  }
  switch (event.kind) {
    case Kind::kConnected:
      AppendMember("pid", absl::StrCat(event.client.pid), json);
      AppendMember("uid", absl::StrCat(event.client.uid), json);
      AppendMember("gid", absl::StrCat(event.client.gid), json);
      AppendMember("offered_over", absl::StrCat(event.client.offered_over),
                   json);
      break;
    case Kind::kOpen:
      AppendMember("one_way", event.one_way ? "true" : "false", json);
      if (event.timeout_ns.has_value()) {
        AppendMember("timeout_ns", absl::StrCat(*event.timeout_ns), json);
      }
      AppendMember("metadata", MetadataJson(event.metadata), json);
      break;
    case Kind::kMessage:
      AppendMessage(event, types, json);
      break;
    case Kind::kHeaders:
      AppendMember("metadata", MetadataJson(event.metadata), json);
      break;
    case Kind::kStatus:
      AppendMember(
          "status",
          Quoted(std::string(absl::StatusCodeToString(event.status.code()))),
          json);
      AppendMember("text", Quoted(std::string(event.status.message())), json);
      AppendMember("duration_ns", absl::StrCat(event.duration_ns), json);
      AppendMember("metadata", MetadataJson(event.metadata), json);
      break;
    case Kind::kCancel:
      AppendMember("duration_ns", absl::StrCat(event.duration_ns), json);
      break;
    case Kind::kNote:
    case Kind::kEnded:
      AppendMember("text", Quoted(event.text), json);
      break;
    default:
      break;
  }
  return json + "}";
}

}  // namespace fdrpc::tool
