#ifndef FDRPC_CODEGEN_HANDLER_GENERATOR_H_
#define FDRPC_CODEGEN_HANDLER_GENERATOR_H_

#include <string>
#include <utility>

#include "codegen/descriptor_fields.h"
#include "codegen/handler_form.h"
#include "codegen/service_names.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// Writes the base class for handlers of one form. Borrows its arguments, except
// the form. `descriptor_files`, if not empty, is the function that returns what
// reflection tells about the service.
class HandlerGenerator {
 public:
  HandlerGenerator(const google::protobuf::ServiceDescriptor& service,
                   const ServiceNames& names,
                   DescriptorFields& descriptor_fields, HandlerForm form,
                   std::string descriptor_files = "")
      : service_(service),
        names_(names),
        descriptor_fields_(descriptor_fields),
        form_(std::move(form)),
        descriptor_files_(std::move(descriptor_files)) {}

  // Prints the class, inside the service's own.
  void PrintClass(google::protobuf::io::Printer& printer) const;
  // Prints the bodies of its handlers, and its table of them.
  void PrintBodies(google::protobuf::io::Printer& printer) const;

 private:
  void PrintAliases(google::protobuf::io::Printer& printer) const;
  void PrintCheck(google::protobuf::io::Printer& printer) const;
  void PrintDeclaration(google::protobuf::io::Printer& printer,
                        int method_index) const;
  void PrintBody(google::protobuf::io::Printer& printer,
                 int method_index) const;
  void PrintTable(google::protobuf::io::Printer& printer) const;
  void PrintTableBody(google::protobuf::io::Printer& printer) const;

  const google::protobuf::ServiceDescriptor& service_;
  const ServiceNames& names_;
  DescriptorFields& descriptor_fields_;
  const HandlerForm form_;
  const std::string descriptor_files_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_HANDLER_GENERATOR_H_
