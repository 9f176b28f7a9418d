#ifndef FDRPC_CODEGEN_CODE_GENERATOR_H_
#define FDRPC_CODEGEN_CODE_GENERATOR_H_

#include <string>
#include <vector>

#include "codegen/protobuf_version.h"
#include "google/protobuf/compiler/code_generator.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// The plugin that protoc calls. Writes x.fdrpc.h and x.fdrpc.cc for every
// x.proto, or reports what is wrong with any of them. With the parameter
// "mocks" it also writes x.mock.fdrpc.h. "dllexport_decl=MACRO", as for
// protoc's own C++, puts MACRO before the names of classes.
class CodeGenerator final : public EditionsPlugin {
 public:
  bool Generate(const google::protobuf::FileDescriptor* file,
                const std::string& parameter,
                google::protobuf::compiler::GeneratorContext* context,
                std::string* error) const override;

  // The inherited function puts the file's name before its error; here each
  // line of the error already has it.
  bool GenerateAll(
      const std::vector<const google::protobuf::FileDescriptor*>& files,
      const std::string& parameter,
      google::protobuf::compiler::GeneratorContext* context,
      std::string* error) const override;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_CODE_GENERATOR_H_
