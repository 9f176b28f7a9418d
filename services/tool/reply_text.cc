#include "services/tool/reply_text.h"

#include <unistd.h>

#include <climits>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "fdrpc/descriptor_info.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/util/json_util.h"

namespace fdrpc::tool {
namespace {

using google::protobuf::Message;

// The path of an open file; empty for what has none, as pipes and sockets.
std::string PathOf(int fd) {
  char path[PATH_MAX];
  const std::string link = absl::StrCat("/proc/self/fd/", fd);
  const ssize_t length = readlink(link.c_str(), path, sizeof(path));
  if (length <= 0 || path[0] != '/') return "";
  return std::string(path, static_cast<size_t>(length));
}

// "a regular file": without the article.
std::string_view Noun(DescriptorKind kind) {
  const std::string_view words = InWords(kind);
  if (words.starts_with("a ")) return words.substr(2);
  return words.starts_with("an ") ? words.substr(3) : words;
}

bool HasSize(const DescriptorInfo& info) {
  return info.kind == DescriptorKind::kRegularFile ||
         info.kind == DescriptorKind::kMemfd;
}

// Of an fdrpc.Fd.
struct FdContent {
  uint32_t slot;
  uint64_t parcel;
};

// Sets it, and returns the former one.
FdContent Exchange(Message& fd, const FdContent& content) {
  const auto& reflection = *fd.GetReflection();
  const auto* slot = fd.GetDescriptor()->FindFieldByName("slot");
  const auto* parcel = fd.GetDescriptor()->FindFieldByName("parcel");
  const FdContent former = {reflection.GetUInt32(fd, slot),
                            reflection.GetUInt64(fd, parcel)};
  reflection.SetUInt32(&fd, slot, content.slot);
  reflection.SetUInt64(&fd, parcel, content.parcel);
  return former;
}

}  // namespace

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppendFormat(&quoted, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string DescriptorText(const DescriptorInfo* info) {
  if (info == nullptr) return "{\"$fd\":null}";
  std::string text =
      absl::StrCat("{\"$fd\":", Quoted(std::string(Noun(info->kind))),
                   ",\"access\":", Quoted(std::string(InWords(info->access))));
  if (HasSize(*info)) absl::StrAppend(&text, ",\"size\":", info->size);
  const std::string path = info->fd < 0 ? "" : PathOf(info->fd);
  if (!path.empty()) absl::StrAppend(&text, ",\"path\":", Quoted(path));
  return absl::StrCat(text, "}");
}

std::string DescriptorWords(const DescriptorInfo& info) {
  std::string words = absl::StrCat(std::string(Noun(info.kind)), ", ",
                                   std::string(InWords(info.access)));
  if (HasSize(info)) absl::StrAppend(&words, ", ", info.size, " bytes");
  return words;
}

absl::StatusOr<std::string> ReplyText(DynamicParcel& parcel) {
  const std::vector<DescriptorInfo> infos = parcel.ListDescriptors();
  return MessageText(parcel, [&](uint32_t index, uint32_t /*slot*/) {
    return DescriptorText(infos[index].fd < 0 ? nullptr : &infos[index]);
  });
}

absl::StatusOr<std::string> MessageText(
    DynamicParcel& parcel,
    absl::FunctionRef<std::string(uint32_t index, uint32_t slot)> descriptor) {
  // The JSON of an fdrpc.Fd with a number that nobody can guess, so that no
  // text of the server's is taken for one.
  std::random_device random;
  const uint64_t mark = (uint64_t{random()} << 32) | random() | 1;
  uint32_t count = 0;
  std::vector<FdContent> contents;
  parcel.ForEachField([&](Message& field, const std::string&) {
    contents.push_back(Exchange(field, {++count, mark}));
  });
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  const auto printed = google::protobuf::util::MessageToJsonString(
      parcel.message(), &json, options);
  count = 0;
  parcel.ForEachField([&](Message& field, const std::string&) {
    Exchange(field, contents[count++]);
  });
  if (!printed.ok()) {
    return absl::InternalError(absl::StrCat("the message has no JSON: ",
                                            std::string(printed.message())));
  }
  for (uint32_t i = 1; i <= count; ++i) {
    const std::string marked =
        absl::StrCat("{\"slot\":", i, ",\"parcel\":\"", mark, "\"}");
    const size_t at = json.find(marked);
    if (at == std::string::npos) continue;
    json.replace(at, marked.size(), descriptor(i - 1, contents[i - 1].slot));
  }
  return json;
}

}  // namespace fdrpc::tool
