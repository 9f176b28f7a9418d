#include "services/host/keeper_link.h"

#include <iostream>

#include "absl/strings/str_cat.h"

namespace fdrpc::host {
namespace {

// Of what the host does not wait for. That the keeper is gone, Watch() tells.
void ReportLoss(const absl::Status& status) {
  if (status.ok() || absl::IsUnavailable(status) ||
      absl::IsFailedPrecondition(status)) {
    return;
  }
  std::cerr << absl::StrCat("fdrpc-host: the keeper: ", status.message(), "\n");
}

}  // namespace

absl::StatusOr<std::unique_ptr<KeeperLink>> KeeperLink::Connect(
    std::string_view address, const Loop& loop) {
  absl::StatusOr<Channel> channel = Channel::Connect(address, {.loop = loop});
  if (!channel.ok()) return channel.status();
  return std::unique_ptr<KeeperLink>(new KeeperLink(*std::move(channel)));
}

absl::StatusOr<std::vector<KeptEntry>> KeeperLink::Take() {
  std::vector<KeptEntry> entries;
  auto stream = keeper_.Take(v1::TakeRequest());
  while (std::optional<Parcel<v1::Entry>> entry = stream.Read()) {
    UniqueFd file = entry->take_file();
    data_[(*entry)->key()] = (*entry)->data();
    entries.push_back({(*entry)->key(), (*entry)->data(),
                       file.ok() ? SharedFd(std::move(file)) : SharedFd()});
  }
  absl::Status status = stream.Finish();
  if (!status.ok()) return status;
  return entries;
}

void KeeperLink::Put(const std::string& key, std::string data, SharedFd file,
                     Done done) {
  const auto [known, is_new] = data_.try_emplace(key, data);
  if (!is_new && !file.ok() && done == nullptr && known->second == data) return;
  known->second = data;
  Parcel<v1::Entry> entry;
  entry->set_key(key);
  entry->set_data(std::move(data));
  if (file.ok()) entry.set_file(std::move(file));
  ++under_way_;
  keeper_.async().Put(std::move(entry), {},
                      [this, done = std::move(done)](
                          const absl::StatusOr<v1::PutReply>& reply) mutable {
                        --under_way_;
                        if (done != nullptr) return done(reply.status());
                        ReportLoss(reply.status());
                      });
}

void KeeperLink::Drop(const std::string& key) {
  if (data_.erase(key) == 0) return;
  v1::DropRequest request;
  request.set_key(key);
  ++under_way_;
  keeper_.async().Drop(request, {},
                       [this](const absl::StatusOr<v1::DropReply>& reply) {
                         --under_way_;
                         ReportLoss(reply.status());
                       });
}

void KeeperLink::Sync(Done done) {
  // Any call will do: the keeper does one after the other.
  ++under_way_;
  keeper_.async().Acknowledge(
      v1::AcknowledgeRequest(), {},
      [this, done = std::move(done)](
          const absl::StatusOr<v1::AcknowledgeReply>& reply) mutable {
        --under_way_;
        done(reply.status());
      });
}

void KeeperLink::Watch(std::function<void(const v1::Event&)> on_event,
                       std::function<void()> on_lost) {
  on_event_ = std::move(on_event);
  on_lost_ = std::move(on_lost);
  events_ = keeper_.async().Watch(v1::WatchEventsRequest());
  ReadNext(*events_);
}

void KeeperLink::ReadNext(Events events) {
  events.Read([this, events](std::optional<v1::Event> event) mutable {
    if (!event.has_value()) {
      events_.reset();
      return on_lost_();
    }
    on_event_(*event);
    ReadNext(events);
  });
}

void KeeperLink::Acknowledge(uint64_t number) {
  v1::AcknowledgeRequest request;
  request.set_number(number);
  ++under_way_;
  keeper_.async().Acknowledge(
      request, {}, [this](const absl::StatusOr<v1::AcknowledgeReply>& reply) {
        --under_way_;
        ReportLoss(reply.status());
      });
}

void KeeperLink::SayServing() {
  ++under_way_;
  keeper_.async().Serving(
      v1::ServingRequest(), {},
      [this](const absl::StatusOr<v1::ServingReply>& reply) {
        --under_way_;
        ReportLoss(reply.status());
      });
}

void KeeperLink::Close(process::EventLoop& loop) {
  on_event_ = [](const v1::Event&) {};
  on_lost_ = [] {};
  if (events_.has_value()) events_->Cancel();
  loop.RunWhile([this] { return events_.has_value() || under_way_ > 0; });
}

}  // namespace fdrpc::host
