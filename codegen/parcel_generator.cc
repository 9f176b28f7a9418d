#include "codegen/parcel_generator.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "codegen/cc_names.h"
#include "codegen/code_layout.h"
#include "codegen/comments.h"
#include "codegen/fd_rules.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::Printer;

void PrintLines(Printer& printer, absl::string_view text) {
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    printer.Print("$line$\n", "line", std::string(line));
  }
}

void PrintDeclarations(Printer& printer, const FieldAccessors& field) {
  PrintComment(printer, field.comment);
  if (!field.rules.empty()) PrintProse(printer, kMemberIndent, field.rules);
  for (const ParcelAccessor& accessor : field.functions) {
    const bool defined = !accessor.template_parameters.empty();
    if (defined) {
      PrintLine(printer, kMemberIndent,
                absl::StrCat("template <", accessor.template_parameters, ">"));
    }
    PrintFunctionHead(printer, kMemberIndent,
                      {.result = (field.deprecated ? "[[deprecated]] " : "") +
                                 accessor.result,
                       .name = accessor.name,
                       .parameters = accessor.parameters,
                       .tail = defined             ? " {"
                               : accessor.is_const ? " const;"
                                                   : ";"});
    if (!defined) continue;
    printer.Indent();
    PrintLines(printer, accessor.body);
    printer.Outdent();
    printer.Print("}\n");
  }
}

}  // namespace

void ParcelGenerator::PrintClass(Printer& printer) const {
  const std::string message = MessageType(message_);
  printer.Print("\n");
  PrintProse(printer, 0,
             absl::StrCat(std::string(message_.full_name()),
                          " with its descriptors."));
  printer.Print(
      "template <>\n"
      "class $export$Parcel<$message$> final\n"
      "    : public ::fdrpc::ParcelOf<$message$> {\n"
      " public:\n"
      "  Parcel() = default;\n"
      "  explicit Parcel($message$ message)\n"
      "      : ParcelOf(::std::move(message)) {}\n",
      "export", export_macro_.empty() ? "" : export_macro_ + " ", "message",
      message);
  printer.Indent();
  for (const FieldAccessors& field : fields_) {
    printer.Print("\n");
    PrintDeclarations(printer, field);
  }
  printer.Outdent();
  printer.Print(
      "\n"
      "  // Visits every fdrpc.Fd that is present in `message`, at any depth.\n"
      "  static void VisitSlots($message$& message,\n"
      "                         ::fdrpc::internal::SlotVisitor& visitor);\n"
      "\n"
      " private:\n"
      "  void VisitSlots(::fdrpc::internal::SlotVisitor& visitor) override {\n"
      "    VisitSlots(message(), visitor);\n"
      "  }\n"
      "};\n",
      "message", message);
}

void ParcelGenerator::PrintBodies(Printer& printer) const {
  for (const FieldAccessors& field : fields_) {
    for (const ParcelAccessor& accessor : field.functions) {
      if (accessor.template_parameters.empty()) {
        PrintAccessorBody(printer, accessor);
      }
    }
  }
  PrintVisit(printer);
}

void ParcelGenerator::PrintAccessorBody(Printer& printer,
                                        const ParcelAccessor& accessor) const {
  printer.Print("\n");
  PrintFunctionHead(printer, 0,
                    {.result = accessor.result,
                     .name = absl::StrCat("Parcel<", MessageType(message_),
                                          ">::", accessor.name),
                     .parameters = accessor.parameters,
                     .tail = accessor.is_const ? " const {" : " {"});
  printer.Indent();
  PrintLines(printer, accessor.body);
  printer.Outdent();
  printer.Print("}\n");
}

void ParcelGenerator::PrintVisit(Printer& printer) const {
  printer.Print("\n");
  PrintFunctionHead(
      printer, 0,
      {.result = "void",
       .name = absl::StrCat("Parcel<", MessageType(message_), ">::VisitSlots"),
       .parameters = {MessageType(message_) + "& message",
                      "::fdrpc::internal::SlotVisitor& visitor"},
       .tail = " {"});
  printer.Indent();
  if (IsFd(message_)) {
    printer.Print("visitor.Visit(\"$full_name$\", message);\n", "full_name",
                  std::string(message_.full_name()));
  }
  for (int i = 0; i < message_.field_count(); ++i) {
    PrintFieldVisit(printer, *message_.field(i));
  }
  printer.Outdent();
  printer.Print("}\n");
}

void ParcelGenerator::PrintFieldVisit(Printer& printer,
                                      const FieldDescriptor& field) const {
  const Descriptor* type = ValueMessage(field);
  if (type == nullptr || !descriptor_fields_.HasAny(*type)) return;

  const FdRules rules = FdRulesOf(field);
  const std::string stem = FieldStem(field);
  const std::string name =
      absl::StrCat("\"", std::string(field.full_name()), "\"");
  std::string element;
  // What identifies the element.
  std::string key;
  if (rules.has_max_count()) {
    PrintCall(
        printer, 4, "visitor.VisitCount",
        {name,
         absl::StrCat("static_cast<::std::size_t>(message.", stem, "_size())"),
         absl::StrCat(rules.max_count())},
        ";");
  }
  if (field.is_map()) {
    printer.Print("for (auto& entry : *message.mutable_$stem$()) {\n", "stem",
                  stem);
    element = "entry.second";
    key = "entry.first";
  } else if (field.is_repeated()) {
    printer.Print("for (int i = 0; i < message.$stem$_size(); ++i) {\n", "stem",
                  stem);
    element = "*message.mutable_" + stem + "(i)";
    key = "i";
  } else {
    printer.Print("if (message.has_$stem$()) {\n", "stem", stem);
    element = "*message.mutable_" + stem + "()";
  }
  printer.Indent();
  if (IsFd(*type)) {
    PrintSlotVisit(printer, rules, name, element, key);
  } else {
    std::vector<std::string> arguments = {"visitor", name};
    if (!key.empty()) arguments.push_back(key);
    PrintCall(printer, 4,
              "const ::fdrpc::internal::SlotVisitor::FieldScope scope",
              arguments, ";");
    PrintCall(printer, 4, absl::StrCat(ParcelType(*type), "::VisitSlots"),
              {element, "visitor"}, ";");
  }
  printer.Outdent();
  if (rules.required()) {
    printer.Print("} else {\n");
    printer.Indent();
    PrintCall(printer, 4, "visitor.VisitMissing", {name}, ";");
    printer.Outdent();
  }
  printer.Print("}\n");
}

void ParcelGenerator::PrintSlotVisit(Printer& printer, const FdRules& rules,
                                     const std::string& name,
                                     const std::string& element,
                                     const std::string& key) const {
  const std::vector<std::string> table = RulesTable(rules);
  std::vector<std::string> arguments = {name};
  if (!table.empty()) {
    printer.Print(
        "static constexpr ::fdrpc::internal::DescriptorRules kRules = {\n");
    for (const std::string& member : table) {
      printer.Print("    $member$,\n", "member", member);
    }
    printer.Print("};\n");
    arguments.push_back("kRules");
  }
  arguments.push_back(element);
  if (!key.empty()) arguments.push_back(key);
  PrintCall(printer, 4, table.empty() ? "visitor.Visit" : "visitor.VisitRuled",
            arguments, ";");
}

}  // namespace fdrpc::codegen
