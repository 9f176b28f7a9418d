#ifndef FDRPC_CODEGEN_PARCEL_ACCESSORS_H_
#define FDRPC_CODEGEN_PARCEL_ACCESSORS_H_

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace fdrpc::codegen {

// One member function of a Parcel, as C++ text.
struct ParcelAccessor {
  std::string result;
  std::string name;
  std::vector<std::string> parameters;
  bool is_const;
  // Statements, one on each line.
  std::string body;
};

// The accessors of a Parcel for one field of type fdrpc.Fd of its own, named by
// the rules of name_scope.h. For a field f:
//
//   singular  set_f(fd), has_f(), take_f(), f(), clear_f()
//   repeated  add_f(fd), f_size(), take_f(index), f(index)
//   map       set_f(key, fd), has_f(key), f_size(), take_f(key), f(key)
struct FieldAccessors {
  std::string comment;
  bool deprecated;
  std::vector<ParcelAccessor> functions;
};

// The accessors for every fdrpc.Fd field of `message`, in the order of field
// numbers. fdrpc.Fd itself has no such field, and gets the accessors of a
// singular field "fd".
std::vector<FieldAccessors> AccessorsOf(
    const google::protobuf::Descriptor& message);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_PARCEL_ACCESSORS_H_
