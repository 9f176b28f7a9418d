#ifndef FDRPC_SERVICES_PROGRAM_COPY_H_
#define FDRPC_SERVICES_PROGRAM_COPY_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/status/status.h"

namespace fdrpc::program {

// Copies everything that can be read from `from` to `to`. Blocks until it is
// done, even if the descriptors are non-blocking. Continues after a short
// write. An error says which of the two failed.
absl::Status Copy(int from, int to);

// Writes all of `bytes` in the same way. False after an error, which is in
// errno.
bool WriteAll(int to, std::string_view bytes);

// Reads in the same way until `size` bytes have come, or the end. Returns how
// many there are, or none after an error, which is in errno.
std::optional<size_t> ReadUpTo(int from, char* bytes, size_t size);

}  // namespace fdrpc::program

#endif  // FDRPC_SERVICES_PROGRAM_COPY_H_
