#ifndef FDRPC_CODEGEN_NAME_SCOPE_H_
#define FDRPC_CODEGEN_NAME_SCOPE_H_

// How generated names stay free of collisions.
//
// A name that generated code derives from a .proto file gets a trailing
// underscore, and another one until it is free, where it would be
//
//   - a keyword of C++20, or a macro that system headers may define (major,
//     errno, OVERFLOW, ...: NameScope knows which);
//   - a name that the generated class or its base needs for itself
//     (service_names.cc and parcel_accessors.cc list them);
//   - a name that was given before in the same class. Methods get their names
//     in the order of the file, the accessors of a Parcel in the order of field
//     numbers: what is added later never renames what is there.
//
// Where two names stand in one namespace and protoc has given one of them
// (a message, an enum), there is nothing to choose: that is an error
// (name_collisions.cc).

#include <initializer_list>
#include <set>
#include <string>

#include "absl/strings/string_view.h"

namespace fdrpc::codegen {

// Whether `name` is a keyword of C++20.
bool IsKeyword(absl::string_view name);

// The names of one generated class.
class NameScope {
 public:
  // `reserved` are names that Claim() never returns, beside keywords and
  // macros.
  explicit NameScope(std::initializer_list<absl::string_view> reserved);

  // Returns `name` with as many trailing underscores as it takes to be free,
  // and takes it.
  std::string Claim(absl::string_view name);

 private:
  std::set<std::string, std::less<>> taken_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_NAME_SCOPE_H_
