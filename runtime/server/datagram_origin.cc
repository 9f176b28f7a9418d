#include "server/datagram_origin.h"

namespace fdrpc {

DatagramOrigin::DatagramOrigin(DatagramCalls& calls,
                               std::shared_ptr<const void> host,
                               std::shared_ptr<DatagramCalls::User> user,
                               const PeerCredentials& peer,
                               DatagramSender sender, const DatagramTag& tag)
    : calls_(calls),
      host_(std::move(host)),
      user_(std::move(user)),
      peer_(/*socket=*/-1, peer),
      sender_(std::move(sender)),
      tag_(tag),
      environment_{.clock = calls.shared().clock,
                   .executor = *calls.shared().executor,
                   .reactor = *calls.shared().reactor,
                   .counters = calls.shared().counters,
                   .account = user_->account,
                   .peer = peer_,
                   .draining = calls.draining()} {}

void DatagramOrigin::Enqueue(OutgoingFrames&& frames) {
  MutexLock lock(mu_);
  for (OutgoingFrame& frame : frames) answer_.push_back(std::move(frame));
}

void DatagramOrigin::EndCall(uint32_t, OutgoingFrames end) {
  // Nobody reads the answer of a one-way call, or of one that is cancelled.
  const bool answered = !end.empty();
  {
    MutexLock lock(mu_);
    for (OutgoingFrame& frame : end) answer_.push_back(std::move(frame));
    ended_ = answered;
  }
  // Its caller keeps the call.
  calls_.Remove(*this);
}

void DatagramOrigin::Flush() {
  OutgoingFrames answer;
  {
    MutexLock lock(mu_);
    if (!std::exchange(ended_, false)) return;
    answer = std::exchange(answer_, {});
  }
  calls_.Answer(sender_, tag_, std::move(answer));
}

void DatagramOrigin::OnCallGone(bool one_way) {
  user_->account.RemoveCall(one_way);
  calls_.shared().kept_messages.OnCallDone();
}

}  // namespace fdrpc
