#include "services/host/kept_state.h"

#include <algorithm>
#include <utility>

#include "services/host/close_shared.h"

namespace fdrpc::host {

void KeptState::Put(std::string key, std::string data, UniqueFd file) {
  Entry& entry = entries_[std::move(key)];
  entry.data = std::move(data);
  if (file.ok()) {
    CloseShared(std::exchange(entry.file, SharedFd(std::move(file))));
  }
}

void KeptState::Drop(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return;
  CloseShared(std::move(found->second.file));
  entries_.erase(found);
}

uint64_t KeptState::Add(v1::Event event) {
  const uint64_t number = ++last_number_;
  event.set_number(number);
  events_.push_back(std::move(event));
  if (events_.size() > kMostEvents) {
    const auto oldest =
        std::find_if(events_.begin(), events_.end(),
                     [](const v1::Event& kept) { return kept.has_ended(); });
    if (oldest != events_.end()) events_.erase(oldest);
  }
  if (on_event_ != nullptr) on_event_();
  return number;
}

uint64_t KeptState::AddCommand(v1::Event::Command command) {
  if (command == v1::Event::COMMAND_RELOAD ||
      command == v1::Event::COMMAND_UPGRADE) {
    // One that was sent may have begun, and not see what has changed since.
    const auto waiting = std::find_if(events_.begin(), events_.end(),
                                      [this, command](const v1::Event& event) {
                                        return event.number() > last_sent_ &&
                                               !event.has_ended() &&
                                               event.command() == command;
                                      });
    if (waiting != events_.end()) return waiting->number();
  }
  v1::Event event;
  event.set_command(command);
  return Add(std::move(event));
}

void KeptState::Acknowledge(uint64_t number) {
  std::erase_if(events_, [number](const v1::Event& event) {
    return event.number() == number;
  });
}

bool KeptState::Holds(uint64_t number) const {
  return std::any_of(
      events_.begin(), events_.end(),
      [number](const v1::Event& event) { return event.number() == number; });
}

const v1::Event* KeptState::EventAfter(uint64_t number) const {
  const auto next = std::find_if(
      events_.begin(), events_.end(),
      [number](const v1::Event& event) { return event.number() > number; });
  return next == events_.end() ? nullptr : &*next;
}

}  // namespace fdrpc::host
