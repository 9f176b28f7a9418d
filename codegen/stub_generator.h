#ifndef FDRPC_CODEGEN_STUB_GENERATOR_H_
#define FDRPC_CODEGEN_STUB_GENERATOR_H_

#include "codegen/descriptor_fields.h"
#include "codegen/service_names.h"
#include "codegen/stub_form.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// Writes the classes through which clients call a service: Stub, and within it
// those of the other forms. Borrows its arguments.
class StubGenerator {
 public:
  StubGenerator(const google::protobuf::ServiceDescriptor& service,
                const ServiceNames& names, DescriptorFields& descriptor_fields)
      : service_(service),
        names_(names),
        descriptor_fields_(descriptor_fields) {}

  // Prints the class, inside the service's own.
  void PrintClass(google::protobuf::io::Printer& printer) const;
  // Prints the bodies of all methods.
  void PrintBodies(google::protobuf::io::Printer& printer) const;

 private:
  void PrintClassBegin(google::protobuf::io::Printer& printer,
                       const StubForm& form, int member_indent) const;
  void PrintInnerClass(google::protobuf::io::Printer& printer,
                       const StubForm& form) const;
  void PrintDeclaration(google::protobuf::io::Printer& printer,
                        const StubForm& form, int method_index,
                        int indent) const;
  void PrintBody(google::protobuf::io::Printer& printer, const StubForm& form,
                 int method_index) const;

  const google::protobuf::ServiceDescriptor& service_;
  const ServiceNames& names_;
  DescriptorFields& descriptor_fields_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_STUB_GENERATOR_H_
