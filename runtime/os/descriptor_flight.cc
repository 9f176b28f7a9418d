#include "os/descriptor_flight.h"

#include <algorithm>

#include "os/open_files.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

// As the kernel reports it: twice what was set.
int SendBuffer(int socket) {
  int bytes = 0;
  socklen_t size = sizeof(bytes);
  const int result =
      Syscalls::Get().getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, &size);
  return result == 0 ? bytes : 0;
}

bool SetSendBuffer(int socket, int bytes) {
  const int half = bytes / 2;
  return Syscalls::Get().setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &half,
                                    sizeof(half)) == 0;
}

}  // namespace

DescriptorFlight::DescriptorFlight(Receivers receivers)
    : receivers_(receivers),
      most_(std::min(kMost, OpenFilesLimit() / kPartOfLimit)) {}

bool DescriptorFlight::FitsByKernel(int socket, size_t descriptors) {
  int unreceived = 0;
  // If the kernel does not answer, only its own limit applies.
  if (Syscalls::Get().unreceived_bytes(socket, &unreceived) != 0) return true;
  ForgetReceived(static_cast<size_t>(std::max(unreceived, 0)));
  if (Fits(descriptors)) return true;
  return receivers_ == Receivers::kOne && !LowerSendBuffer(socket, unreceived);
}

void DescriptorFlight::ForgetReceived(size_t unreceived) {
  if (receivers_ == Receivers::kMany && unreceived > 0) return;
  // The receiver's socket is a queue: what is unreceived was sent last, and
  // takes at least the memory that is counted here.
  const auto first_in_flight = std::find_if(
      sets_.begin(), sets_.end(),
      [&](const Set& set) { return sent_ - set.begin <= unreceived; });
  size_t landed = 0;
  for (auto set = sets_.begin(); set != first_in_flight; ++set) {
    landed += set->descriptors;
  }
  in_flight_ -= landed;
  if (together_ != nullptr) together_->Remove(landed);
  sets_.erase(sets_.begin(), first_in_flight);
}

bool DescriptorFlight::LowerSendBuffer(int socket, int unreceived) {
  if (send_buffer_ == 0) send_buffer_ = SendBuffer(socket);
  if (send_buffer_ == 0) return false;
  // The socket polls as writable while at most a quarter of the send buffer is
  // used (unix_writable in net/unix/af_unix.c). This sets half the size that
  // would make it writable now, so half of what is unreceived must be received
  // first.
  const int wanted =
      std::min(send_buffer_,
               unreceived > send_buffer_ / 2 ? send_buffer_ : 2 * unreceived);
  if (!SetSendBuffer(socket, wanted)) return false;
  lowered_ = true;
  // The smallest possible buffer has 4,608 bytes. If what is unreceived takes
  // less than a quarter of that, it is one message, or two.
  const int lowered = SendBuffer(socket);
  if (lowered > 0 && unreceived > lowered / 4) return true;
  RestoreSendBuffer(socket);
  return false;
}

void DescriptorFlight::RestoreSendBuffer(int socket) {
  // A size above net.core.wmem_max, which a privileged process had set, becomes
  // as large as this process may set it.
  (void)SetSendBuffer(socket, send_buffer_);
  lowered_ = false;
}

}  // namespace fdrpc
