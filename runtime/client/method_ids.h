#ifndef FDRPC_CLIENT_METHOD_IDS_H_
#define FDRPC_CLIENT_METHOD_IDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace fdrpc {

// The ids under which a connection has told the server the names of methods.
// Knows methods by their names: the constant of one goes with the library that
// has it, and another may come to its address.
class MethodIds {
 public:
  // Whether the method has an id, or can get one.
  bool MayHave(std::string_view full_name) const;

  struct Id {
    uint32_t id;
    bool is_new;  // the server is to be told
  };
  // Only if it may have one.
  Id Of(std::string_view full_name);

 private:
  absl::flat_hash_map<std::string, uint32_t> ids_;
  // Of the last call, whose method most calls have.
  std::string last_name_;
  uint32_t last_id_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_METHOD_IDS_H_
