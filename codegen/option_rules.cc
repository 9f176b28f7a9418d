#include "codegen/option_rules.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "codegen/carried_service.h"
#include "codegen/contradictory_rules.h"
#include "codegen/descriptor_fields.h"
#include "codegen/fd_rules.h"
#include "codegen/method_rules.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/unknown_field_set.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

// fdrpc's extension numbers, as in fdrpc/options.proto.
constexpr int kFirstNumber = 51870;
constexpr int kLastNumber = 51889;

// The only option of fdrpc that an element may have.
struct KnownOption {
  int number = 0;
  const char* name = "";
};
constexpr KnownOption kNone;
constexpr KnownOption kFieldOption = {kFdRulesNumber, "(fdrpc.fd_rules)"};
constexpr KnownOption kMethodOption = {kMethodRulesNumber,
                                       "(fdrpc.method_rules)"};
constexpr KnownOption kServiceOption = {51872, "(fdrpc.service_rules)"};

// An option of fdrpc that an element has.
struct SetOption {
  int number;
  bool is_message;      // as all defined ones are
  bool sets_something;  // unknown to this version
};

bool SetsUnknown(const UnknownField& option) {
  const std::string bytes(option.length_delimited());
  switch (option.number()) {
    case kFdRulesNumber: {
      FdRules rules;
      return !rules.ParsePartialFromString(bytes) || HasUnknownRules(rules);
    }
    case kMethodRulesNumber:
      return MethodRules::Parse(bytes).unknown;
    default:
      return !bytes.empty();
  }
}

// All of them, including those that this program does not know as extensions.
template <typename Options>
std::vector<SetOption> OurOptions(const Options& options) {
  std::vector<SetOption> ours;
  UnknownFieldSet fields;
  if (!fields.ParseFromString(options.SerializePartialAsString())) return ours;
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& field = fields.field(i);
    if (field.number() < kFirstNumber || field.number() > kLastNumber) continue;
    const bool is_message = field.type() == UnknownField::TYPE_LENGTH_DELIMITED;
    ours.push_back({.number = field.number(),
                    .is_message = is_message,
                    .sets_something = is_message && SetsUnknown(field)});
  }
  return ours;
}

class OptionChecker {
 public:
  explicit OptionChecker(Problems& problems) : problems_(problems) {}

  void CheckFile(const FileDescriptor& file) {
    for (const SetOption& option : OurOptions(file.options())) {
      problems_.AddToFile(UnknownOption(option));
    }
    ForEachMessage(file, [this](const Descriptor& m) { CheckMessage(m); });
    for (int i = 0; i < file.enum_type_count(); ++i) {
      CheckEnum(*file.enum_type(i));
    }
    for (int i = 0; i < file.extension_count(); ++i) {
      CheckField(*file.extension(i));
    }
    for (int i = 0; i < file.service_count(); ++i) {
      CheckService(*file.service(i));
    }
  }

 private:
  static std::string UnknownOption(const SetOption& option) {
    return absl::StrCat("option number ", option.number,
                        " is fdrpc's, and has no meaning here that this "
                        "version of fdrpc knows; remove the option, or use the "
                        "version that it was written for");
  }

  template <typename Element>
  void CheckElement(const Element& element, const KnownOption& known) {
    for (const SetOption& option : OurOptions(element.options())) {
      if (option.number != known.number || !option.is_message) {
        problems_.Add(element, UnknownOption(option));
      } else if (option.sets_something) {
        problems_.Add(
            element,
            absl::StrCat("option ", known.name,
                         " sets a rule that this version of fdrpc does not "
                         "enforce; remove the rule, or use a version that "
                         "enforces it"));
      }
    }
  }

  void CheckField(const FieldDescriptor& field) {
    CheckElement(field, kFieldOption);
    if (HoldsFd(field)) {
      for (const std::string& problem : CarriedServiceProblems(field)) {
        problems_.Add(field, problem);
      }
      for (const std::string& problem :
           Contradictions(field, FdRulesOf(field))) {
        problems_.Add(field, problem);
      }
      return;
    }
    for (const SetOption& option : OurOptions(field.options())) {
      if (option.number != kFieldOption.number) continue;
      problems_.Add(
          field,
          "option (fdrpc.fd_rules) is for fields of type fdrpc.Fd; remove "
          "the option, or give the field that type");
      return;
    }
  }

  void CheckMessage(const Descriptor& message) {
    CheckElement(message, kNone);
    for (int i = 0; i < message.field_count(); ++i) {
      CheckField(*message.field(i));
    }
    for (int i = 0; i < message.extension_count(); ++i) {
      CheckField(*message.extension(i));
    }
    for (int i = 0; i < message.oneof_decl_count(); ++i) {
      CheckElement(*message.oneof_decl(i), kNone);
    }
    for (int i = 0; i < message.enum_type_count(); ++i) {
      CheckEnum(*message.enum_type(i));
    }
  }

  void CheckEnum(const EnumDescriptor& type) {
    CheckElement(type, kNone);
    for (int i = 0; i < type.value_count(); ++i) {
      CheckElement(*type.value(i), kNone);
    }
  }

  void CheckService(const ServiceDescriptor& service) {
    CheckElement(service, kServiceOption);
    for (int i = 0; i < service.method_count(); ++i) {
      CheckMethod(*service.method(i));
    }
  }

  void CheckMethod(const MethodDescriptor& method) {
    CheckElement(method, kMethodOption);
    if (!IsOneWay(method)) return;
    if (method.client_streaming() || method.server_streaming()) {
      problems_.Add(method,
                    "a one-way method has one request and no reply, and this "
                    "one has a stream; remove the stream, or option one_way");
    }
    const Descriptor& reply = *method.output_type();
    if (reply.field_count() > 0 || reply.extension_range_count() > 0) {
      problems_.Add(
          method,
          absl::StrCat("a one-way method gives no reply, and ",
                       std::string(reply.full_name()),
                       " has fields, or room for extensions; return "
                       "google.protobuf.Empty, or remove option one_way"));
    }
  }

  Problems& problems_;
};

}  // namespace

void CheckOptionRules(const FileDescriptor& file, Problems& problems) {
  OptionChecker(problems).CheckFile(file);
}

}  // namespace fdrpc::codegen
