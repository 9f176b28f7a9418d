#ifndef FDRPC_TESTS_SUPPORT_BYTES_H_
#define FDRPC_TESTS_SUPPORT_BYTES_H_

#include <cstdint>
#include <initializer_list>
#include <string>

namespace fdrpc::testing {

// Bytes, written as in the documentation of a protocol.
inline std::string Bytes(std::initializer_list<uint8_t> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_BYTES_H_
