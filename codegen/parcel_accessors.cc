#include "codegen/parcel_accessors.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "codegen/carried_service.h"
#include "codegen/cc_names.h"
#include "codegen/comments.h"
#include "codegen/descriptor_fields.h"
#include "codegen/fd_rule_words.h"
#include "codegen/fd_rules.h"
#include "codegen/name_scope.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr absl::string_view kUniqueFd = "::fdrpc::UniqueFd";
constexpr absl::string_view kSharedFd = "::fdrpc::SharedFd";

// The declaration of a parameter of the map's key type.
std::string KeyParameter(const FieldDescriptor& map) {
  switch (map.message_type()->map_key()->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return "::std::int32_t key";
    case FieldDescriptor::CPPTYPE_INT64:
      return "::std::int64_t key";
    case FieldDescriptor::CPPTYPE_UINT32:
      return "::std::uint32_t key";
    case FieldDescriptor::CPPTYPE_UINT64:
      return "::std::uint64_t key";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "bool key";
    default:  // protoc allows no other key type
      return "const ::std::string& key";
  }
}

// Makes the accessors of one field, one after the other. In its arguments,
// "$f$" stands for the stem of protoc's own accessors of the field.
class FieldAccessorWriter {
 public:
  FieldAccessorWriter(std::string stem, NameScope& scope)
      : stem_(std::move(stem)), scope_(scope) {}

  // Returns the name that it got.
  std::string Add(absl::string_view result, absl::string_view name,
                  std::vector<std::string> parameters, absl::string_view body) {
    AddNamed(result, scope_.Claim(Fill(name)), std::move(parameters), false,
             body);
    return functions_.back().name;
  }
  void AddConst(absl::string_view result, absl::string_view name,
                std::vector<std::string> parameters, absl::string_view body) {
    AddNamed(result, scope_.Claim(Fill(name)), std::move(parameters), true,
             body);
  }
  // Adds two overloads, with a descriptor that the parcel is to own and with a
  // shared one, after `parameters`.
  void AddAttach(absl::string_view name,
                 const std::vector<std::string>& parameters,
                 absl::string_view body) {
    const std::string claimed = scope_.Claim(Fill(name));
    for (absl::string_view fd : {kUniqueFd, kSharedFd}) {
      std::vector<std::string> with_fd = parameters;
      with_fd.push_back(absl::StrCat(fd, " fd"));
      AddNamed("void", claimed, std::move(with_fd), false, body);
    }
  }

  // Adds a template, which the class defines.
  void AddTemplate(absl::string_view template_parameters,
                   absl::string_view result, absl::string_view name,
                   std::vector<std::string> parameters,
                   absl::string_view body) {
    (void)Add(result, name, std::move(parameters), body);
    functions_.back().template_parameters = std::string(template_parameters);
  }

  std::vector<ParcelAccessor> Finish() && { return std::move(functions_); }

 private:
  std::string Fill(absl::string_view text) const {
    return absl::StrReplaceAll(text, {{"$f$", stem_}});
  }
  void AddNamed(absl::string_view result, std::string name,
                std::vector<std::string> parameters, bool is_const,
                absl::string_view body) {
    functions_.push_back({std::string(result), std::move(name),
                          std::move(parameters), is_const, Fill(body)});
  }

  const std::string stem_;
  NameScope& scope_;
  std::vector<ParcelAccessor> functions_;
};

// The accessor that takes the descriptor. Each of the next three functions
// returns the name that it got.
absl::string_view TakeName(const FieldDescriptor& field) {
  return CarriedService(field) == nullptr ? "take_$f$" : "take_$f$_socket";
}

std::string AddSingular(FieldAccessorWriter& writer,
                        const FieldDescriptor& field) {
  writer.AddAttach("set_$f$", {},
                   "Attach(message().mutable_$f$(), ::std::move(fd));\n");
  writer.AddConst("bool", "has_$f$", {}, "return message().has_$f$();\n");
  std::string take = writer.Add(kUniqueFd, TakeName(field), {},
                                "return Take(message().$f$());\n");
  writer.AddConst("int", "$f$", {}, "return Borrow(message().$f$());\n");
  (void)writer.Add("void", "clear_$f$", {},
                   "Close(message().$f$());\n"
                   "message().clear_$f$();\n");
  return take;
}

constexpr absl::string_view kClearElements =
    "const auto slots = SlotsOf(message().$f$());\n"
    "message().clear_$f$();\n"
    "CloseSlots(slots);\n";

std::string AddRepeated(FieldAccessorWriter& writer,
                        const FieldDescriptor& field) {
  writer.AddAttach("add_$f$", {},
                   "Attach(message().add_$f$(), ::std::move(fd));\n");
  writer.AddConst("int", "$f$_size", {}, "return message().$f$_size();\n");
  std::string take = writer.Add(kUniqueFd, TakeName(field), {"int index"},
                                "return Take(message().$f$(index));\n");
  writer.AddConst("int", "$f$", {"int index"},
                  "return Borrow(message().$f$(index));\n");
  (void)writer.Add("void", "clear_$f$", {}, kClearElements);
  return take;
}

