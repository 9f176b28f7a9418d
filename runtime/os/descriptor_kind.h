#ifndef FDRPC_OS_DESCRIPTOR_KIND_H_
#define FDRPC_OS_DESCRIPTOR_KIND_H_

#include <sys/stat.h>

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/descriptor_info.h"

namespace fdrpc {

// These functions ask the kernel alone, and do not wait for a peer: a file
// system of the peer's (FUSE) is not asked, nor anything read, written or
// locked. The exception is IsTerminal(), which asks the driver of a character
// device: if the driver is a process (CUSE), it can take its time. Only root
// can make such a device.

// The error for a system call that has failed, so that nobody knows whether a
// descriptor is in order: the fault is neither the peer's nor the caller's.
// RESOURCE_EXHAUSTED if descriptors or memory are lacking, otherwise
// FAILED_PRECONDITION.
absl::Status CannotFindOut(int error, std::string_view call);
absl::Status CannotFindOut(const absl::Status& failure);

// The type and the other data of a file. INVALID_ARGUMENT if its file system
// does not tell this process, CannotFindOut() if statx(2) is not permitted.
absl::StatusOr<struct statx> StatWithoutWaiting(int fd);

// The kind by the type of the file alone: a regular file may also be a memfd, a
// character device a terminal, and kOther is an anonymous inode.
DescriptorKind BasicKind(const struct statx& file);

// Whether a regular file is a memfd. One of huge pages that has F_SEAL_SEAL and
// no other seal, as without MFD_ALLOW_SEALING, is not recognised.
// CannotFindOut() if it cannot be compared with another memfd.
absl::StatusOr<bool> IsMemfd(int fd);

// Whether it is a terminal, if it is a character device. One that was hung up
// (vhangup(2)) is none any more.
bool IsTerminal(int fd);

// The kind of an anonymous inode. CannotFindOut() if /proc, where the kernel
// tells it, is not mounted or must not be read.
absl::StatusOr<DescriptorKind> AnonymousKind(int fd);

// Everything of it that can be found out, without the field. `fd` is open.
DescriptorInfo InfoOf(int fd);

}  // namespace fdrpc

#endif  // FDRPC_OS_DESCRIPTOR_KIND_H_
