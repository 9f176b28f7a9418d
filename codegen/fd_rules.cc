#include "codegen/fd_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "codegen/option_bytes.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc::codegen {
namespace {

// A member with a set of values, in which bit n stands for the value n.
template <typename Values>
void AddSet(absl::string_view member, const Values& values,
            std::vector<std::string>& members) {
  std::vector<int> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  if (sorted.empty()) return;
  members.push_back(absl::StrCat(
      ".", member, " = ",
      absl::StrJoin(sorted, " | ", [](std::string* out, int value) {
        absl::StrAppend(out, "1u << ", value);
      })));
}

void AddDemand(absl::string_view member, bool demanded,
               std::vector<std::string>& members) {
  members.push_back(absl::StrCat(
      ".", member, " = ::fdrpc::internal::DescriptorRules::Demand::",
      demanded ? "kYes" : "kNo"));
}

}  // namespace

FdRules FdRulesOf(const google::protobuf::FieldDescriptor& field) {
  FdRules rules;
  if (!rules.ParsePartialFromString(
          OptionBytes(field.options(), kFdRulesNumber))) {
    rules.Clear();  // protoc makes no such bytes
  }
  return rules;
}

bool HasUnknownRules(const FdRules& rules) {
  return !rules.unknown_fields().empty() ||
         !rules.socket().unknown_fields().empty();
}

std::vector<std::string> RulesTable(const FdRules& given) {
  FdRules rules = given;
  if (rules.has_service()) {
    // It is called over a connection.
    rules.clear_kind();
    rules.add_kind(FdRules::SOCKET);
    FdRules::Socket& socket = *rules.mutable_socket();
    socket.add_family(FdRules::Socket::UNIX);
    socket.add_type(FdRules::Socket::STREAM);
    socket.add_type(FdRules::Socket::SEQPACKET);
    socket.set_listening(false);
  }
  std::vector<std::string> members;
  AddSet("kinds", rules.kind(), members);
  if (rules.has_access()) {
    members.push_back(
        absl::StrCat(".access = ", static_cast<int>(rules.access())));
  }
  AddSet("seals", rules.seals(), members);
  if (rules.has_nonblocking()) {
    AddDemand("nonblocking", rules.nonblocking(), members);
  }
  AddSet("families", rules.socket().family(), members);
  AddSet("types", rules.socket().type(), members);
  if (rules.socket().has_listening()) {
    AddDemand("listening", rules.socket().listening(), members);
  }
  return members;
}

}  // namespace fdrpc::codegen
