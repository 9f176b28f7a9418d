#include "codegen/name_collisions.h"

#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "codegen/descriptor_fields.h"
#include "codegen/service_names.h"
#include "google/protobuf/compiler/cpp/names.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::compiler::cpp::ClassName;

// The C++ names of one package's namespace, each with what it stands for.
class PackageNames {
 public:
  explicit PackageNames(std::string package) : package_(std::move(package)) {}

  // What `file` and its imports define in the package, but for the services of
  // `file` itself.
  void AddMessagesOf(const FileDescriptor& file) {
    if (!seen_.insert(&file).second) return;
    for (int i = 0; i < file.dependency_count(); ++i) {
      const FileDescriptor& import = *file.dependency(i);
      AddMessagesOf(import);
      if (std::string(import.package()) == package_) AddServicesOf(import);
    }
    if (std::string(file.package()) != package_) return;
    ForEachMessage(file, [this](const Descriptor& m) { AddMessage(m); });
    for (int i = 0; i < file.enum_type_count(); ++i) {
      AddEnum(*file.enum_type(i));
    }
    for (int i = 0; i < file.extension_count(); ++i) {
      Add(std::string(file.extension(i)->name()), "extension",
          *file.extension(i));
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
    Add(ClassName(&message), "message", message);
    for (int i = 0; i < message.enum_type_count(); ++i) {
      AddEnum(*message.enum_type(i));
    }
  }

  // A nested enum stands in the namespace too, under its message's name, and so
  // do its values and the functions that protoc writes for it.
  void AddEnum(const EnumDescriptor& type) {
    const std::string name = ClassName(&type);
    Add(name, "enum", type);
    for (const char* suffix : {"_ARRAYSIZE", "_IsValid", "_MAX", "_MIN",
                               "_Name", "_Parse", "_descriptor"}) {
      Add(name + suffix, "enum", type);
    }
    const std::string prefix =
        type.containing_type() == nullptr ? "" : name + "_";
    for (int i = 0; i < type.value_count(); ++i) {
      Add(prefix + std::string(type.value(i)->name()), "enum value",
          *type.value(i));
    }
  }

  const std::string package_;
  std::set<const FileDescriptor*> seen_;
  std::map<std::string, std::string> owners_;
};

// Whether the C++ `kind` of the service has its name for itself.
void CheckClass(const std::string& class_name, const char* kind,
                const ServiceDescriptor& service, PackageNames& names,
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
  PackageNames names{std::string(file.package())};
  names.AddMessagesOf(file);
  for (int i = 0; i < file.service_count(); ++i) {
    const ServiceDescriptor& service = *file.service(i);
    CheckClass(ServiceNames(service).service, "class", service, names,
               problems);
  }
}

void CheckMockNameCollisions(const FileDescriptor& file, Problems& problems) {
  PackageNames names{std::string(file.package())};
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
