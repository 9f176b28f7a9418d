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
#include "fdrpc/internal/export.h"
#include "fdrpc/unique_fd.h"

namespace google::protobuf {
class Message;
}

namespace fdrpc {

// Messages and parcels of the full runtime.
template <typename T>
concept HasReflection =
    std::is_base_of_v<google::protobuf::Message, internal::PlainMessageOf<T>>;

// A call that has ended without a server. An interceptor returns it to refuse a
// call, or to answer the call itself. It works for all kinds of methods and all
// forms of callers. Messages that are sent to it are dropped.
//
//   auto answer =
//       std::make_shared<fdrpc::AnsweredCall>(next, form, absl::OkStatus());
//   answer->AddReply(cached);
//   return answer;
class FDRPC_API AnsweredCall final : public ClientCall {
 public:
  // `next` and `form` are the arguments of the interceptor; `next` is borrowed
  // only during the constructor.
  AnsweredCall(Caller& next, CallForm form, absl::Status status,
               ReplyMetadata metadata = {});
  ~AnsweredCall() override;

  // Adds a reply, before the call is returned; only one if the method does not
  // have a stream of replies. Copies the message, and moves the descriptors out
  // of a parcel; it duplicates those that are shared. If that fails, the call
  // ends with the reason (INVALID_ARGUMENT, RESOURCE_EXHAUSTED).
  void AddReply(OutgoingMessage reply) { Add(reply, /*has_any=*/false); }
  // The same. Also refuses descriptors that are packed in a
  // google.protobuf.Any, as a server does.
  template <typename T>
  requires HasReflection<std::remove_reference_t<T>>
  void AddReply(T&& reply) { Add(reply, /*has_any=*/true); }

  // Implementation of Call and ClientCall.
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
