#ifndef FDRPC_ANSWERED_CALL_H_
#define FDRPC_ANSWERED_CALL_H_

#include <deque>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/call_options.h"
#include "fdrpc/caller.h"
#include "fdrpc/internal/call_message.h"
#include "fdrpc/unique_fd.h"

namespace google::protobuf {
class Message;
}

namespace fdrpc {

// Messages and parcels of the full runtime.
template <typename T>
concept HasReflection =
    std::is_base_of_v<google::protobuf::Message, internal::PlainMessageOf<T>>;

// A call that has ended without a server: what an interceptor gives back to
// refuse a call, or to answer it itself. For all kinds of methods and forms of
// callers. What is sent to it is dropped.
//
//   auto answer =
//       std::make_shared<fdrpc::AnsweredCall>(next, form, absl::OkStatus());
//   answer->AddReply(cached);
//   return answer;
class AnsweredCall final : public ClientCall {
 public:
  // `next` and `form` are what the interceptor was given; `next` is borrowed
  // for the time of the constructor.
  AnsweredCall(Caller& next, CallForm form, absl::Status status,
               ReplyMetadata metadata = {});
  ~AnsweredCall() override;

  // Adds a reply, before the call is handed out: one if the method has no
  // stream of them. Copies the message, and moves the descriptors out of a
  // parcel; of those that are shared it gets duplicates. If that fails, the
  // call ends with why (INVALID_ARGUMENT, RESOURCE_EXHAUSTED).
  void AddReply(OutgoingMessage reply) { Add(reply, /*has_any=*/false); }
  // The same, which also refuses descriptors that are packed in a
  // google.protobuf.Any, as a server does.
  template <typename T>
  requires HasReflection<std::remove_reference_t<T>>
  void AddReply(T&& reply) { Add(reply, /*has_any=*/true); }

  // Call and ClientCall.
  bool Ready(CallEvent) override { return true; }
  void Await(CallEvent) override {}
  void Notify(CallEvent event, Continuation& continuation) override;
  void Forget(Continuation& continuation) override;
  bool Take(IncomingMessage message) override;
  bool Send(OutgoingMessage message, bool last) override;
  void Abort(const absl::Status&) override {}
  void HalfClose() override {}
  const Metadata& headers() override { return metadata_.headers; }
  absl::Status status() override { return status_; }
  const Metadata& trailers() override { return metadata_.trailers; }

 private:
  struct Reply {
    std::string bytes;
    std::vector<UniqueFd> descriptors;
  };

  void Add(const OutgoingMessage& reply, bool has_any);
  absl::Status Prepare(const OutgoingMessage& reply, bool has_any);
  void Fail(absl::Status error);

  const std::shared_ptr<ContinuationRunner> runner_;
  const ReplyMetadata metadata_;
  absl::Status status_;
  std::deque<Reply> replies_;
};

}  // namespace fdrpc

#endif  // FDRPC_ANSWERED_CALL_H_
