// protoc-gen-fdrpc, which protoc starts for --fdrpc_out.

#include "codegen/code_generator.h"
#include "google/protobuf/compiler/plugin.h"

int main(int argc, char* argv[]) {
  fdrpc::codegen::CodeGenerator generator;
  return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}
