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
  // Of a template, which is defined in its class; empty for other functions.
  std::string template_parameters = "";
};

// The accessors of a Parcel for one field of type fdrpc.Fd of its own, named by
// the rules of name_scope.h. For a field f:
//
//   singular  set_f(fd), has_f(), take_f(), f(), clear_f()
//   repeated  add_f(fd), f_size(), take_f(index), f(index), clear_f()
//   map       set_f(key, fd), has_f(key), f_size(), take_f(key), f(key),
//             clear_f()
//
// The accessors of a field that carries a service also speak of that:
//
//   singular  serve_f(server, service), take_f(options), take_f_socket()
//   repeated  serve_f(server, service), which adds one, take_f(index, options),
//             take_f_socket(index)
//   map       serve_f(key, server, service), take_f(key, options),
//             take_f_socket(key)
struct FieldAccessors {
  std::string comment;
  std::string rules;  // in words; empty if the field has none
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
