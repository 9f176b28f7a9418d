#include "codegen/service_generator.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "codegen/comments.h"
#include "codegen/method_kind.h"
#include "codegen/method_rules.h"
#include "codegen/method_types.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::io::Printer;

// The enumerators of fdrpc::MethodKind.
constexpr ByKind<const char*> kMethodKinds = {
    .unary = "kUnary",
    .client_streaming = "kClientStreaming",
    .server_streaming = "kServerStreaming",
    .bidirectional = "kBidirectional",
    .one_way = "kUnary",
};

// Whether messages of the type may have descriptors where none can travel, and
// the runtime can search them.
bool MayHide(const google::protobuf::Descriptor& message) {
  return message.file()->options().optimize_for() !=
             google::protobuf::FileOptions::LITE_RUNTIME &&
         HasPackedMessages(message);
}

const char* BoolLiteral(bool value) { return value ? "true" : "false"; }

}  // namespace

ServiceGenerator::ServiceGenerator(
    const google::protobuf::ServiceDescriptor& service,
    DescriptorFields& descriptor_fields, std::string export_macro,
    const std::string& descriptor_files)
    : service_(service),
      names_(service),
      export_macro_(std::move(export_macro)),
      descriptor_fields_(descriptor_fields),
      stub_(service_, names_, descriptor_fields) {
  for (HandlerForm& form : HandlerForms()) {
    handlers_.emplace_back(service_, names_, descriptor_fields, std::move(form),
                           descriptor_files);
  }
}

void ServiceGenerator::PrintClass(Printer& printer) const {
  printer.Print("\n");
  PrintComment(printer, CommentOf(service_));
  printer.Print(
      "class $deprecated$$export$$service$ final {\n"
      " public:\n"
      "  $service$() = delete;\n"
      "\n",
      "deprecated", service_.options().deprecated() ? "[[deprecated]] " : "",
      "export", export_macro_.empty() ? "" : export_macro_ + " ", "service",
      names_.service);
  printer.Indent();
  stub_.PrintClass(printer);
  for (const HandlerGenerator& handlers : handlers_) {
    printer.Print("\n");
    handlers.PrintClass(printer);
  }
  printer.Outdent();
  if (service_.method_count() > 0) {
    printer.Print(
        "\n"
        " private:\n"
        "  struct Methods;\n");
  }
  printer.Print("};\n");
}

void ServiceGenerator::PrintBodies(Printer& printer) const {
  PrintMethodConstants(printer);
  stub_.PrintBodies(printer);
  for (const HandlerGenerator& handlers : handlers_) {
    handlers.PrintBodies(printer);
  }
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
        "$one_way$"
        "$request_any$"
        "$reply_any$"
        "  };\n",
        "constant", MethodConstant(method), "path", MethodPath(method), "kind",
        kMethodKinds.Of(method), "request",
        BoolLiteral(types.request_has_descriptors), "reply",
        BoolLiteral(types.reply_has_descriptors), "one_way",
        IsOneWay(method) ? "      .one_way = true,\n" : "", "request_any",
        MayHide(*method.input_type()) ? "      .request_has_any = true,\n" : "",
        "reply_any",
        MayHide(*method.output_type()) ? "      .reply_has_any = true,\n" : "");
  }
  printer.Print("};\n");
}

}  // namespace fdrpc::codegen
