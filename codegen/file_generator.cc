#include "codegen/file_generator.h"

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "codegen/carried_service.h"
#include "codegen/cc_names.h"
#include "codegen/descriptor_fields.h"
#include "codegen/embedded_files.h"
#include "codegen/includes.h"
#include "codegen/mock_generator.h"
#include "codegen/name_collisions.h"
#include "codegen/parcel_generator.h"
#include "codegen/problems.h"
#include "codegen/protobuf_version.h"
#include "codegen/service_generator.h"
#include "codegen/service_names.h"
#include "codegen/validation.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/io/printer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::io::Printer;

std::string Printed(const std::function<void(Printer&)>& print) {
  std::string text;
  google::protobuf::io::StringOutputStream stream(&text);
  {
    Printer printer(&stream, '$');  // complete after its destruction
    print(printer);
  }
  return text;
}

void PrintIncludes(Printer& printer, const IncludeList& includes) {
  if (!includes.system.empty()) printer.Print("\n");
  for (const std::string& name : includes.system) {
    printer.Print("#include <$name$>\n", "name", name);
  }
  if (!includes.quoted.empty()) printer.Print("\n");
  for (const std::string& path : includes.quoted) {
    printer.Print("#include \"$path$\"\n", "path", path);
  }
}

// Generates the header and the source of one file, with the same parts in the
// same order.
class FileGenerator {
 public:
  FileGenerator(const FileDescriptor& file, DescriptorFields& descriptor_fields,
                const GenerationOptions& options = {})
      : file_(file),
        descriptor_fields_(descriptor_fields),
        embeds_files_(options.reflection && file.service_count() > 0) {
    for (const Descriptor* message : descriptor_fields.ParcelMessages(file)) {
      parcels_.emplace_back(*message, descriptor_fields, options.export_macro);
    }
    for (int i = 0; i < file.service_count(); ++i) {
      services_.push_back(std::make_unique<ServiceGenerator>(
          *file.service(i), descriptor_fields, options.export_macro,
          embeds_files_ ? EmbeddedFilesFunction(file) : ""));
    }
  }

  void PrintHeader(Printer& printer) const {
    PrintOrigin(printer);
    printer.Print(
        "\n"
        "#ifndef $guard$\n"
        "#define $guard$\n",
        "guard", IncludeGuard(file_));
    PrintIncludes(printer, HeaderIncludes(file_, descriptor_fields_));
    PrintCarriedServices(printer);
    if (!parcels_.empty()) {
      printer.Print("\nnamespace fdrpc {\n");
      for (const ParcelGenerator& parcel : parcels_) parcel.PrintClass(printer);
      printer.Print("\n}  // namespace fdrpc\n");
    }
    if (!services_.empty()) {
      OpenNamespace(printer);
      for (const auto& service : services_) service->PrintClass(printer);
      CloseNamespace(printer);
    }
    printer.Print("\n#endif  // $guard$\n", "guard", IncludeGuard(file_));
  }

  void PrintMockHeader(Printer& printer) const {
    PrintOrigin(printer);
    const std::string guard = MockIncludeGuard(file_);
    printer.Print(
        "\n"
        "#ifndef $guard$\n"
        "#define $guard$\n",
        "guard", guard);
    PrintIncludes(printer, MockIncludes(file_));
    if (!services_.empty()) {
      if (HasDeprecatedService()) {
        printer.Print(
            "\n"
            "#pragma GCC diagnostic push\n"
            "#pragma GCC diagnostic ignored \"-Wdeprecated-declarations\"\n");
      }
      OpenNamespace(printer);
      for (int i = 0; i < file_.service_count(); ++i) {
        MockGenerator(*file_.service(i), descriptor_fields_)
            .PrintClass(printer);
      }
      CloseNamespace(printer);
      if (HasDeprecatedService()) {
        printer.Print("\n#pragma GCC diagnostic pop\n");
      }
    }
    printer.Print("\n#endif  // $guard$\n", "guard", guard);
  }

