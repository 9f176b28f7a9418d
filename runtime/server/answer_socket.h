#ifndef FDRPC_SERVER_ANSWER_SOCKET_H_
#define FDRPC_SERVER_ANSWER_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "connection/outgoing_datagram.h"
#include "fdrpc/unique_fd.h"
#include "os/ancillary.h"
#include "os/descriptor_flight.h"
#include "os/fork_ledger.h"
#include "os/socket_name.h"

namespace fdrpc {

// A socket through which a server answers datagrams, without waiting. It can
// limit the descriptors that are in flight on it (DescriptorFlight). The
// children of this process know it.
//
// Threads: any.
class AnswerSocket {
 public:
  // `owner`: in the ForkLedger. `receivers`: of what SendCounted() sends.
  AnswerSocket(UniqueFd fd, uint32_t owner,
               DescriptorFlight::Receivers receivers)
      : fd_(std::move(fd)), entry_(fd_.get(), owner), flight_(receivers) {}
  AnswerSocket(const AnswerSocket&) = delete;
  AnswerSocket& operator=(const AnswerSocket&) = delete;

  int fd() const { return fd_.get(); }

  // One sendmsg(2), to that name; or to the other socket of a pair, if null.
  IoResult Send(const OutgoingDatagram& datagram, const SocketName* to) const;
  // The same, unless the descriptors in flight would be too many: none then. If
  // some answers are sent with this function, all must be.
  std::optional<IoResult> SendCounted(const OutgoingDatagram& datagram,
                                      const SocketName* to)
      ABSL_LOCKS_EXCLUDED(mu_);
  // An upper bound.
  size_t in_flight() const ABSL_LOCKS_EXCLUDED(mu_) {
    MutexLock lock(mu_);
    return flight_.in_flight();
  }

 private:
  const UniqueFd fd_;
  const ForkLedger::Entry entry_;  // destroyed first

  mutable Mutex mu_;
  DescriptorFlight flight_ ABSL_GUARDED_BY(mu_);
};

}  // namespace fdrpc

#endif  // FDRPC_SERVER_ANSWER_SOCKET_H_
