#ifndef FDRPC_SERVICES_HOST_KEEPER_LINK_H_
#define FDRPC_SERVICES_HOST_KEEPER_LINK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "fdrpc/host/v1/keeper.fdrpc.h"
#include "fdrpc/loop.h"
#include "fdrpc/shared_fd.h"
#include "services/process/event_loop.h"

namespace fdrpc::host {

struct KeptEntry {
  std::string key;
  std::string data;
  SharedFd file;  // may be empty
};

// The host's side of its keeper. What is put and dropped reaches the keeper in
// that order, also if the host is killed after it was sent.
//
// Threads: the loop's.
class KeeperLink {
 public:
  using Done = absl::AnyInvocable<void(absl::Status)>;

  // `address` is that of the inherited connection, "fd:3".
  static absl::StatusOr<std::unique_ptr<KeeperLink>> Connect(
      std::string_view address, const Loop& loop);
  KeeperLink(const KeeperLink&) = delete;
  KeeperLink& operator=(const KeeperLink&) = delete;

  // Blocks: before the loop runs.
  absl::StatusOr<std::vector<KeptEntry>> Take();

  // Without a file, the former one stays, and nothing is sent if the data has
  // not changed. `done` is called once the keeper has it.
  void Put(const std::string& key, std::string data, SharedFd file = {},
           Done done = nullptr);
  void Drop(const std::string& key);
  // Calls `done` once all that was put and dropped before has reached it.
  void Sync(Done done);

  // Calls `on_event` for each event, and `on_lost` when the keeper is gone.
  void Watch(std::function<void(const v1::Event&)> on_event,
             std::function<void()> on_lost);
  void Acknowledge(uint64_t number);
  void SayServing();

  // Calls neither of them any more, and runs the loop until all calls have
  // ended: the last thing.
  void Close(process::EventLoop& loop);

 private:
  explicit KeeperLink(Channel channel) : keeper_(channel) {}
  using Events = AsyncClientReader<v1::Event>;
  void ReadNext(Events events);

  v1::Keeper::Stub keeper_;
  std::optional<Events> events_;
  size_t under_way_ = 0;                     // of the other calls
  std::map<std::string, std::string> data_;  // what the keeper has
  std::function<void(const v1::Event&)> on_event_;
  std::function<void()> on_lost_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_KEEPER_LINK_H_
