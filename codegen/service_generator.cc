#include "codegen/service_generator.h"

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

// How deep the Service class and its members stand in the service's own.
constexpr int kClassIndent = 2;
constexpr int kMemberIndent = 4;

// "package.Service/Method".
std::string MethodPath(const MethodDescriptor& method) {
  return std::string(method.service()->full_name()) + "/" +
         std::string(method.name());
}

std::string MethodConstant(const MethodDescriptor& method) {
  return "k" + std::string(method.name());
}

const char* BoolLiteral(bool value) { return value ? "true" : "false"; }

// A handler may take the descriptors out of a request that has some.
std::string RequestParameterType(const MethodTypes& types) {
  if (types.request_has_descriptors) return types.request + "&";
  return "const " + types.request + "&";
}

}  // namespace

void ServiceGenerator::PrintClass(Printer& printer) const {
  printer.Print("\n");
  PrintComment(printer, CommentOf(service_));
  printer.Print(
      "class $deprecated$$service$ final {\n"
      " public:\n"
      "  $service$() = delete;\n"
      "\n",
      "deprecated", service_.options().deprecated() ? "[[deprecated]] " : "",
      "service", names_.service);
  printer.Indent();
  stub_.PrintClass(printer);
  printer.Print("\n");
  PrintServiceClass(printer);
  printer.Outdent();
  if (service_.method_count() > 0) {
    printer.Print(
        "\n"
        " private:\n"
        "  struct Methods;\n");
  }
  printer.Print("};\n");
}

void ServiceGenerator::PrintServiceClass(Printer& printer) const {
  PrintProse(printer, kClassIndent,
             absl::StrCat("Serves ", std::string(service_.full_name()),
                          ": a server's own class derives from it and "
                          "overrides the methods that it implements. The "
                          "others answer UNIMPLEMENTED."));
  printer.Print(
      "class Service : public ::fdrpc::Service {\n"
      " public:\n");
  printer.Indent();
  for (int i = 0; i < service_.method_count(); ++i) {
    PrintHandlerDeclaration(printer, i);
    printer.Print("\n");
  }
  printer.Outdent();
  printer.Print(
      "  ::std::string_view full_name() const override;\n"
      "  ::absl::Span<const ::fdrpc::MethodHandler> method_handlers()\n"
      "      const override;\n"
      "};\n");
}

void ServiceGenerator::PrintHandlerDeclaration(Printer& printer,
                                               int method_index) const {
  const MethodDescriptor& method = *service_.method(method_index);
  if (!IsUnary(method)) {
    PrintProse(printer, kMemberIndent,
               absl::StrCat(std::string(method.name()), " is ",
                            MethodKindProse(method),
                            "; this version of fdrpc answers it with "
                            "UNIMPLEMENTED."));
    return;
  }
  const MethodTypes types(method, descriptor_fields_);
  PrintComment(printer, CommentOf(method));
  PrintFunctionHead(printer, kMemberIndent,
                    {.result = "virtual ::absl::Status",
                     .name = names_.methods[method_index],
                     .parameters = {"::fdrpc::ServerContext& context",
                                    RequestParameterType(types) + " request",
                                    types.reply + "& reply"},
                     .tail = ";"});
}

void ServiceGenerator::PrintBodies(Printer& printer) const {
  PrintMethodConstants(printer);
  stub_.PrintBodies(printer);
  for (int i = 0; i < service_.method_count(); ++i) {
    if (IsUnary(*service_.method(i))) PrintHandlerBody(printer, i);
  }
  PrintMethodTable(printer);
}

void ServiceGenerator::PrintMethodConstants(Printer& printer) const {
  if (service_.method_count() == 0) return;
  printer.Print(
      "\n"
      "struct $service$::Methods {\n",
      "service", names_.service);
  for (int i = 0; i < service_.method_count(); ++i) {
    const MethodDescriptor& method = *service_.method(i);
    const MethodTypes types(method, descriptor_fields_);
    printer.Print(
        "  static constexpr ::fdrpc::Method $constant$ = {\n"
        "      .full_name = \"$path$\",\n"
        "      .kind = ::fdrpc::MethodKind::$kind$,\n"
        "      .request_has_descriptors = $request$,\n"
        "      .reply_has_descriptors = $reply$,\n"
        "  };\n",
        "constant", MethodConstant(method), "path", MethodPath(method), "kind",
        MethodKindName(method), "request",
        BoolLiteral(types.request_has_descriptors), "reply",
        BoolLiteral(types.reply_has_descriptors));
  }
  printer.Print("};\n");
}

void ServiceGenerator::PrintHandlerBody(Printer& printer,
                                        int method_index) const {
  const MethodDescriptor& method = *service_.method(method_index);
  const MethodTypes types(method, descriptor_fields_);
  printer.Print("\n");
  PrintFunctionHead(
      printer, 0,
      {.result = "::absl::Status",
       .name = absl::StrCat(names_.service,
                            "::Service::", names_.methods[method_index]),
       .parameters = {"::fdrpc::ServerContext& /*context*/",
                      RequestParameterType(types) + " /*request*/",
                      types.reply + "& /*reply*/"},
       .tail = " {"});
  printer.Indent();
  PrintCall(printer, 2, "return ::absl::UnimplementedError",
            {absl::StrCat("\"", MethodPath(method), " is not implemented\"")},
            ";");
  printer.Outdent();
  printer.Print("}\n");
}

void ServiceGenerator::PrintMethodTable(Printer& printer) const {
  printer.Print(
      "\n"
      "::std::string_view $service$::Service::full_name() const {\n"
      "  return \"$full_name$\";\n"
      "}\n"
      "\n"
      "::absl::Span<const ::fdrpc::MethodHandler>\n"
      "$service$::Service::method_handlers() const {\n",
      "service", names_.service, "full_name",
      std::string(service_.full_name()));
  if (service_.method_count() == 0) {
    printer.Print(
        "  return {};\n"
        "}\n");
    return;
  }
  printer.Print("  static constexpr ::fdrpc::MethodHandler kHandlers[] = {\n");
  for (int i = 0; i < service_.method_count(); ++i) {
    const MethodDescriptor& method = *service_.method(i);
    const std::string serve =
        IsUnary(method)
            ? absl::StrCat("::fdrpc::ServeUnary<&Service::", names_.methods[i],
                           ">::Serve")
            : "nullptr";
    printer.Print(
        "      {.method = &Methods::$constant$,\n"
        "       .serve_unary = $serve$},\n",
        "constant", MethodConstant(method), "serve", serve);
  }
  printer.Print(
      "  };\n"
      "  return kHandlers;\n"
      "}\n");
}

}  // namespace fdrpc::codegen
