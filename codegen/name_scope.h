#ifndef FDRPC_CODEGEN_NAME_SCOPE_H_
#define FDRPC_CODEGEN_NAME_SCOPE_H_

// Rules that keep generated names free of collisions.
//
// A name that generated code derives from a .proto file gets a trailing
// underscore, and more until it is free, if it is
//
// - a keyword of C++20, or a macro that system headers may define (major,
//   errno, OVERFLOW, ...: NameScope knows which);
// - a name that the generated class or its base uses itself (service_names.cc
//   and parcel_accessors.cc list them);
// - a name that the same class already has.
//
// Methods get their names in the order of the file, the accessors of a Parcel
// in the order of field numbers. So a later addition never renames an existing
// one.
//
// If two names are in one namespace, and protoc has given one of them (a
// message, an enum), the generator cannot choose another: that is an error
// (name_collisions.cc).

#include <initializer_list>
#include <set>
#include <string>

#include "absl/strings/string_view.h"

namespace fdrpc::codegen {

// Whether `name` is a keyword of C++20.
bool IsKeyword(absl::string_view name);

// The names of one generated class, which are in use or reserved.
class NameScope {
 public:
  // Claim() never returns a name in `reserved`, a keyword or a macro.
  explicit NameScope(std::initializer_list<absl::string_view> reserved);

  // Reserves and returns `name`, with as many trailing underscores as are
  // needed to make it free.
  std::string Claim(absl::string_view name);

 private:
  std::set<std::string, std::less<>> taken_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_NAME_SCOPE_H_
