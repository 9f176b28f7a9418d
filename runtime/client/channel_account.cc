#include "client/channel_account.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "os/open_files.h"

namespace fdrpc {
namespace {

// A channel's part of the process's limit of open files.
constexpr size_t kPartOfLimit = 4;

}  // namespace

ChannelAccount::ChannelAccount()
    : most_closing_(std::max<size_t>(1, OpenFilesLimit() / kPartOfLimit)) {}

absl::Status ChannelAccount::TooMany() const {
  return absl::ResourceExhaustedError(absl::StrCat(
      received_->count(),
      " descriptors that the server has sent wait to be closed, and a channel "
      "may have ",
      most_closing_, " of those, a quarter of RLIMIT_NOFILE"));
}

void ChannelAccount::AddTo(ChannelStatistics& statistics) const {
  statistics.queued_descriptors += unreceived_.queued.held();
  statistics.in_flight_descriptors += unreceived_.in_flight.held();
  statistics.unread_descriptors += received_->unread();
  statistics.closing_descriptors += received_->count();
}

}  // namespace fdrpc
