#ifndef FDRPC_SERVICES_HOST_CONFIG_MESSAGE_H_
#define FDRPC_SERVICES_HOST_CONFIG_MESSAGE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/text_format.h"
#include "services/host/config_file.h"

namespace fdrpc::host {

// A message in the file of a service. What is wrong with one of its fields
// becomes an error of the file, with the field's line.
//
// Borrows the file.
class ConfigMessage {
 public:
  // The file's ServiceConfig.
  explicit ConfigMessage(ConfigFile& file);
  // A message in a field of it; `index` is that of a repeated field.
  ConfigMessage Nested(const std::string& field, int index = -1) const;

  // If the field is absent, the line is that of the message.
  void Wrong(const std::string& field, absl::string_view why,
             int index = -1) const;
  // Permissions that are not written in octal are easily others than meant.
  // Wrong if `mode` is not, or is more than 0777.
  void CheckPermissions(const std::string& field, uint32_t mode) const;

 private:
  using Places = google::protobuf::TextFormat::ParseInfoTree;
  using Place = google::protobuf::TextFormat::ParseLocation;

  ConfigMessage(ConfigFile& file, const google::protobuf::Descriptor& type,
                const Places* places, int line)
      : file_(file), type_(type), places_(places), line_(line) {}
  const google::protobuf::FieldDescriptor& FieldNamed(
      const std::string& field) const;
  // Its line is -1 if the field is absent.
  Place PlaceOf(const std::string& field, int index) const;

  ConfigFile& file_;
  const google::protobuf::Descriptor& type_;
  const Places* places_;  // null if the parser has recorded none
  int line_;              // from 1; 0: the whole file
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_CONFIG_MESSAGE_H_
