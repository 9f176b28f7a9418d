#include "codegen/carried_service.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "codegen/descriptor_fields.h"
#include "codegen/fd_rules.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::ServiceDescriptor;

// Adds what `file` makes visible to those that import it.
void AddPublic(const FileDescriptor& file,
               std::set<const FileDescriptor*>& visible) {
  if (!visible.insert(&file).second) return;
  for (int i = 0; i < file.public_dependency_count(); ++i) {
    AddPublic(*file.public_dependency(i), visible);
  }
}

bool IsVisible(const FileDescriptor& wanted, const FileDescriptor& from) {
  std::set<const FileDescriptor*> visible = {&from};
  for (int i = 0; i < from.dependency_count(); ++i) {
    AddPublic(*from.dependency(i), visible);
  }
  return visible.count(&wanted) != 0;
}

}  // namespace

const ServiceDescriptor* CarriedService(const FieldDescriptor& field) {
  const FdRules rules = FdRulesOf(field);
  if (!HoldsFd(field) || !rules.has_service()) return nullptr;
  const ServiceDescriptor* const service =
      field.file()->pool()->FindServiceByName(rules.service());
  return service != nullptr && IsVisible(*service->file(), *field.file())
             ? service
             : nullptr;
}

std::vector<std::string> CarriedServiceProblems(const FieldDescriptor& field) {
  const FdRules rules = FdRulesOf(field);
  if (!rules.has_service()) return {};
  std::vector<std::string> problems;
  const auto add = [&](const std::string& what) {
    problems.push_back(absl::StrCat("option (fdrpc.fd_rules): ", what));
  };
  const std::string& name = rules.service();
  const ServiceDescriptor* const service =
      field.file()->pool()->FindServiceByName(name);
  if (service == nullptr) {
    add(absl::StrCat("there is no service \"", name,
                     "\"; write its full name, \"package.Service\", and "
                     "import its file"));
  } else if (!IsVisible(*service->file(), *field.file())) {
    add(absl::StrCat("service ", name, " is in ",
                     std::string(service->file()->name()),
                     ", which this file does not import; import it"));
  }
  if (rules.kind_size() > 0 || rules.has_socket() || rules.has_access() ||
      rules.has_nonblocking() || rules.seals_size() > 0) {
    add("a service is called over a connected socket of the Unix domain, and "
        "has no other rules than required and max_count; remove them");
  }
  return problems;
}

std::vector<const ServiceDescriptor*> CarriedServices(
    const Descriptor& message) {
  std::vector<const ServiceDescriptor*> services;
  for (int i = 0; i < message.field_count(); ++i) {
    const ServiceDescriptor* const service = CarriedService(*message.field(i));
    if (service != nullptr) services.push_back(service);
  }
  return services;
}

}  // namespace fdrpc::codegen
