#ifndef FDRPC_INTERNAL_DESCRIPTOR_RULES_H_
#define FDRPC_INTERNAL_DESCRIPTOR_RULES_H_

#include <cstdint>

namespace fdrpc::internal {

// The rules for one descriptor of a field, from fdrpc.FdRules
// (fdrpc/options.proto), whose numbers these are. Generated code has them as
// constants.
struct DescriptorRules {
  // A set of values of an enum: bit n stands for the value n. 0: any value.
  using Set = uint32_t;
  enum class Demand : uint8_t { kNone, kNo, kYes };

  Set kinds = 0;
  uint8_t access = 0;  // 0: any but O_PATH
  Set seals = 0;       // all of them
  Demand nonblocking = Demand::kNone;
  // Of a socket.
  Set families = 0;
  Set types = 0;
  Demand listening = Demand::kNone;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_DESCRIPTOR_RULES_H_
