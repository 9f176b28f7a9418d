#ifndef FDRPC_DESCRIPTOR_INFO_H_
#define FDRPC_DESCRIPTOR_INFO_H_

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

#include "fdrpc/internal/export.h"

namespace fdrpc {

// What a descriptor refers to, as far as the kernel tells. The numbers are
// those of fdrpc.FdRules.Kind (fdrpc/options.proto).
enum class DescriptorKind : uint8_t {
  kOther = 0,  // none of these, or the kernel does not tell
  kRegularFile = 1,
  kDirectory = 2,
  kPipe = 3,  // or a FIFO
  kSocket = 4,
  kMemfd = 5,
  kCharacterDevice = 6,
  kBlockDevice = 7,
  kTerminal = 8,
  // Known only where /proc is mounted; otherwise kOther.
  kEventfd = 9,
  kTimerfd = 10,
  kSignalfd = 11,
  kPidfd = 12,
  kEpoll = 13,
  kInotify = 14,
};

// The kind in words, with an article: "a regular file".
FDRPC_API std::string_view InWords(DescriptorKind kind);

// The access for which a descriptor was opened.
enum class DescriptorAccess : uint8_t {
  kNone,  // O_PATH, or for ioctl(2) alone
  kRead,
  kWrite,
  kReadWrite,
};

// In words: "reading and writing".
FDRPC_API std::string_view InWords(DescriptorAccess access);

// A descriptor of a parcel, for records of what passes by. Owns nothing.
struct DescriptorInfo {
  // Its place in the message, as error messages name it:
  // "a.B.files[2]"; "a.File.content (by_name["x"].content of a.B)".
  std::string field;
  // Its number, borrowed from the parcel; -1 if the field has no descriptor
  // (any more), and the following members say nothing then.
  int fd = -1;
  DescriptorKind kind = DescriptorKind::kOther;
  DescriptorAccess access = DescriptorAccess::kNone;
  bool nonblocking = false;
  // The file: st_dev, st_ino and st_size of stat(2); 0 if the file system does
  // not tell this process. The size is the last that the kernel knows: a file
  // system of a peer or of the network is not asked.
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
};

// "a.B.file: descriptor 7, a regular file for reading, inode 12, 4096 bytes"
FDRPC_API void PrintTo(const DescriptorInfo& info, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_DESCRIPTOR_INFO_H_
