#include "services/tool/request_text.h"

#include <algorithm>
#include <optional>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace fdrpc::tool {
namespace {

using google::protobuf::Message;
using google::protobuf::util::JsonStringToMessage;

uint64_t NewMark() {
  std::random_device random;
  return (uint64_t{random()} << 32) | random() | 1;
}

size_t SkipSpace(const std::string& json, size_t at) {
  while (at < json.size() && absl::ascii_isspace(json[at])) ++at;
  return at;
}

// Behind the string that begins at `at`.
size_t EndOfString(const std::string& json, size_t at) {
  for (++at; at < json.size() && json[at] != '"'; ++at) {
    if (json[at] == '\\') ++at;
  }
  return std::min(at + 1, json.size());
}

// Protobuf's errors have the place in further lines.
std::string FirstLineOf(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// The text of a descriptor: a string, or the number of an inherited one.
std::optional<std::string> GivenText(const std::string& value) {
  google::protobuf::Value parsed;
  if (!JsonStringToMessage(value, &parsed).ok()) return std::nullopt;
  if (parsed.kind_case() == google::protobuf::Value::kStringValue) {
    return parsed.string_value();
  }
  if (parsed.kind_case() != google::protobuf::Value::kNumberValue) {
    return std::nullopt;
  }
  const int64_t number = static_cast<int64_t>(parsed.number_value());
  if (static_cast<double>(number) != parsed.number_value()) return std::nullopt;
  return absl::StrCat("fd:", number);
}

}  // namespace

RequestText::RequestText() : mark_(NewMark()) {}

absl::StatusOr<std::string> RequestText::Replace(
    const std::string& json, std::vector<std::string>& texts) const {
  constexpr char kName[] = "\"$fd\"";
  std::string replaced;
  size_t at = 0;
  while (at < json.size()) {
    if (json[at] == '"') {
      const size_t end = EndOfString(json, at);
      replaced += json.substr(at, end - at);
      at = end;
      continue;
    }
    const size_t name = json[at] == '{' ? SkipSpace(json, at + 1) : at;
    if (json[at] != '{' || json.compare(name, sizeof(kName) - 1, kName) != 0) {
      replaced += json[at++];
      continue;
    }
    const auto wrong = [&] {
      return absl::InvalidArgumentError(absl::StrCat(
          "the descriptor at byte ", at,
          " of the request is not of the form {\"$fd\": \"r:FILE\"} or "
          "{\"$fd\": NUMBER}"));
    };
    const size_t colon = SkipSpace(json, name + sizeof(kName) - 1);
    if (colon >= json.size() || json[colon] != ':') return wrong();
    const size_t value = SkipSpace(json, colon + 1);
    if (value >= json.size()) return wrong();
    const size_t value_end = json[value] == '"'
                                 ? EndOfString(json, value)
                                 : json.find_first_of(",}", value);
    const size_t end = SkipSpace(json, value_end);
    if (value_end == std::string::npos || end >= json.size() ||
        json[end] != '}') {
      return wrong();
    }
    const std::optional<std::string> text =
        GivenText(json.substr(value, value_end - value));
    if (!text.has_value()) return wrong();
    texts.push_back(*text);
    absl::StrAppend(&replaced, "{\"slot\":", texts.size(), ",\"parcel\":\"",
                    mark_, "\"}");
    at = end + 1;
  }
  return replaced;
}

absl::Status RequestText::Parse(const std::string& json,
                                DynamicParcel& parcel) {
  std::vector<std::string> texts;
  const absl::StatusOr<std::string> replaced = Replace(json, texts);
  if (!replaced.ok()) return replaced.status();
  const auto parsed = JsonStringToMessage(*replaced, &parcel.message());
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the request is not the JSON of a ",
                     std::string(parcel.message().GetDescriptor()->full_name()),
                     ": ", FirstLineOf(std::string(parsed.message()))));
  }
  return Attach(texts, parcel);
}

absl::Status RequestText::Attach(const std::vector<std::string>& texts,
                                 DynamicParcel& parcel) {
  std::vector<bool> used(texts.size(), false);
  absl::Status status;
  parcel.ForEachField([&](Message& field, const std::string& place) {
    if (!status.ok()) return;
    const auto* slot = field.GetDescriptor()->FindFieldByName("slot");
    const auto* mark = field.GetDescriptor()->FindFieldByName("parcel");
    const uint32_t number = field.GetReflection()->GetUInt32(field, slot);
    if (field.GetReflection()->GetUInt64(field, mark) != mark_ || number == 0 ||
        number > texts.size()) {
      status = absl::InvalidArgumentError(absl::StrCat(
          "field ", place, " takes a descriptor: write {\"$fd\": \"r:FILE\"}"));
      return;
    }
    absl::StatusOr<GivenDescriptor> given = OpenDescriptor(texts[number - 1]);
    if (!given.ok()) {
      status = absl::Status(
          given.status().code(),
          absl::StrCat("field ", place, ": ", given.status().message()));
      return;
    }
    used[number - 1] = true;
    field.Clear();
    parcel.Attach(field, std::move(given->fd));
    if (given->feed.ok()) feeds_.push_back(std::move(given->feed));
    if (given->output.ok()) outputs_.push_back(std::move(given->output));
  });
  if (!status.ok()) return status;
  for (size_t i = 0; i < used.size(); ++i) {
    if (used[i]) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("{\"$fd\": \"", texts[i],
                     "\"} stands in a field that is not of type fdrpc.Fd"));
  }
  return absl::OkStatus();
}

}  // namespace fdrpc::tool
