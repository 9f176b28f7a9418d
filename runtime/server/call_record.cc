#include "server/call_record.h"

#include "absl/strings/str_cat.h"

namespace fdrpc {

std::string CallRecord::Text(uint32_t id, const PeerCredentials& peer) {
  return absl::StrCat(", call ", id, " of process ", peer.pid, ", user ",
                      peer.uid);
}

}  // namespace fdrpc
