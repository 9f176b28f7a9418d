#ifndef FDRPC_CODEGEN_PARCEL_GENERATOR_H_
#define FDRPC_CODEGEN_PARCEL_GENERATOR_H_

#include <string>
#include <utility>
#include <vector>

#include "codegen/descriptor_fields.h"
#include "codegen/parcel_accessors.h"
#include "fdrpc/options.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/printer.h"

namespace fdrpc::codegen {

// Writes the Parcel of one message type: typed accessors for its own fdrpc.Fd
// fields, and a function that visits every fdrpc.Fd in it. Borrows its
// arguments.
class ParcelGenerator {
 public:
  ParcelGenerator(const google::protobuf::Descriptor& message,
                  DescriptorFields& descriptor_fields,
                  std::string export_macro = "")
      : message_(message),
        export_macro_(std::move(export_macro)),
        descriptor_fields_(descriptor_fields),
        fields_(AccessorsOf(message)) {}

  // Prints the class, in namespace fdrpc.
  void PrintClass(google::protobuf::io::Printer& printer) const;
  // Prints the bodies of its methods.
  void PrintBodies(google::protobuf::io::Printer& printer) const;

 private:
  void PrintAccessorBody(google::protobuf::io::Printer& printer,
                         const ParcelAccessor& accessor) const;
  void PrintVisit(google::protobuf::io::Printer& printer) const;
  void PrintFieldVisit(google::protobuf::io::Printer& printer,
                       const google::protobuf::FieldDescriptor& field) const;
  // `element` is the fdrpc.Fd, and `key` what identifies it, if anything.
  void PrintSlotVisit(google::protobuf::io::Printer& printer,
                      const FdRules& rules, const std::string& name,
                      const std::string& element, const std::string& key) const;

  const google::protobuf::Descriptor& message_;
  const std::string export_macro_;
  DescriptorFields& descriptor_fields_;
  const std::vector<FieldAccessors> fields_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_PARCEL_GENERATOR_H_
