#ifndef FDRPC_WIRE_LITTLE_ENDIAN_H_
#define FDRPC_WIRE_LITTLE_ENDIAN_H_

#include <concepts>
#include <cstddef>
#include <string>

namespace fdrpc {

// Integers byte by byte, the lowest first, at any alignment. Compilers turn
// each function into one load or store.
template <std::unsigned_integral Integer>
void StoreLittleEndian(char* to, Integer value) {
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    to[i] = static_cast<char>(static_cast<unsigned char>(value >> (8 * i)));
  }
}

template <std::unsigned_integral Integer>
Integer LoadLittleEndian(const char* from) {
  Integer value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    value = static_cast<Integer>(
        value | static_cast<Integer>(
                    static_cast<Integer>(static_cast<unsigned char>(from[i]))
                    << (8 * i)));
  }
  return value;
}

template <std::unsigned_integral Integer>
void AppendLittleEndian(std::string& to, Integer value) {
  char bytes[sizeof(Integer)];
  StoreLittleEndian(bytes, value);
  to.append(bytes, sizeof(Integer));
}

}  // namespace fdrpc

#endif  // FDRPC_WIRE_LITTLE_ENDIAN_H_
