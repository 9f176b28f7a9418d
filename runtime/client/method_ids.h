#ifndef FDRPC_CLIENT_METHOD_IDS_H_
#define FDRPC_CLIENT_METHOD_IDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace fdrpc {

// The ids with which a connection has named methods to the server. Methods are
// known by their names: a method's constant disappears with its library, and
// another constant may get its address.
class MethodIds {
 public:
  // Whether the method has an id, or can get one.
  bool MayHave(std::string_view full_name) const;

  struct Id {
    uint32_t id;
    bool is_new;  // the server must be told
  };
  // Only if MayHave() is true.
  Id Of(std::string_view full_name);

 private:
  absl::flat_hash_map<std::string, uint32_t> ids_;
  // Of the last call: most calls have the same method.
  std::string last_name_;
  uint32_t last_id_ = 0;
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_METHOD_IDS_H_
