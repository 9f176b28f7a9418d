#include "codegen/stub_generator.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "codegen/code_layout.h"
#include "codegen/comments.h"
#include "codegen/method_types.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::io::Printer;

// How deep the class and its members stand in the service's own.
constexpr int kClassIndent = 2;
constexpr int kMemberIndent = 4;

// A parcel is taken by value: its descriptors leave the caller's hands.
std::string RequestParameter(const MethodTypes& types) {
  if (types.request_has_descriptors) return types.request + " request";
  return "const " + types.request + "& request";
}

}  // namespace

void StubGenerator::PrintClass(Printer& printer) const {
  PrintProse(printer, kClassIndent,
             absl::StrCat("Calls ", std::string(service_.full_name()),
                          " through a channel. Copies call through the same "
                          "one. Threads: safe."));
  printer.Print(
      "class Stub final {\n"
      " public:\n"
      "  explicit Stub(::std::shared_ptr<::fdrpc::Caller> caller)\n"
      "      : caller_(::std::move(caller)) {}\n");
  printer.Indent();
  for (int i = 0; i < service_.method_count(); ++i) {
    printer.Print("\n");
    PrintDeclaration(printer, i);
  }
  printer.Outdent();
  printer.Print(
      "\n"
      " private:\n"
      "  ::std::shared_ptr<::fdrpc::Caller> caller_;\n"
      "};\n");
}

void StubGenerator::PrintDeclaration(Printer& printer, int method_index) const {
  const MethodDescriptor& method = *service_.method(method_index);
  if (!IsUnary(method)) {
    PrintProse(printer, kMemberIndent,
               absl::StrCat(std::string(method.name()), " is ",
                            MethodKindProse(method),
                            "; this version of fdrpc generates no client for "
                            "it."));
    return;
  }
  const MethodTypes types(method, descriptor_fields_);
  PrintComment(printer, CommentOf(method));
  if (method.options().deprecated()) printer.Print("[[deprecated]]\n");
  PrintFunctionHead(
      printer, kMemberIndent,
      {.result = absl::StrCat("::absl::StatusOr<", types.reply, ">"),
       .name = names_.methods[method_index],
       .parameters = {RequestParameter(types),
                      "const ::fdrpc::CallOptions& options = {}"},
       .tail = " const;"});
}

void StubGenerator::PrintBodies(Printer& printer) const {
  for (int i = 0; i < service_.method_count(); ++i) {
    if (IsUnary(*service_.method(i))) PrintBody(printer, i);
  }
}

void StubGenerator::PrintBody(Printer& printer, int method_index) const {
  const MethodDescriptor& method = *service_.method(method_index);
  const MethodTypes types(method, descriptor_fields_);
  printer.Print("\n");
  PrintFunctionHead(
      printer, 0,
      {.result = absl::StrCat("::absl::StatusOr<", types.reply, ">"),
       .name = absl::StrCat(names_.service,
                            "::Stub::", names_.methods[method_index]),
       .parameters = {RequestParameter(types),
                      "const ::fdrpc::CallOptions& options"},
       .tail = " const {"});
  printer.Indent();
  PrintCall(printer, 2,
            absl::StrCat("return ::fdrpc::BlockingUnary<", types.reply, ">"),
            {"*caller_", absl::StrCat("Methods::k", std::string(method.name())),
             "request", "options"},
            ";");
  printer.Outdent();
  printer.Print("}\n");
}

}  // namespace fdrpc::codegen