std::string AddMap(FieldAccessorWriter& writer, const FieldDescriptor& field) {
  const std::string key = KeyParameter(field);
  writer.AddAttach(
      "set_$f$", {key},
      "Attach(&(*message().mutable_$f$())[key], ::std::move(fd));\n");
  writer.AddConst("bool", "has_$f$", {key},
                  "return message().$f$().contains(key);\n");
  writer.AddConst("int", "$f$_size", {}, "return message().$f$_size();\n");
  std::string take =
      writer.Add(kUniqueFd, TakeName(field), {key},
                 "const auto found = message().$f$().find(key);\n"
                 "if (found == message().$f$().end()) return {};\n"
                 "return Take(found->second);\n");
  writer.AddConst("int", "$f$", {key},
                  "const auto found = message().$f$().find(key);\n"
                  "if (found == message().$f$().end()) return -1;\n"
                  "return Borrow(found->second);\n");
  (void)writer.Add("void", "clear_$f$", {}, kClearElements);
  return take;
}

// What differs between the kinds of fields in the accessors for services.
struct ServiceFieldShape {
  std::vector<std::string> serve_parameters;
  std::string served_field;  // a pointer to the fdrpc.Fd
  std::vector<std::string> take_parameters;
  std::string take_arguments;
};

ServiceFieldShape ShapeOf(const FieldDescriptor& field) {
  if (field.is_map()) {
    return {.serve_parameters = {KeyParameter(field)},
            .served_field = "&(*message().mutable_$f$())[key]",
            .take_parameters = {KeyParameter(field)},
            .take_arguments = "key"};
  }
  if (field.is_repeated()) {
    return {.serve_parameters = {},
            .served_field = "message().add_$f$()",
            .take_parameters = {"int index"},
            .take_arguments = "index"};
  }
  return {.serve_parameters = {},
          .served_field = "message().mutable_$f$()",
          .take_parameters = {},
          .take_arguments = ""};
}

// Adds the accessors of a field for the service that it carries. `take_socket`
// is that for its descriptor.
void AddService(FieldAccessorWriter& writer, const FieldDescriptor& field,
                const google::protobuf::ServiceDescriptor& service,
                const std::string& take_socket) {
  ServiceFieldShape shape = ShapeOf(field);
  const std::string name(field.full_name());
  std::vector<std::string>& serve = shape.serve_parameters;
  serve.insert(serve.end(), {"ServiceServer& server",
                             "::std::shared_ptr<::fdrpc::Service> service"});
  writer.AddTemplate(
      "typename ServiceServer", "::absl::Status", "serve_$f$", serve,
      absl::StrCat("::absl::StatusOr<::fdrpc::UniqueFd> socket =\n"
                   "    ::fdrpc::internal::ServeNewPair(\n"
                   "        server, ::std::move(service),\n"
                   "        \"",
                   std::string(service.full_name()), "\",\n        \"", name,
                   "\");\n"
                   "if (!socket.ok()) return socket.status();\n"
                   "Attach(",
                   shape.served_field,
                   ", *::std::move(socket));\n"
                   "return ::absl::OkStatus();\n"));
  std::vector<std::string>& take = shape.take_parameters;
  take.push_back("const typename ClientChannel::Options& options = {}");
  writer.AddTemplate(
      absl::StrCat("typename Served = ", ServiceType(service),
                   ", typename ClientChannel = ::fdrpc::Channel"),
      "::absl::StatusOr<typename Served::Stub>", "take_$f$", take,
      absl::StrCat("return ::fdrpc::internal::OpenService<Served, "
                   "ClientChannel>(\n    ",
                   take_socket, "(", shape.take_arguments,
                   "), options,\n    \"", name, "\");\n"));
}

FieldAccessors AccessorsOfField(const FieldDescriptor& field,
                                NameScope& scope) {
  FieldAccessorWriter writer(FieldStem(field), scope);
  const std::string take = field.is_map()        ? AddMap(writer, field)
                           : field.is_repeated() ? AddRepeated(writer, field)
                                                 : AddSingular(writer, field);
  if (const auto* const service = CarriedService(field)) {
    AddService(writer, field, *service, take);
  }
  return {.comment = CommentOf(field),
          .rules = RulesInWords(FdRulesOf(field)),
          .deprecated = field.options().deprecated(),
          .functions = std::move(writer).Finish()};
}

FieldAccessors AccessorsOfFdItself(NameScope& scope) {
  FieldAccessorWriter writer("fd", scope);
  writer.AddAttach("set_$f$", {}, "Attach(&message(), ::std::move(fd));\n");
  writer.AddConst("bool", "has_$f$", {}, "return message().slot() != 0;\n");
  (void)writer.Add(kUniqueFd, "take_$f$", {}, "return Take(message());\n");
  writer.AddConst("int", "$f$", {}, "return Borrow(message());\n");
  (void)writer.Add("void", "clear_$f$", {},
                   "Close(message());\n"
                   "message().Clear();\n");
  return {.comment = "",
          .rules = "",
          .deprecated = false,
          .functions = std::move(writer).Finish()};
}

}  // namespace

std::vector<FieldAccessors> AccessorsOf(const Descriptor& message) {
  // The members of ParcelBase and ParcelOf that users call and that are in
  // lower case, like all accessors.
  NameScope scope({"lite_message", "message"});
  if (IsFd(message)) return {AccessorsOfFdItself(scope)};

  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < message.field_count(); ++i) {
    if (HoldsFd(*message.field(i))) fields.push_back(message.field(i));
  }
  std::sort(fields.begin(), fields.end(),
            [](const FieldDescriptor* a, const FieldDescriptor* b) {
              return a->number() < b->number();
            });
  std::vector<FieldAccessors> accessors;
  for (const FieldDescriptor* field : fields) {
    accessors.push_back(AccessorsOfField(*field, scope));
  }
  return accessors;
}

}  // namespace fdrpc::codegen
