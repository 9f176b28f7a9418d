#ifndef FDRPC_CODEGEN_SERVICE_GENERATOR_H_
#define FDRPC_CODEGEN_SERVICE_GENERATOR_H_

#include <string>
#include <vector>

#include "codegen/descriptor_fields.h"
#include "codegen/handler_generator.h"
#include "codegen/service_names.h"
#include "codegen/stub_generator.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// Writes the class of one service: its Stub, the classes that servers derive
// from, and what the runtime knows of its methods. Borrows all that it is
// given. `export_macro` stands before the class's name, if it is not empty.
class ServiceGenerator {
 public:
  ServiceGenerator(const google::protobuf::ServiceDescriptor& service,
                   DescriptorFields& descriptor_fields,
                   std::string export_macro = "");
  ServiceGenerator(const ServiceGenerator&) = delete;
  ServiceGenerator& operator=(const ServiceGenerator&) = delete;

  // The class, within the package's namespace.
  void PrintClass(google::protobuf::io::Printer& printer) const;
  // The bodies of its methods, and its constants.
  void PrintBodies(google::protobuf::io::Printer& printer) const;

 private:
  void PrintMethodConstants(google::protobuf::io::Printer& printer) const;

  const google::protobuf::ServiceDescriptor& service_;
  const ServiceNames names_;
  const std::string export_macro_;
  DescriptorFields& descriptor_fields_;
  const StubGenerator stub_;
  std::vector<HandlerGenerator> handlers_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_SERVICE_GENERATOR_H_
