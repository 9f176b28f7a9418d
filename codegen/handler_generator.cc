#include "codegen/handler_generator.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "codegen/code_layout.h"
#include "codegen/comments.h"
#include "codegen/method_types.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::io::Printer;

}  // namespace

void HandlerGenerator::PrintClass(Printer& printer) const {
  PrintAliases(printer);
  PrintProse(printer, kMemberIndent,
             absl::StrCat("Serves ", std::string(service_.full_name()),
                          form_.description));
  printer.Print(
      "class $class$ : public ::fdrpc::Service {\n"
      " public:\n",
      "class", form_.class_name);
  printer.Indent();
  for (int i = 0; i < service_.method_count(); ++i) {
    PrintDeclaration(printer, i);
    printer.Print("\n");
  }
  printer.Outdent();
  printer.Print(
      "  ::std::string_view full_name() const override;\n"
      "  ::absl::Span<const ::fdrpc::internal::MethodHandler> "
      "method_handlers()\n"
      "      const override;\n");
  if (!descriptor_files_.empty()) {
    printer.Print("  ::std::string_view descriptor_files() const override;\n");
  }
  PrintCheck(printer);
  printer.Print("};\n");
}

// For handlers that get their call as one object: a short name for its type.
void HandlerGenerator::PrintAliases(Printer& printer) const {
  if (!form_.names_calls || service_.method_count() == 0) return;
  PrintProse(
      printer, kMemberIndent,
      absl::StrCat("The parameters of ", form_.class_name, "'s handlers."));
  for (int i = 0; i < service_.method_count(); ++i) {
    const MethodDescriptor& method = *service_.method(i);
    const MethodTypes types(method, descriptor_fields_);
    PrintLine(
        printer, kMemberIndent,
        absl::StrCat("using ", names_.calls[i], " = ",
                     types.FillIn(form_.parameters.Of(method)[0].type), ";"));
  }
  printer.Print("\n");
}

// For AddService() and MixedService: a method with another signature would hide
// a handler.
void HandlerGenerator::PrintCheck(Printer& printer) const {
  if (service_.method_count() == 0) return;
  printer.Print(
      "\n"
      "  // Which handlers Derived overrides. Does not compile if one of its\n"
      "  // methods hides a handler.\n"
      "  template <typename Derived>\n"
      "  static constexpr auto CheckHandlers() {\n"
      "    ::fdrpc::internal::OverriddenHandlers<$count$> overridden;\n",
      "count", std::to_string(service_.method_count()));
  printer.Indent();
  printer.Indent();
  for (int i = 0; i < service_.method_count(); ++i) {
    printer.Print("if constexpr (requires { &Derived::$name$; }) {\n", "name",
                  names_.methods[i]);
    printer.Indent();
    PrintCall(printer, kNestedMemberIndent + 4,
              absl::StrCat("::fdrpc::internal::CheckHandler<&Derived::",
                           names_.methods[i], ", &", form_.class_name,
                           "::", names_.methods[i], ">"),
              {absl::StrCat("overridden.at[", i, "]")}, ";");
    printer.Outdent();
    printer.Print("}\n");
  }
  printer.Print("return overridden;\n");
  printer.Outdent();
  printer.Outdent();
  printer.Print("  }\n");
}

void HandlerGenerator::PrintDeclaration(Printer& printer,
                                        int method_index) const {
  const MethodDescriptor& method = *service_.method(method_index);
  const MethodTypes types(method, descriptor_fields_);
  PrintComment(printer, CommentOf(method));
  std::vector<std::string> parameters;
  for (const Parameter& parameter : form_.parameters.Of(method)) {
    parameters.push_back(types.FillIn(parameter.Declared()));
  }
  PrintFunctionHead(printer, kNestedMemberIndent,
                    {.result = "virtual " + form_.result,
                     .name = names_.methods[method_index],
                     .parameters = parameters,
                     .tail = ";"});
}

void HandlerGenerator::PrintBodies(Printer& printer) const {
  for (int i = 0; i < service_.method_count(); ++i) PrintBody(printer, i);
  PrintTable(printer);
}

void HandlerGenerator::PrintBody(Printer& printer, int method_index) const {
  const MethodDescriptor& method = *service_.method(method_index);
  const MethodTypes types(method, descriptor_fields_);
  std::vector<std::string> parameters;
  for (const Parameter& parameter : form_.parameters.Of(method)) {
    parameters.push_back(types.FillIn(
        form_.uses_parameters ? parameter.Defined() : parameter.Unused()));
  }
  printer.Print("\n");
  PrintFunctionHead(
      printer, 0,
      {.result = form_.result,
       .name = absl::StrCat(names_.service, "::", form_.class_name,
                            "::", names_.methods[method_index]),
       .parameters = parameters,
       .tail = " {"});
  printer.Indent();
  PrintCall(printer, 2,
            absl::StrCat(form_.end_call, "::absl::UnimplementedError"),
            {absl::StrCat("\"", MethodPath(method), " is not implemented\"")},
            form_.end_call_tail);
  printer.Outdent();
  printer.Print("}\n");
}

void HandlerGenerator::PrintTable(Printer& printer) const {
  printer.Print(
      "\n"
      "::std::string_view $service$::$class$::full_name() const {\n"
      "  return \"$full_name$\";\n"
      "}\n"
      "\n"
      "::absl::Span<const ::fdrpc::internal::MethodHandler>\n"
      "$service$::$class$::method_handlers() const {\n",
      "service", names_.service, "class", form_.class_name, "full_name",
      std::string(service_.full_name()));
  PrintTableBody(printer);
  if (descriptor_files_.empty()) return;
  printer.Print(
      "\n"
      "::std::string_view $service$::$class$::descriptor_files() const {\n"
      "  return $files$();\n"
      "}\n",
      "service", names_.service, "class", form_.class_name, "files",
      descriptor_files_);
}

void HandlerGenerator::PrintTableBody(Printer& printer) const {
  if (service_.method_count() == 0) {
    printer.Print(
        "  return {};\n"
        "}\n");
    return;
  }
  printer.Print(
      "  static constexpr ::fdrpc::internal::MethodHandler kHandlers[] = {\n");
  for (int i = 0; i < service_.method_count(); ++i) {
    printer.Print(
        "      {.method = &Methods::$constant$,\n"
        "       .serve = $serve$<&$class$::$handler$>::Serve},\n",
        "constant", MethodConstant(*service_.method(i)), "serve", form_.serve,
        "class", form_.class_name, "handler", names_.methods[i]);
  }
  printer.Print(
      "  };\n"
      "  return kHandlers;\n"
      "}\n");
}

}  // namespace fdrpc::codegen
