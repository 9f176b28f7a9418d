#include "codegen/mock_generator.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "codegen/code_layout.h"
#include "codegen/comments.h"
#include "codegen/method_types.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::io::Printer;

constexpr int kBodyIndent = 4;

// A comma in a template would separate arguments of the macro.
std::string AsMacroArgument(const std::string& type) {
  return type.find(',') == std::string::npos ? type
                                             : absl::StrCat("(", type, ")");
}

}  // namespace

MockGenerator::MockGenerator(const google::protobuf::ServiceDescriptor& service,
                             DescriptorFields& descriptor_fields)
    : service_(service),
      names_(service),
      descriptor_fields_(descriptor_fields),
      form_(BlockingHandlers()) {}

void MockGenerator::PrintClass(Printer& printer) const {
  printer.Print("\n");
  PrintProse(printer, 0,
             absl::StrCat("Mocks ", std::string(service_.full_name()),
                          " for tests of its clients, which use an ordinary "
                          "stub. Methods without an expectation answer "
                          "UNIMPLEMENTED."));
  printer.Print("class $mock$ : public $service$::$base$ {", "mock",
                names_.mock, "service", names_.service, "base",
                form_.class_name);
  if (service_.method_count() == 0) {
    printer.Print("};\n");
    return;
  }
  printer.Print(
      "\n"
      " public:\n"
      "  $mock$() {\n",
      "mock", names_.mock);
  printer.Indent();
  printer.Indent();
  for (int i = 0; i < service_.method_count(); ++i) PrintDefault(printer, i);
  printer.Outdent();
  printer.Print("}\n\n");
  for (int i = 0; i < service_.method_count(); ++i) PrintMock(printer, i);
  printer.Outdent();
  printer.Print("};\n");
}

void MockGenerator::PrintDefault(Printer& printer, int method_index) const {
  std::vector<std::string> parameters;
  std::vector<std::string> arguments;
  for (const Parameter& parameter :
       form_.parameters.Of(*service_.method(method_index))) {
    parameters.push_back(absl::StrCat("auto& ", parameter.name));
    arguments.push_back(parameter.name);
  }
  printer.Print(
      "ON_CALL(*this, $method$)\n"
      "    .WillByDefault([this]($parameters$) {\n",
      "method", names_.methods[method_index], "parameters",
      absl::StrJoin(parameters, ", "));
  printer.Indent();
  printer.Indent();
  printer.Indent();
  PrintCall(printer, kBodyIndent + 6,
            absl::StrCat("return ", names_.service, "::", form_.class_name,
                         "::", names_.methods[method_index]),
            arguments, ";");
  printer.Outdent();
  printer.Outdent();
  printer.Outdent();
  printer.Print("    });\n");
}

void MockGenerator::PrintMock(Printer& printer, int method_index) const {
  const MethodDescriptor& method = *service_.method(method_index);
  const MethodTypes types(method, descriptor_fields_);
  std::vector<std::string> parameters;
  for (const Parameter& parameter : form_.parameters.Of(method)) {
    parameters.push_back(AsMacroArgument(types.FillIn(parameter.type)));
  }
  printer.Print(
      "MOCK_METHOD(\n"
      "    $result$, $method$,\n",
      "result", form_.result, "method", names_.methods[method_index]);
  printer.Indent();
  printer.Indent();
  PrintCall(printer, kMemberIndent + 4, "", parameters, ",");
  printer.Outdent();
  printer.Outdent();
  printer.Print("    (override));\n");
}

}  // namespace fdrpc::codegen
