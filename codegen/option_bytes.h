#ifndef FDRPC_CODEGEN_OPTION_BYTES_H_
#define FDRPC_CODEGEN_OPTION_BYTES_H_

#include <string>

#include "google/protobuf/unknown_field_set.h"

namespace fdrpc::codegen {

// The bytes of an option that is a message, empty if it is not set. From the
// bytes of all options, so that it does not matter whether this program knows
// the option as an extension.
template <typename Options>
std::string OptionBytes(const Options& options, int number) {
  using google::protobuf::UnknownField;
  google::protobuf::UnknownFieldSet fields;
  std::string bytes;  // repeated occurrences are merged
  if (!fields.ParseFromString(options.SerializePartialAsString())) return bytes;
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    if (field.number() == number &&
        field.type() == UnknownField::TYPE_LENGTH_DELIMITED) {
      bytes += std::string(field.length_delimited());
    }
  }
  return bytes;
}

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_OPTION_BYTES_H_
