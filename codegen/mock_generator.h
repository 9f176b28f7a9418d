#ifndef FDRPC_CODEGEN_MOCK_GENERATOR_H_
#define FDRPC_CODEGEN_MOCK_GENERATOR_H_

#include "codegen/descriptor_fields.h"
#include "codegen/handler_form.h"
#include "codegen/service_names.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// Writes the GoogleMock class of one service, which derives from its class of
// blocking handlers. Borrows its arguments.
class MockGenerator {
 public:
  MockGenerator(const google::protobuf::ServiceDescriptor& service,
                DescriptorFields& descriptor_fields);

  // The class, within the package's namespace.
  void PrintClass(google::protobuf::io::Printer& printer) const;

 private:
  // Prints the action of a method for which a test expects nothing: it calls
  // the base class.
  void PrintDefault(google::protobuf::io::Printer& printer,
                    int method_index) const;
  void PrintMock(google::protobuf::io::Printer& printer,
                 int method_index) const;

  const google::protobuf::ServiceDescriptor& service_;
  const ServiceNames names_;
  DescriptorFields& descriptor_fields_;
  const HandlerForm form_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_MOCK_GENERATOR_H_
