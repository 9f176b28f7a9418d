#ifndef FDRPC_CODEGEN_STUB_GENERATOR_H_
#define FDRPC_CODEGEN_STUB_GENERATOR_H_

#include "codegen/descriptor_fields.h"
#include "codegen/service_names.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// Writes the class that clients call a service through. Borrows all that it is
// given.
class StubGenerator {
 public:
  StubGenerator(const google::protobuf::ServiceDescriptor& service,
                const ServiceNames& names, DescriptorFields& descriptor_fields)
      : service_(service),
        names_(names),
        descriptor_fields_(descriptor_fields) {}

  // The class, as it stands within the service's own.
  void PrintClass(google::protobuf::io::Printer& printer) const;
  // The bodies of its methods.
  void PrintBodies(google::protobuf::io::Printer& printer) const;

 private:
  void PrintDeclaration(google::protobuf::io::Printer& printer,
                        int method_index) const;
  void PrintBody(google::protobuf::io::Printer& printer,
                 int method_index) const;

  const google::protobuf::ServiceDescriptor& service_;
  const ServiceNames& names_;
  DescriptorFields& descriptor_fields_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_STUB_GENERATOR_H_
