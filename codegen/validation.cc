#include "codegen/validation.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "codegen/name_collisions.h"
#include "codegen/name_scope.h"
#include "codegen/option_rules.h"
#include "codegen/problems.h"
#include "codegen/protobuf_version.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

// "contains an fdrpc.Fd", or "is fdrpc.Fd" for the type itself.
std::string HowItHasFd(const Descriptor& type) {
  return IsFd(type) ? "is fdrpc.Fd"
                    : absl::StrCat(std::string(type.full_name()),
                                   " contains an fdrpc.Fd");
}

class FieldChecker {
 public:
  FieldChecker(DescriptorFields& descriptor_fields, Problems& problems)
      : descriptor_fields_(descriptor_fields), problems_(problems) {}

  // An extension is outside of the message's generated code, which could not
  // find a descriptor in it.
  void CheckExtension(const FieldDescriptor& extension) {
    const Descriptor* type = ValueMessage(extension);
    if (type == nullptr || !descriptor_fields_.HasAny(*type)) return;
    problems_.Add(
        extension,
        absl::StrCat("this extension's type ", HowItHasFd(*type),
                     ", and descriptors cannot travel in extensions; make it "
                     "a field of ",
                     std::string(extension.containing_type()->full_name())));
  }

  void CheckMessage(const Descriptor& message) {
    for (int i = 0; i < message.extension_count(); ++i) {
      CheckExtension(*message.extension(i));
    }
  }

 private:
  DescriptorFields& descriptor_fields_;
  Problems& problems_;
};

}  // namespace

absl::Status Validate(const FileDescriptor& file,
                      DescriptorFields& descriptor_fields) {
  Problems problems(file);
  if (file.options().cc_generic_services() && file.service_count() > 0) {
    problems.AddToFile(
        "option cc_generic_services makes protoc's C++ generator write classes "
        "of the same names as fdrpc's; remove the option");
  }
  for (absl::string_view part :
       absl::StrSplit(Namespace(file), "::", absl::SkipEmpty())) {
    if (IsKeyword(part)) {
      problems.AddToFile(absl::StrCat(
          "package ", std::string(file.package()), ": \"", part,
          "\" is a keyword of C++, and protoc's own header of the file does "
          "not compile; rename that part of the package"));
    }
  }
  FieldChecker fields(descriptor_fields, problems);
  for (int i = 0; i < file.extension_count(); ++i) {
    fields.CheckExtension(*file.extension(i));
  }
  ForEachMessage(
      file, [&](const Descriptor& message) { fields.CheckMessage(message); });
  CheckOptionRules(file, problems);
  CheckNameCollisions(file, problems);
  return problems.ToStatus();
}

}  // namespace fdrpc::codegen
