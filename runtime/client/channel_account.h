#ifndef FDRPC_CLIENT_CHANNEL_ACCOUNT_H_
#define FDRPC_CLIENT_CHANNEL_ACCOUNT_H_

#include <cstddef>
#include <limits>
#include <memory>

#include "absl/status/status.h"
#include "fdrpc/channel_statistics.h"
#include "os/background_close.h"
#include "os/descriptor_quota.h"

namespace fdrpc {

// Counts the descriptors of a channel, of all its connections together: those
// that it sends, and those that its server makes this process hold. Any thread.
class ChannelAccount {
 public:
  ChannelAccount();
  ChannelAccount(const ChannelAccount&) = delete;
  ChannelAccount& operator=(const ChannelAccount&) = delete;

  // What connections send; without a limit.
  UnreceivedDescriptors& unreceived() { return unreceived_; }
  // Counts what the thread receives during such a scope.
  const std::shared_ptr<PendingCloses>& received() const { return received_; }
  // RESOURCE_EXHAUSTED once so many of the received ones wait to be closed that
  // nothing more should be received.
  absl::Status CheckCloses() const {
    return received_->count() < most_closing_ ? absl::OkStatus() : TooMany();
  }

  void AddTo(ChannelStatistics& statistics) const;

 private:
  absl::Status TooMany() const;

  const size_t most_closing_;
  UnreceivedDescriptors unreceived_{std::numeric_limits<size_t>::max()};
  const std::shared_ptr<PendingCloses> received_ =
      std::make_shared<PendingCloses>();
};

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CHANNEL_ACCOUNT_H_
