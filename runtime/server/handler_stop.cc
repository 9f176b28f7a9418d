#include "server/handler_stop.h"

#include <memory>
#include <utility>

#include "fdrpc/call.h"

namespace fdrpc {
namespace {

class RequestStop final : private Continuation {
 public:
  static void Post(std::stop_source source, std::shared_ptr<const void> kept,
                   Executor& executor) {
    executor.PostUrgently(*new RequestStop(std::move(source), std::move(kept)));
  }

 private:
  RequestStop(std::stop_source source, std::shared_ptr<const void> kept)
      : source_(std::move(source)), kept_(std::move(kept)) {}
  void Run() override {
    source_.request_stop();
    delete this;
  }

  std::stop_source source_;
  const std::shared_ptr<const void> kept_;
};

}  // namespace

void HandlerStop::PostCallbacks(Executor& executor,
                                const std::weak_ptr<const void>& keep) {
  std::optional<std::stop_source> source;
  {
    MutexLock lock(mu_);
    source = source_;
  }
  if (source.has_value()) {
    RequestStop::Post(*std::move(source), keep.lock(), executor);
  }
}

std::stop_token HandlerStop::token() {
  MutexLock lock(mu_);
  if (!source_.has_value()) {
    source_.emplace();
    // PostCallbacks() looks for the source after the flag is set. Nobody can
    // have registered a callback yet, so none runs under the lock.
    if (is_set()) source_->request_stop();
  }
  return source_->get_token();
}

}  // namespace fdrpc
