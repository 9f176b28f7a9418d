#ifndef FDRPC_SERVICES_HOST_KEPT_STATE_H_
#define FDRPC_SERVICES_HOST_KEPT_STATE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "fdrpc/host/v1/keeper.fdrpc.h"
#include "fdrpc/shared_fd.h"

namespace fdrpc::host {

// What a keeper holds for the hosts that follow each other: entries under keys,
// and what has happened that no host has dealt with yet.
//
// Threads: the loop's.
class KeptState {
 public:
  struct Entry {
    std::string data;
    SharedFd file;  // may be empty
  };
  // As many ended processes are remembered while no host is there to hear of
  // them; beyond, the oldest are forgotten.
  static constexpr size_t kMostEvents = 65536;

  void Put(std::string key, std::string data, UniqueFd file);
  void Drop(const std::string& key);
  const std::map<std::string, Entry>& entries() const { return entries_; }

  // Returns its number, from 1 on.
  uint64_t Add(v1::Event event);
  // The same of a command. RELOAD and UPGRADE are one with an earlier one that
  // no host has been sent yet.
  uint64_t AddCommand(v1::Event::Command command);
  void Acknowledge(uint64_t number);
  // Whether that event was added, and not acknowledged yet.
  bool Holds(uint64_t number) const;
  // The first one after that number; null if there is none yet.
  const v1::Event* EventAfter(uint64_t number) const;
  // The listening host is being sent the events up to that number.
  void SetSent(uint64_t number) { last_sent_ = number; }
  // Called at each new event. One function at a time; null: none. It has been
  // sent nothing yet.
  void SetListener(std::function<void()> on_event) {
    on_event_ = std::move(on_event);
    last_sent_ = 0;
  }

 private:
  std::map<std::string, Entry> entries_;
  std::deque<v1::Event> events_;
  uint64_t last_number_ = 0;
  uint64_t last_sent_ = 0;
  std::function<void()> on_event_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_KEPT_STATE_H_
