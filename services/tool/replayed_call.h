#ifndef FDRPC_SERVICES_TOOL_REPLAYED_CALL_H_
#define FDRPC_SERVICES_TOOL_REPLAYED_CALL_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/caller.h"
#include "fdrpc/dynamic_method.h"
#include "fdrpc/dynamic_parcel.h"
#include "services/capture/event_reader.h"
#include "services/tool/message_types.h"

namespace fdrpc::tool {

// A recorded call that is made again. It is told the recorded events of the
// call, in their order, and waits for the same from the server.
class ReplayedCall {
 public:
  // Borrows `types`. `fd`, as for OpenDescriptor(), is what each request sends
  // for each descriptor.
  ReplayedCall(const google::protobuf::MethodDescriptor& method,
               MessageTypes& types, std::shared_ptr<Caller> caller,
               CallOptions options, std::string fd);

  // Blocks until the event has happened again, or the call has ended. An error
  // if a descriptor cannot be opened.
  absl::Status Repeat(const capture::Event& event);
  // Whether the recorded call has ended.
  bool has_ended() const { return has_ended_; }
  // Ends one that has not ended.
  void Abort(absl::string_view why);

  // What was different, a line each.
  const std::vector<std::string>& differences() const { return differences_; }
  // That of the server, when it has ended.
  const absl::Status& status() const { return status_; }

 private:
  absl::Status Send(const capture::Event& request);
  void ExpectReply(const capture::Event& reply);
  void ExpectStatus(const capture::Event& status);
  void Compare(const capture::Event& recorded, DynamicParcel& reply);
  std::unique_ptr<DynamicParcel> NewReply();

  const std::unique_ptr<DynamicMethod> method_;
  MessageTypes& types_;
  const std::shared_ptr<Caller> caller_;
  const CallOptions options_;
  const std::string fd_;
  std::shared_ptr<ClientCall> call_;
  // A reply that is not of a stream arrives with the status.
  std::optional<capture::Event> single_reply_;
  int replies_ = 0;
  bool has_ended_ = false;
  absl::Status status_;
  std::vector<std::string> differences_;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_REPLAYED_CALL_H_
