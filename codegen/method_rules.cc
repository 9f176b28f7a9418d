#include "codegen/method_rules.h"

#include <string>

#include "codegen/option_bytes.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/unknown_field_set.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

// As in fdrpc/options.proto.
constexpr int kOneWayNumber = 1;

}  // namespace

MethodRules MethodRules::Parse(absl::string_view bytes) {
  MethodRules rules;
  UnknownFieldSet fields;
  if (!fields.ParseFromString(std::string(bytes))) return {.unknown = true};
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    if (field.number() == kOneWayNumber &&
        field.type() == UnknownField::TYPE_VARINT) {
      rules.one_way = field.varint() != 0;
    } else {
      rules.unknown = true;
    }
  }
  return rules;
}

bool IsOneWay(const google::protobuf::MethodDescriptor& method) {
  return MethodRules::Parse(OptionBytes(method.options(), kMethodRulesNumber))
      .one_way;
}

}  // namespace fdrpc::codegen
