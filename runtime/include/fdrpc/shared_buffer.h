#ifndef FDRPC_SHARED_BUFFER_H_
#define FDRPC_SHARED_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/shared_fd.h"
#include "fdrpc/unique_fd.h"

namespace fdrpc {

// What a receiver accepts as a SharedBuffer.
struct SharedBufferLimits {
  // The largest buffer that is mapped. A mapping costs address space, and 1/512
  // of its size in page tables once it is read; the pages themselves are paid
  // for by their maker.
  size_t max_bytes = size_t{4} << 30;
  // Whether the maker may continue to write (SealForOthers()). Then the content
  // can change at any time, so it needs atomics or a protocol of its own, and
  // nothing that was checked stays checked: copy first.
  bool may_change = false;
};

// Bulk memory that is passed to another process without a copy: a memory file
// (memfd_create(2)) and its mapping. The cost of passing it does not depend on
// its size. It travels as a field of type fdrpc.Fd:
//
//   absl::StatusOr<SharedBuffer> frame = SharedBuffer::Create(bytes);
//   ... write to frame->writable() ...
//   absl::StatusOr<SharedFd> sealed = frame->Seal();
//   reply.set_frame(*sealed);
//
//   absl::StatusOr<SharedBuffer> frame =
//       SharedBuffer::FromFd(reply->take_frame());
//   ... read frame->data() ...
//
// Its maker writes until it seals the buffer. The size never changes. All pages
// are allocated at the beginning, and no process can remove them, so nobody
// gets SIGBUS by access to the memory (except for hardware errors, and pages
// that cannot be read back from a failing swap device).
//
// Owns the mapping, and shares the descriptor with copies of its SharedFd. A
// moved-from buffer is empty. Threads: like a container; see also `may_change`.
class FDRPC_API SharedBuffer {
 public:
  // Zeroed memory, which is writable for this process alone, and counts for its
  // control group. INVALID_ARGUMENT for a size of 0. RESOURCE_EXHAUSTED if
  // memory or descriptors are short. Does not return before all pages are
  // allocated, which takes some tenths of a millisecond for each MiB.
  static absl::StatusOr<SharedBuffer> Create(size_t bytes);

  // Maps, for reading only, memory that another process has sent. `fd` may be
  // anything: INVALID_ARGUMENT, with the reason, if it is not a memory file, if
  // its size or content could change (unless the limits allow the latter), if
  // it is empty, larger than the limit, or has holes, which this process would
  // have to fill. Does not block. Takes ownership of `fd`, also in case of an
  // error.
  static absl::StatusOr<SharedBuffer> FromFd(
      UniqueFd fd, const SharedBufferLimits& limits = {});

  // A sealed buffer that holds a serialised Protocol Buffers message, and what
  // a received one holds. A message without any bytes is possible, too.
  // INVALID_ARGUMENT if it exceeds 2 GiB, or is malformed.
  template <typename Message>
  static absl::StatusOr<SharedBuffer> OfMessage(const Message& message);
  template <typename Message>
  static absl::StatusOr<Message> MessageFromFd(
      UniqueFd fd, const SharedBufferLimits& limits = {});

  SharedBuffer(SharedBuffer&& other) noexcept;
  SharedBuffer& operator=(SharedBuffer&& other) noexcept;
  ~SharedBuffer();

  size_t size() const { return size_; }
  absl::Span<const std::byte> data() const { return {memory_, size_}; }
  // Empty once this process may not write any more.
  absl::Span<std::byte> writable() const {
    return {memory_, writable_ ? size_ : 0};
  }

  // The same memory as an array of T, for example of a struct whose layout both
  // programs know. INVALID_ARGUMENT if its size is no multiple of T's.
  template <typename T>
  absl::StatusOr<absl::Span<const T>> As() const;
  // FAILED_PRECONDITION if it is not writable.
  template <typename T>
  absl::StatusOr<absl::Span<T>> WritableAs() const;

