#ifndef FDRPC_CODEGEN_PARAMETER_H_
#define FDRPC_CODEGEN_PARAMETER_H_

#include <string>

namespace fdrpc::codegen {

// A parameter of a generated function.
struct Parameter {
  std::string type;
  std::string name;
  // Empty if there is none.
  std::string default_value = "";

  // In a declaration: "int x = 0".
  std::string Declared() const;
  // In a definition: "int x".
  std::string Defined() const;
  // In a definition that does not use it: "int /*x*/".
  std::string Unused() const;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_PARAMETER_H_
