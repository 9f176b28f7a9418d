#ifndef FDRPC_OS_TRACE_H_
#define FDRPC_OS_TRACE_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace fdrpc {

// What the environment variable FDRPC_TRACE asks for: lines about what the
// runtime does (docs/guide/tracing.md).
//
//   if (Trace::Writes(Trace::kCalls)) Trace::Line(...);
//
// The variable is read when the first of these asks. From then on, and while
// nothing is to be written, a question costs one load and a comparison. Any
// thread; Line() may block in write(2).
class Trace {
 public:
  // Kinds of events, as bits.
  static constexpr uint32_t kStatuses = 1;  // calls that end with an error
  static constexpr uint32_t kCalls = 2;
  static constexpr uint32_t kConnections = 4;
  static constexpr uint32_t kFrames = 8;

  // Whether events of one of these kinds are written.
  static bool Writes(uint32_t kinds) {
    return (kinds_.load(std::memory_order_relaxed) & kinds) != 0 &&
           ((kinds_.load(std::memory_order_relaxed) & kUnread) == 0 ||
            ReadAndWrites(kinds));
  }
  // Writes a line: the time, the process and thread, and `text`, in which
  // control characters are escaped. What cannot be written is lost.
  static void Line(std::string_view text);

  // The value of the variable, parsed. INVALID_ARGUMENT says what is wrong with
  // it.
  struct Settings {
    uint32_t kinds = 0;
    std::string file;  // empty: standard error
  };
  static absl::StatusOr<Settings> Parse(std::string_view value);

 private:
  static constexpr uint32_t kUnread = 1u << 31;

  // Reads the variable if no other thread has.
  static bool ReadAndWrites(uint32_t kinds);

  static inline std::atomic<uint32_t> kinds_{~uint32_t{0}};
};

}  // namespace fdrpc

#endif  // FDRPC_OS_TRACE_H_