  // Makes the content constant for all processes, including this one, and
  // returns the descriptor to send, to any number of receivers. Addresses in
  // data() stay valid; writing to them is a fault from here on. For a buffer
  // that is sealed already, only returns the descriptor.
  //
  // The kernel refuses that while something else could still write: a child
  // made by fork(2) has inherited the mapping, or I/O into the memory is in
  // progress. Then this is FAILED_PRECONDITION, and the buffer is writable as
  // before; try again later.
  absl::StatusOr<SharedFd> Seal();

  // Lets only this process write from here on, and returns the descriptor to
  // send. Receivers need `may_change`. Seal() may follow.
  absl::StatusOr<SharedFd> SealForOthers();

  // The descriptor of a buffer that has been sealed, or received; empty before.
  // To pass a received buffer on.
  const SharedFd& fd() const { return sealed_fd_; }
  // Whether another process may still write to it: it was received with
  // `may_change`, and its maker had not sealed its content then.
  bool may_change() const { return may_change_; }

 private:
  SharedBuffer() = default;

  // Those that may be empty.
  static absl::StatusOr<SharedBuffer> Allocate(size_t bytes);
  static absl::StatusOr<SharedBuffer> Map(UniqueFd fd,
                                          const SharedBufferLimits& limits);
  absl::Status AddSeals(int seals);
  void Unmap();
  absl::Status CheckItems(size_t bytes) const;
  static absl::Status CheckMessageBytes(size_t bytes);
  static absl::Status Malformed();

  std::byte* memory_ = nullptr;
  size_t size_ = 0;
  bool writable_ = false;
  bool may_change_ = false;
  SharedFd fd_;
  SharedFd sealed_fd_;  // the same, once it may be sent
};

FDRPC_API void PrintTo(const SharedBuffer& buffer, std::ostream* to);

template <typename T>
absl::StatusOr<absl::Span<const T>> SharedBuffer::As() const {
  static_assert(std::is_trivially_copyable_v<T>,
                "another process can only read what is trivially copyable");
  static_assert(!std::is_pointer_v<T>,
                "addresses mean nothing in another process");
  static_assert(alignof(T) <= 4096, "memory is aligned to pages of 4 KiB");
  absl::Status whole = CheckItems(sizeof(T));
  if (!whole.ok()) return whole;
  return absl::Span<const T>(reinterpret_cast<const T*>(memory_),
                             size_ / sizeof(T));
}

template <typename T>
absl::StatusOr<absl::Span<T>> SharedBuffer::WritableAs() const {
  if (!writable_) {
    return absl::FailedPreconditionError(
        "the shared buffer is not writable: it was sealed, or received");
  }
  absl::StatusOr<absl::Span<const T>> items = As<T>();
  if (!items.ok()) return items.status();
  return absl::Span<T>(const_cast<T*>(items->data()), items->size());
}

template <typename Message>
absl::StatusOr<SharedBuffer> SharedBuffer::OfMessage(const Message& message) {
  const size_t bytes = message.ByteSizeLong();
  absl::Status fits = CheckMessageBytes(bytes);
  if (!fits.ok()) return fits;
  absl::StatusOr<SharedBuffer> buffer = Allocate(bytes);
  if (!buffer.ok()) return buffer;
  message.SerializeWithCachedSizesToArray(
      reinterpret_cast<uint8_t*>(buffer->memory_));
  absl::StatusOr<SharedFd> sealed = buffer->Seal();
  if (!sealed.ok()) return sealed.status();
  return buffer;
}

template <typename Message>
absl::StatusOr<Message> SharedBuffer::MessageFromFd(
    UniqueFd fd, const SharedBufferLimits& limits) {
  SharedBufferLimits constant = limits;
  constant.may_change = false;  // a parser reads some bytes twice
  absl::StatusOr<SharedBuffer> buffer = Map(std::move(fd), constant);
  if (!buffer.ok()) return buffer.status();
  absl::Status fits = CheckMessageBytes(buffer->size());
  if (!fits.ok()) return fits;
  Message message;
  if (!message.ParseFromArray(buffer->memory_,
                              static_cast<int>(buffer->size()))) {
    return Malformed();
  }
  return message;
}

}  // namespace fdrpc

#endif  // FDRPC_SHARED_BUFFER_H_
