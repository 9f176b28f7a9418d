#include "codegen/stub_generator.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "codegen/code_layout.h"
#include "codegen/comments.h"
#include "codegen/method_types.h"
#include "codegen/parameter.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::io::Printer;

constexpr int kInnerMemberIndent = 6;

constexpr char kPrivatePart[] =
    "\n"
    " private:\n"
    "  ::std::shared_ptr<::fdrpc::Caller> caller_;\n"
    "};\n";

std::vector<Parameter> Parameters(const StubForm& form,
                                  const MethodDescriptor& method,
                                  const MethodTypes& types) {
  std::vector<Parameter> parameters;
  if (!method.client_streaming()) {
    parameters.push_back({types.sent_request, "request"});
  }
  parameters.push_back({"const ::fdrpc::CallOptions&", "options", "{}"});
  if (const absl::string_view callback = form.callback.Of(method);
      !callback.empty()) {
    parameters.back().default_value = "";
    parameters.push_back({types.FillIn(callback), "done"});
  }
  return parameters;
}

// Prints the statement that is the body of a function.
void PrintStatement(Printer& printer, const StubForm& form,
                    const MethodDescriptor& method, const MethodTypes& types) {
  const std::string constant =
      absl::StrCat("Methods::", MethodConstant(method));
  const std::string result = types.FillIn(form.result.Of(method));
  if (const absl::string_view call = form.whole_call.Of(method);
      !call.empty()) {
    std::vector<std::string> arguments = {"*caller_", constant, "request",
                                          "options"};
    if (!form.callback.Of(method).empty()) {
      arguments.push_back("::std::move(done)");
    }
    PrintCall(
        printer, 2,
        absl::StrCat(result == "void" ? "" : "return ", types.FillIn(call)),
        arguments, ";");
    return;
  }
  // Starts a call, which the result owns.
  PrintLine(printer, 2, absl::StrCat("return ", result, "("));
  printer.Indent();
  printer.Indent();
  const std::string call_form(form.call_form);
  if (method.client_streaming()) {
    PrintCall(printer, 6, "caller_->StartCall",
              {constant, "nullptr", "options", call_form}, ");");
  } else {
    PrintCall(printer, 6, "::fdrpc::internal::StartWithRequest",
              {"*caller_", constant, "request", "options", call_form}, ");");
  }
  printer.Outdent();
  printer.Outdent();
}

}  // namespace

void StubGenerator::PrintClass(Printer& printer) const {
  PrintProse(printer, kMemberIndent,
             absl::StrCat("Calls ", std::string(service_.full_name()),
                          " through a channel; async() and co() do so "
                          "without blocking. Copies call through the same "
                          "channel. Threads: safe."));
  PrintClassBegin(printer, kBlockingStub, kNestedMemberIndent);
  printer.Print(
      "\n"
      "  // Does not compile: a stub takes a Channel, not a StatusOr.\n"
      "  template <typename T>\n"
      "  explicit Stub(const ::absl::StatusOr<T>&) {\n"
      "    ::fdrpc::internal::RefuseStatusOr<T>();\n"
      "  }\n");
  printer.Indent();
  printer.Print("\n");
  PrintProse(printer, kNestedMemberIndent, "The same calls with callbacks.");
  PrintInnerClass(printer, kAsyncStub);
  printer.Print(
      "Async async() const { return Async(caller_); }\n"
      "\n");
  PrintProse(printer, kNestedMemberIndent, "The same calls for coroutines.");
  PrintInnerClass(printer, kCoStub);
  printer.Print("Co co() const { return Co(caller_); }\n");
  printer.Outdent();
  printer.Print(kPrivatePart);
}

void StubGenerator::PrintInnerClass(Printer& printer,
                                    const StubForm& form) const {
  PrintClassBegin(printer, form, kInnerMemberIndent);
  printer.Print(kPrivatePart);
}

// Prints the class up to the last function that makes a call.
void StubGenerator::PrintClassBegin(Printer& printer, const StubForm& form,
                                    int member_indent) const {
  printer.Print(
      "class $class$ final {\n"
      " public:\n"
      "  explicit $class$(::std::shared_ptr<::fdrpc::Caller> caller)\n"
      "      : caller_(::std::move(caller)) {}\n",
      "class", std::string(form.class_name));
  printer.Indent();
  for (int i = 0; i < service_.method_count(); ++i) {
    printer.Print("\n");
    PrintDeclaration(printer, form, i, member_indent);
  }
  printer.Outdent();
}

void StubGenerator::PrintDeclaration(Printer& printer, const StubForm& form,
                                     int method_index, int indent) const {
  const MethodDescriptor& method = *service_.method(method_index);
  const MethodTypes types(method, descriptor_fields_);
  std::vector<std::string> parameters;
  for (const Parameter& parameter : Parameters(form, method, types)) {
    parameters.push_back(parameter.Declared());
  }
  PrintComment(printer, CommentOf(method));
  if (method.options().deprecated()) printer.Print("[[deprecated]]\n");
  PrintFunctionHead(printer, indent,
                    {.result = types.FillIn(form.result.Of(method)),
                     .name = names_.methods[method_index],
                     .parameters = parameters,
                     .tail = " const;"});
}

void StubGenerator::PrintBodies(Printer& printer) const {
  for (const StubForm* form : {&kBlockingStub, &kAsyncStub, &kCoStub}) {
    for (int i = 0; i < service_.method_count(); ++i) {
      PrintBody(printer, *form, i);
    }
  }
}

void StubGenerator::PrintBody(Printer& printer, const StubForm& form,
                              int method_index) const {
  const MethodDescriptor& method = *service_.method(method_index);
  const MethodTypes types(method, descriptor_fields_);
  std::vector<std::string> parameters;
  for (const Parameter& parameter : Parameters(form, method, types)) {
    parameters.push_back(parameter.Defined());
  }
  printer.Print("\n");
  PrintFunctionHead(printer, 0,
                    {.result = types.FillIn(form.result.Of(method)),
                     .name = absl::StrCat(names_.service, "::", form.class_path,
                                          "::", names_.methods[method_index]),
                     .parameters = parameters,
                     .tail = " const {"});
  printer.Indent();
  PrintStatement(printer, form, method, types);
  printer.Outdent();
  printer.Print("}\n");
}

}  // namespace fdrpc::codegen
