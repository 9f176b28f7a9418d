#include "services/host/keeper_service.h"

#include <map>
#include <string>

namespace fdrpc::host {
namespace {

using Entries = std::map<std::string, KeptState::Entry>;

// Sends the rest, which is a copy: the host may change the state meanwhile.
void SendFirst(v1::Keeper::TakeCall call,
               const std::shared_ptr<Entries>& rest) {
  if (rest->empty()) return call.Finish(absl::OkStatus());
  auto first = rest->extract(rest->begin());
  Parcel<v1::Entry> entry;
  entry->set_key(first.key());
  entry->set_data(std::move(first.mapped().data));
  if (first.mapped().file.ok()) {
    entry.set_file(std::move(first.mapped().file));
  }
  call.Write(std::move(entry), [call, rest](bool taken) {
    if (taken) SendFirst(call, rest);
  });
}

}  // namespace

KeeperService::~KeeperService() {
  state_.SetListener(nullptr);
  on_gone_();
}

void KeeperService::Put(v1::Keeper::PutCall call) {
  Parcel<v1::Entry>& entry = call.request();
  UniqueFd file = entry.take_file();
  state_.Put(std::move(*entry->mutable_key()),
             std::move(*entry->mutable_data()), std::move(file));
  call.Finish(v1::PutReply());
}

void KeeperService::Drop(v1::Keeper::DropCall call) {
  state_.Drop(call.request().key());
  call.Finish(v1::DropReply());
}

void KeeperService::Take(v1::Keeper::TakeCall call) {
  SendFirst(std::move(call), std::make_shared<Entries>(state_.entries()));
}

void KeeperService::Watch(v1::Keeper::WatchCall call) {
  if (watch_.has_value()) {
    return call.Finish(absl::AlreadyExistsError("the host watches already"));
  }
  watch_ = call;
  watch_ends_.emplace(call.context().cancellation(), [this] { EndWatch(); });
  state_.SetListener([this] { SendNextEvent(); });
  SendNextEvent();
}

void KeeperService::SendNextEvent() {
  if (is_writing_ || !watch_.has_value()) return;
  const v1::Event* const next = state_.EventAfter(last_sent_);
  if (next == nullptr) return;
  last_sent_ = next->number();
  state_.SetSent(last_sent_);
  is_writing_ = true;
  watch_->Write(*next, [this](bool taken) {
    is_writing_ = false;
    // Otherwise the host is gone, and the next one gets the event again.
    if (!taken) return EndWatch();
    SendNextEvent();
  });
}

void KeeperService::EndWatch() {
  if (!watch_.has_value()) return;
  v1::Keeper::WatchCall call = *std::move(watch_);
  watch_.reset();
  call.Finish(absl::CancelledError("the host is gone"));
}

void KeeperService::Acknowledge(v1::Keeper::AcknowledgeCall call) {
  state_.Acknowledge(call.request().number());
  call.Finish(v1::AcknowledgeReply());
}

void KeeperService::Serving(v1::Keeper::ServingCall call) {
  on_serving_();
  call.Finish(v1::ServingReply());
}

}  // namespace fdrpc::host
