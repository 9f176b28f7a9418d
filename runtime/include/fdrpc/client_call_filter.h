#ifndef FDRPC_CLIENT_CALL_FILTER_H_
#define FDRPC_CLIENT_CALL_FILTER_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/call_filter.h"
#include "fdrpc/client_call.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/metadata.h"

namespace fdrpc {

// A client's call that wraps another, so that an interceptor can see and change
// its messages, metadata and status. Derive from it, override the hooks, and
// make it with FilterCall():
//
//   return fdrpc::FilterCall<Logged>(
//       next.StartCall(method, request, options, form), method);
//
// OnSend() sees the requests of a stream; the interceptor itself has the single
// request of other calls. OnReceive() sees all replies.
//
// Threads: OnHeaders(), OnReceive() and OnEnd() run on the thread that
// receives, in this order, or on the one that releases the call. That may be a
// loop's thread, so they must not block.
class FDRPC_API ClientCallFilter : public CallFilter<ClientCall> {
 public:
  explicit ClientCallFilter(std::shared_ptr<ClientCall> next)
      : CallFilter(std::move(next)) {}

  // Implementation of ClientCall.
  void HalfClose() override { next().HalfClose(); }
  const Metadata& headers() override {
    BeforeReceive();
    return headers_;
  }
  absl::Status status() override {
    End();
    return status_;
  }
  const Metadata& trailers() override {
    return ended_ ? trailers_ : next().trailers();
  }

 protected:
  // Called once, with the initial metadata that the user will see.
  virtual void OnHeaders(Metadata& /*headers*/) {}
  // Called once, with the status and trailers that the user will see: when the
  // user asks for the status, or has released the call, which cancels a call
  // that has not ended.
  virtual void OnEnd(absl::Status& /*status*/, Metadata& /*trailers*/) {}

  // For FilterCall(): the call was released.
  void LetGo() {
    if (ended_) return;
    Abort(absl::CancelledError("the caller released the call"));
    End();
  }

 private:
  // Only FilterCall() makes objects that receive OnEnd().
  virtual void MadeByFilterCall() = 0;

  void BeforeReceive() final {
    if (std::exchange(has_headers_, true)) return;
    headers_ = next().headers();
    OnHeaders(headers_);
  }
  void FailNext(const absl::Status& error) final { next().Abort(error); }
  void End() {
    if (std::exchange(ended_, true)) return;
    BeforeReceive();
    status_ = next().status();
    // The call may have ended before.
    if (failure() != nullptr) status_ = *failure();
    trailers_ = next().trailers();
    OnEnd(status_, trailers_);
  }

  bool has_headers_ = false;
  Metadata headers_;
  bool ended_ = false;
  absl::Status status_;
  Metadata trailers_;
};

// Wraps `next` in a Filter, which derives from ClientCallFilter. `args` are the
// further arguments of its constructor.
template <typename Filter, typename... Args>
std::shared_ptr<ClientCall> FilterCall(std::shared_ptr<ClientCall> next,
                                       Args&&... args) {
  class FilterWithEnd final : public Filter {
   public:
    using Filter::Filter;
    ~FilterWithEnd() override { this->LetGo(); }

   private:
    void MadeByFilterCall() override {}
  };
  return std::make_shared<FilterWithEnd>(std::move(next),
                                         std::forward<Args>(args)...);
}

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALL_FILTER_H_
