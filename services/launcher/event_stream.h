#ifndef FDRPC_SERVICES_LAUNCHER_EVENT_STREAM_H_
#define FDRPC_SERVICES_LAUNCHER_EVENT_STREAM_H_

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"

namespace fdrpc::launcher {

// What is reported to one call of Run or Watch. Holds little for a client that
// does not read: of events that say whether the process is stopped, only the
// last one waits.
//
// Threads: the loop's.
class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  // For fdrpc::AsyncServerWriter of any request. Keeps the call, and until it
  // has ended `kept`, too.
  template <typename Call>
  static std::shared_ptr<EventStream> Of(Call call,
                                         std::shared_ptr<void> kept) {
    return std::shared_ptr<EventStream>(new EventStream(
        [call](Parcel<v1::ProcessEvent> event, Written written) mutable {
          call.Write(std::move(event), std::move(written));
        },
        [call, kept = std::move(kept)](absl::Status status) mutable {
          call.Finish(std::move(status));
        }));
  }

  void Send(Parcel<v1::ProcessEvent> event);
  // After what was sent. Nothing may follow.
  void Finish(absl::Status status);

 private:
  using Written = absl::AnyInvocable<void(bool)>;
  using Write = absl::AnyInvocable<void(Parcel<v1::ProcessEvent>, Written)>;
  using End = absl::AnyInvocable<void(absl::Status)>;

  EventStream(Write write, End end)
      : write_(std::move(write)), end_(std::move(end)) {}
  void WriteNext();

  Write write_;
  End end_;  // null once the call has ended
  std::deque<Parcel<v1::ProcessEvent>> waiting_;
  std::optional<absl::Status> status_;  // of Finish()
  bool writing_ = false;
};

}  // namespace fdrpc::launcher

#endif  // FDRPC_SERVICES_LAUNCHER_EVENT_STREAM_H_
