#ifndef FDRPC_SERVICES_TOOL_METHOD_CALL_H_
#define FDRPC_SERVICES_TOOL_METHOD_CALL_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/caller.h"
#include "fdrpc/dynamic_method.h"
#include "fdrpc/dynamic_parcel.h"
#include "google/protobuf/dynamic_message.h"
#include "services/tool/pipe_copies.h"
#include "services/tool/received_descriptors.h"
#include "services/tool/request_lines.h"
#include "services/tool/request_text.h"

namespace fdrpc::tool {

// One call of a method of any kind: requests from JSON, replies to JSON.
class MethodCall {
 public:
  struct Settings {
    CallOptions call;
    // A stream of requests takes these, or lines of standard input if there are
    // none; other methods take the first one.
    std::vector<std::string> requests;
    bool verbose = false;
  };

  // Borrows its arguments.
  MethodCall(const google::protobuf::MethodDescriptor& method,
             const ReceivedDescriptors& received, const Settings& settings)
      : method_(method), received_(received), settings_(settings) {}

  // Returns the exit status, and has printed the error.
  int Run(Caller& caller);

 private:
  std::unique_ptr<DynamicParcel> NewMessage(
      const google::protobuf::Descriptor& type);
  // A request with its descriptors; starts to copy for its pipes.
  absl::Status Parse(const std::string& json, DynamicParcel& request);
  absl::Status Start(Caller& caller);
  // On a thread of its own.
  void SendRequests();
  std::optional<std::string> NextRequest();
  // Prints a reply, and uses its descriptors. False: the call is to end, with
  // exit_.
  bool Show(DynamicParcel& reply);
  void ShowReplies();
  void ShowMetadata(const char* what, const Metadata& metadata) const;

  const DynamicMethod method_;
  const ReceivedDescriptors& received_;
  const Settings& settings_;
  google::protobuf::DynamicMessageFactory factory_;
  PipeCopies copies_;
  RequestText text_;
  RequestLines lines_;
  size_t next_request_ = 0;
  absl::Status request_error_;  // why SendRequests() has ended the call
  std::shared_ptr<ClientCall> call_;
  int exit_ = 0;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_METHOD_CALL_H_
