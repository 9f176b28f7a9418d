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

// Writes the class of one service: its Stub, the base classes for servers, and
// the runtime's descriptions of its methods. Borrows its arguments.
// `export_macro`, if not empty, precedes the class's name. `descriptor_files`,
// if not empty, is the function that returns what reflection tells.
class ServiceGenerator {
 public:
  ServiceGenerator(const google::protobuf::ServiceDescriptor& service,
                   DescriptorFields& descriptor_fields,
                   std::string export_macro = "",
                   const std::string& descriptor_files = "");
  ServiceGenerator(const ServiceGenerator&) = delete;
  ServiceGenerator& operator=(const ServiceGenerator&) = delete;

  // Prints the class, in the package's namespace.
  void PrintClass(google::protobuf::io::Printer& printer) const;
  // Prints the bodies of its methods, and its constants.
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
