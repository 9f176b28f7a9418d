#ifndef FDRPC_WIRE_BYTE_READER_H_
#define FDRPC_WIRE_BYTE_READER_H_

#include <concepts>
#include <string_view>

#include "wire/little_endian.h"

namespace fdrpc {

// Reads fields from the front of bytes that a peer sent. A read past the end
// fails, consumes nothing, and makes every later read fail. Borrows the bytes.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : left_(bytes) {}

  template <std::unsigned_integral Integer>
  bool Read(Integer& value) {
    std::string_view bytes;
    if (!Read(sizeof(Integer), bytes)) return false;
    value = LoadLittleEndian<Integer>(bytes.data());
    return true;
  }
  // `bytes` borrows from the reader's bytes.
  bool Read(size_t size, std::string_view& bytes) {
    if (failed_ || size > left_.size()) {
      failed_ = true;
      return false;
    }
    bytes = left_.substr(0, size);
    left_.remove_prefix(size);
    return true;
  }

  std::string_view rest() const { return left_; }
  bool done() const { return !failed_ && left_.empty(); }

 private:
  std::string_view left_;
  bool failed_ = false;
};

}  // namespace fdrpc

#endif  // FDRPC_WIRE_BYTE_READER_H_
