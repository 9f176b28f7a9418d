#ifndef FDRPC_CLIENT_CALL_FILTER_H_
#define FDRPC_CLIENT_CALL_FILTER_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "fdrpc/call_filter.h"
#include "fdrpc/client_call.h"
#include "fdrpc/metadata.h"

namespace fdrpc {

// A client's call that wraps another, for an interceptor to see and change what
// comes and goes. Derive from it, override the hooks, and make it with
// FilterCall():
//
//   return fdrpc::FilterCall<Logged>(
//       next.StartCall(method, request, options, form), method);
//
// OnSend() has the requests of a stream; that of a call with one request is in
// the interceptor's hands. OnReceive() has the replies, streamed or not.
//
// Threads: OnHeaders(), OnReceive() and OnEnd() run on the thread that
// receives, in this order, or on the one that lets go of the call. That may be
// a loop's: they must not block.
class ClientCallFilter : public CallFilter<ClientCall> {
 public:
  explicit ClientCallFilter(std::shared_ptr<ClientCall> next)
      : CallFilter(std::move(next)) {}

  // ClientCall.
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
  // Called once, with what the user is to see: the initial metadata.
  virtual void OnHeaders(Metadata& /*headers*/) {}
  // The same with how the call ended: when the user asks for its status, or has
  // let go of the call, which cancels one that has not ended.
  virtual void OnEnd(absl::Status& /*status*/, Metadata& /*trailers*/) {}

  // For FilterCall(): nobody has the call any more.
  void LetGo() {
    if (ended_) return;
    Abort(absl::CancelledError("the caller let go of the call"));
    End();
  }

 private:
  // Only what FilterCall() makes hears of its end.
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

// Puts a Filter, which derives from ClientCallFilter, around `next`. `args` are
// what its constructor takes behind that.
template <typename Filter, typename... Args>
std::shared_ptr<ClientCall> FilterCall(std::shared_ptr<ClientCall> next,
                                       Args&&... args) {
  class Made final : public Filter {
   public:
    using Filter::Filter;
    ~Made() override { this->LetGo(); }

   private:
    void MadeByFilterCall() override {}
  };
  return std::make_shared<Made>(std::move(next), std::forward<Args>(args)...);
}

}  // namespace fdrpc

#endif  // FDRPC_CLIENT_CALL_FILTER_H_