  void PrintSource(Printer& printer) const {
    PrintOrigin(printer);
    printer.Print("\n#include \"$header$\"\n", "header", HeaderPath(file_));
    PrintIncludes(printer, SourceIncludes(file_, descriptor_fields_));
    if (UsesDeprecated()) {
      printer.Print(
          "\n"
          "// Implements what is deprecated in the .proto file.\n"
          "#pragma GCC diagnostic ignored \"-Wdeprecated-declarations\"\n");
    }
    if (!parcels_.empty()) {
      printer.Print("\nnamespace fdrpc {\n");
      for (const ParcelGenerator& parcel : parcels_) {
        parcel.PrintBodies(printer);
      }
      printer.Print("\n}  // namespace fdrpc\n");
    }
    if (embeds_files_) PrintEmbeddedFiles(printer, file_);
    if (!services_.empty()) {
      OpenNamespace(printer);
      for (const auto& service : services_) service->PrintBodies(printer);
      CloseNamespace(printer);
    }
  }

 private:
  void PrintOrigin(Printer& printer) const {
    printer.Print(
        "// Generated by protoc-gen-fdrpc from $file$. Do not edit.\n", "file",
        std::string(file_.name()));
  }

  // Declares the services of this file that its messages carry: the parcels
  // name them.
  void PrintCarriedServices(Printer& printer) const {
    std::set<std::string> names;
    for (const Descriptor* message : descriptor_fields_.ParcelMessages(file_)) {
      for (const auto* service : CarriedServices(*message)) {
        if (service->file() == &file_) {
          names.insert(ServiceNames(*service).service);
        }
      }
    }
    if (names.empty()) return;
    OpenNamespace(printer);
    printer.Print("\n");
    for (const std::string& name : names) {
      printer.Print("class $name$;\n", "name", name);
    }
    CloseNamespace(printer);
  }

  void OpenNamespace(Printer& printer) const {
    if (Namespace(file_).empty()) return;
    printer.Print("\nnamespace $namespace$ {\n", "namespace", Namespace(file_));
  }

  void CloseNamespace(Printer& printer) const {
    if (Namespace(file_).empty()) return;
    printer.Print("\n}  // namespace $namespace$\n", "namespace",
                  Namespace(file_));
  }

  bool HasDeprecatedService() const {
    for (int i = 0; i < file_.service_count(); ++i) {
      if (file_.service(i)->options().deprecated()) return true;
    }
    return false;
  }

  // Whether the source uses something that the headers mark as deprecated.
  bool UsesDeprecated() const {
    if (HasDeprecatedService()) return true;
    for (const Descriptor* message : descriptor_fields_.ParcelMessages(file_)) {
      for (int i = 0; i < message->field_count(); ++i) {
        const FieldDescriptor& field = *message->field(i);
        const Descriptor* type = ValueMessage(field);
        if (field.options().deprecated() && type != nullptr &&
            descriptor_fields_.HasAny(*type)) {
          return true;
        }
      }
    }
    return false;
  }

  const FileDescriptor& file_;
  DescriptorFields& descriptor_fields_;
  const bool embeds_files_;
  std::vector<ParcelGenerator> parcels_;
  std::vector<std::unique_ptr<ServiceGenerator>> services_;
};

}  // namespace

absl::StatusOr<GeneratedFile> GenerateFile(const FileDescriptor& file,
                                           const GenerationOptions& options) {
  DescriptorFields descriptor_fields;
  if (absl::Status status = Validate(file, descriptor_fields); !status.ok()) {
    return status;
  }
  const FileGenerator generator(file, descriptor_fields, options);
  return GeneratedFile{
      .header = Printed([&](Printer& p) { generator.PrintHeader(p); }),
      .source = Printed([&](Printer& p) { generator.PrintSource(p); })};
}

absl::StatusOr<std::string> GenerateMockHeader(const FileDescriptor& file) {
  Problems problems(file);
  CheckMockNameCollisions(file, problems);
  if (absl::Status status = problems.ToStatus(); !status.ok()) return status;
  DescriptorFields descriptor_fields;
  const FileGenerator generator(file, descriptor_fields);
  return Printed([&](Printer& p) { generator.PrintMockHeader(p); });
}

}  // namespace fdrpc::codegen
