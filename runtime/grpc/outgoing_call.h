#ifndef FDRPC_GRPC_OUTGOING_CALL_H_
#define FDRPC_GRPC_OUTGOING_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "fdrpc/alarm.h"
#include "fdrpc/caller.h"

namespace fdrpc::grpc {

// A call over a gRPC channel, of any kind. Reads ahead of its user as much as a
// stream of fdrpc does. gRPC takes one message at a time; others wait for it,
// so that their writer need not wait for its thread. Lives until gRPC is done
// with it.
class OutgoingCall final
    : public ClientCall,
      private ::grpc::ClientBidiReactor<::grpc::ByteBuffer, ::grpc::ByteBuffer>,
      public std::enable_shared_from_this<OutgoingCall> {
 public:
  // `runner` runs its continuations; null if its user blocks. An error says why
  // the call cannot be made.
  static absl::StatusOr<std::shared_ptr<OutgoingCall>> Start(
      ::grpc::GenericStub& stub, const Method& method,
      const OutgoingMessage* request, const CallOptions& options,
      std::shared_ptr<ContinuationRunner> runner);
  ~OutgoingCall() override;

  // Implementation of Call.
  bool Ready(CallEvent event) override ABSL_LOCKS_EXCLUDED(mu_);
  void Await(CallEvent event) override ABSL_LOCKS_EXCLUDED(mu_);
  void Notify(CallEvent event, Continuation& continuation) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(Continuation& continuation) override ABSL_LOCKS_EXCLUDED(mu_);
  bool Take(IncomingMessage message) override ABSL_LOCKS_EXCLUDED(mu_);
  bool Send(OutgoingMessage message, bool last) override
      ABSL_LOCKS_EXCLUDED(mu_);
  void Abort(const absl::Status& why) override ABSL_LOCKS_EXCLUDED(mu_);

  // Implementation of ClientCall.
  void HalfClose() override ABSL_LOCKS_EXCLUDED(mu_);
  const Metadata& headers() override { return headers_; }
  absl::Status status() override ABSL_LOCKS_EXCLUDED(mu_);
  const Metadata& trailers() override { return trailers_; }

 private:
  // Not on a thread of gRPC: a call may be the last to hold its channel, which
  // ends those threads, and waits for them.
  struct Delete {
    void operator()(OutgoingCall* call) const;
  };
  struct Cancel {
    OutgoingCall& call;
    void operator()() const;
  };
  // What this side sends.
  enum class Sending {
    kOpen,
    kHalfClosing,  // once the last message has been written
    kHalfClosed,
  };
  struct UnsentMessage {
    ::grpc::ByteBuffer bytes;
    ::grpc::WriteOptions options;
  };

  OutgoingCall(const Method& method, const CallOptions& options,
               std::shared_ptr<ContinuationRunner> runner);

  // Reactions of gRPC.
  void OnReadInitialMetadataDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone(const ::grpc::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);

  void SetContext(const CallOptions& options);
  bool IsReady(CallEvent event) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndWaits() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Reads on, if there is room, and no longer keeps gRPC's call when there is
  // nothing more to read.
  void ReadNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Writes the next message, or what is behind the last one.
  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ends the call at its deadline, which gRPC tells only those who read.
  void WatchDeadline() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Ends the call for its user.
  void End(absl::Status why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EndEarly(absl::Status why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const bool streams_replies_;
  ReplyMetadata* const reply_metadata_;  // the caller's, or null
  const std::shared_ptr<ContinuationRunner> runner_;
  const std::string path_;
  ::grpc::ClientContext context_;

  Mutex mu_;
  CondVar changed_;
  std::shared_ptr<OutgoingCall> self_ ABSL_GUARDED_BY(mu_);  // until OnDone()
  std::array<Continuation*, kCallEvents> waits_ ABSL_GUARDED_BY(mu_) = {};

  // Where gRPC reads and writes a message; its own while it does.
  ::grpc::ByteBuffer reading_;
  ::grpc::ByteBuffer writing_;
  bool is_reading_ ABSL_GUARDED_BY(mu_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mu_) = false;
  // Whether gRPC's call takes operations: it does until this gives it back.
  bool is_held_ ABSL_GUARDED_BY(mu_) = true;
  Sending sending_ ABSL_GUARDED_BY(mu_) = Sending::kOpen;
  std::deque<UnsentMessage> unsent_ ABSL_GUARDED_BY(mu_);
  size_t unsent_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool has_room_ ABSL_GUARDED_BY(mu_) = true;

  std::deque<::grpc::ByteBuffer> arrived_ ABSL_GUARDED_BY(mu_);
  size_t arrived_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool got_reply_ ABSL_GUARDED_BY(mu_) = false;
  bool all_read_ ABSL_GUARDED_BY(mu_) = false;
  bool got_headers_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  // Constant once the events have occurred that they belong to.
  Metadata headers_;
  Metadata trailers_;

  std::optional<Alarm> deadline_ ABSL_GUARDED_BY(mu_);  // if that is needed
  std::optional<std::stop_callback<Cancel>> cancelled_by_caller_;
  std::optional<std::stop_callback<Cancel>> cancelled_by_parent_;
};

}  // namespace fdrpc::grpc

#endif  // FDRPC_GRPC_OUTGOING_CALL_H_
