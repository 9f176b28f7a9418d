#include "services/host/config_message.h"

#include <cassert>

#include "absl/strings/str_cat.h"

namespace fdrpc::host {

using google::protobuf::FieldDescriptor;

ConfigMessage::ConfigMessage(ConfigFile& file)
    : ConfigMessage(file, *v1::ServiceConfig::descriptor(), &file.places(), 0) {
}

const FieldDescriptor& ConfigMessage::FieldNamed(
    const std::string& field) const {
  const FieldDescriptor* found = type_.FindFieldByName(field);
  assert(found != nullptr);
  return *found;
}

ConfigMessage::Place ConfigMessage::PlaceOf(const std::string& field,
                                            int index) const {
  if (places_ == nullptr) return {};
  const FieldDescriptor& descriptor = FieldNamed(field);
  if (descriptor.is_repeated() && index < 0) return {};  // of the whole list
  Place place = places_->GetLocation(&descriptor, index);
  // A list in brackets has one place.
  while (place.line < 0 && index > 0) {
    place = places_->GetLocation(&descriptor, --index);
  }
  return place;
}

ConfigMessage ConfigMessage::Nested(const std::string& field, int index) const {
  const FieldDescriptor& descriptor = FieldNamed(field);
  const Place place = PlaceOf(field, index);
  return ConfigMessage(file_, *descriptor.message_type(),
                       places_ == nullptr
                           ? nullptr
                           : places_->GetTreeForNested(&descriptor, index),
                       place.line < 0 ? line_ : place.line + 1);
}

void ConfigMessage::Wrong(const std::string& field, absl::string_view why,
                          int index) const {
  const Place place = PlaceOf(field, index);
  file_.AddError(place.line < 0 ? line_ : place.line + 1,
                 absl::StrCat(field, ": ", std::string(why)));
}

void ConfigMessage::CheckPermissions(const std::string& field,
                                     uint32_t mode) const {
  const Place place = PlaceOf(field, -1);
  if (place.line < 0) return;
  std::string_view text = file_.TextAt(place.line, place.column);
  text.remove_prefix(std::min(text.find_first_of("0123456789"), text.size()));
  const std::string_view digits =
      text.substr(0, text.find_first_not_of("0123456789abcdefxABCDEFX"));
  const bool is_octal =
      digits.starts_with('0') &&
      digits.find_first_not_of("01234567") == std::string_view::npos;
  if (!is_octal || mode > 0777) {
    Wrong(field, absl::StrCat("\"", std::string(digits),
                              "\" is not a mode: 0 and then octal digits, at "
                              "most 0777"));
  }
}

}  // namespace fdrpc::host
