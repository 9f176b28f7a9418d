#include "codegen/name_collisions.h"

#include <map>
#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "codegen/descriptor_fields.h"
#include "codegen/protobuf_version.h"
#include "codegen/service_names.h"
#include "google/protobuf/compiler/cpp/names.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::compiler::cpp::ClassName;
using google::protobuf::compiler::cpp::EnumValueName;

// "kTopLevelFieldNumber" for top_level.
std::string NumberConstant(const FieldDescriptor& extension) {
  std::string constant = "k";
  bool starts_word = true;
  for (unsigned char c : std::string(extension.name())) {
    if (c != '_') {
      constant += static_cast<char>(starts_word ? absl::ascii_toupper(c) : c);
    }
    starts_word = !absl::ascii_isalpha(c);
  }
  return constant + "FieldNumber";
}

// The C++ names of one namespace, each with what it names. What protoc's own
// generator defines there besides messages, enums and extensions depends on its
// release. This has the names of all releases, so that code compiles with all
// of them if it compiles with one.
class NamespaceNames {
 public:
  explicit NamespaceNames(std::string name) : name_(std::move(name)) {}

  // Adds what `file` and its imports define in the namespace, except the
  // services of `file` itself.
  void AddMessagesOf(const FileDescriptor& file) {
    if (!seen_.insert(&file).second) return;
    for (int i = 0; i < file.dependency_count(); ++i) {
      const FileDescriptor& import = *file.dependency(i);
      AddMessagesOf(import);
      if (Namespace(import) == name_) AddServicesOf(import);
    }
    if (Namespace(file) != name_) return;
    ForEachMessage(file, [this](const Descriptor& m) { AddMessage(m); });
    for (int i = 0; i < file.enum_type_count(); ++i) {
      AddEnum(*file.enum_type(i));
    }
    for (int i = 0; i < file.extension_count(); ++i) {
      const FieldDescriptor& extension = *file.extension(i);
      Add(std::string(extension.name()), "extension", extension);
      Add(NumberConstant(extension), "extension", extension);
    }
  }

  void AddServicesOf(const FileDescriptor& file) {
    for (int i = 0; i < file.service_count(); ++i) {
      Add(ServiceNames(*file.service(i)).service, "service", *file.service(i));
    }
  }

  // What has that name, or null.
  const std::string* Find(const std::string& name) const {
    auto found = owners_.find(name);
    return found == owners_.end() ? nullptr : &found->second;
  }

  template <typename Element>
  void Add(const std::string& name, const char* kind, const Element& element) {
    owners_.emplace(name,
                    absl::StrCat(kind, " ", std::string(element.full_name())));
  }

 private:
  void AddMessage(const Descriptor& message) {
    AddClass(message, message);
    for (int i = 0; i < message.enum_type_count(); ++i) {
      AddEnum(*message.enum_type(i));
    }
    for (int i = 0; i < message.nested_type_count(); ++i) {
      const Descriptor& nested = *message.nested_type(i);
      if (nested.options().map_entry()) AddClass(nested, message);
    }
  }

  // `owner` is the message as the author of the file knows it.
  void AddClass(const Descriptor& type, const Descriptor& owner) {
    const std::string name = ClassName(&type);
    Add(name, "message", owner);
    Add(absl::StrCat("_", name, "_default_instance_"), "message", owner);
    for (const char* suffix : {"DefaultTypeInternal", "GlobalsTypeInternal",
                               "_class_data_", "_globals_"}) {
      Add(name + suffix, "message", owner);
    }
  }

  // A nested enum is in the namespace too, under its message's name, and so are
  // its values and what protoc generates for it.
  void AddEnum(const EnumDescriptor& type) {
    const std::string name = ClassName(&type);
    const std::string prefix =
        type.containing_type() == nullptr ? "" : name + "_";
    Add(name, "enum", type);
    for (const char* suffix :
         {"_IsValid", "_Name", "_Parse", "_descriptor", "_internal_data_"}) {
      Add(name + suffix, "enum", type);
    }
    for (const char* suffix : {"_ARRAYSIZE", "_MAX", "_MIN"}) {
      Add(absl::StrCat(prefix, std::string(type.name()), suffix), "enum", type);
    }
    for (const char* suffix :
         {"_INT_MAX_SENTINEL_DO_NOT_USE_", "_INT_MIN_SENTINEL_DO_NOT_USE_"}) {
      Add(absl::StrCat(prefix, name, suffix), "enum", type);
    }
    for (int i = 0; i < type.value_count(); ++i) {
      Add(prefix + EnumValueName(type.value(i)), "enum value", *type.value(i));
    }
  }

  const std::string name_;
  std::set<const FileDescriptor*> seen_;
  std::map<std::string, std::string> owners_;
};

// Checks that no other C++ entity has the name of the service's `kind` of
// class.
void CheckClass(const std::string& class_name, const char* kind,
                const ServiceDescriptor& service, NamespaceNames& names,
                Problems& problems) {
  if (const std::string* owner = names.Find(class_name)) {
    problems.Add(service, absl::StrCat("the C++ ", kind, " ", class_name,
                                       " of this service would have the name "
                                       "of ",
                                       *owner, "; rename one of the two"));
  }
  names.Add(class_name, "service", service);
}

}  // namespace

void CheckNameCollisions(const FileDescriptor& file, Problems& problems) {
  if (file.service_count() == 0) return;
  NamespaceNames names(Namespace(file));
  names.AddMessagesOf(file);
  for (int i = 0; i < file.service_count(); ++i) {
    const ServiceDescriptor& service = *file.service(i);
    CheckClass(ServiceNames(service).service, "class", service, names,
               problems);
  }
}

void CheckMockNameCollisions(const FileDescriptor& file, Problems& problems) {
  NamespaceNames names(Namespace(file));
  names.AddMessagesOf(file);
  names.AddServicesOf(file);
  for (int i = 0; i < file.service_count(); ++i) {
    const ServiceDescriptor& service = *file.service(i);
    const ServiceNames service_names(service);
    CheckClass(service_names.mock, "mock class", service, names, problems);
    // MOCK_METHOD(…, Open, …) also defines gmock_Open().
    const std::set<std::string> methods(service_names.methods.begin(),
                                        service_names.methods.end());
    for (int k = 0; k < service.method_count(); ++k) {
      if (methods.contains("gmock_" + service_names.methods[k])) {
        problems.Add(*service.method(k),
                     absl::StrCat("GoogleMock makes a method gmock_",
                                  service_names.methods[k],
                                  " of this one, which the service has too; "
                                  "rename one of the two"));
      }
    }
  }
}

}  // namespace fdrpc::codegen
