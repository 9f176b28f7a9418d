#ifndef FDRPC_SERVICES_HOST_KEEPER_SERVICE_H_
#define FDRPC_SERVICES_HOST_KEEPER_SERVICE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "fdrpc/host/v1/keeper.fdrpc.h"
#include "services/host/kept_state.h"

namespace fdrpc::host {

// Serves fdrpc.host.v1.Keeper to one host, in the keeper's loop.
class KeeperService final : public v1::Keeper::AsyncService {
 public:
  // Borrows the state. `on_serving` is called once the host serves, `on_gone`
  // when its connection and all calls on it have ended.
  KeeperService(KeptState& state, std::function<void()> on_serving,
                std::function<void()> on_gone)
      : state_(state),
        on_serving_(std::move(on_serving)),
        on_gone_(std::move(on_gone)) {}
  ~KeeperService() override;

  void Put(v1::Keeper::PutCall call) override;
  void Drop(v1::Keeper::DropCall call) override;
  void Take(v1::Keeper::TakeCall call) override;
  void Watch(v1::Keeper::WatchCall call) override;
  void Acknowledge(v1::Keeper::AcknowledgeCall call) override;
  void Serving(v1::Keeper::ServingCall call) override;

 private:
  void SendNextEvent();
  void EndWatch();

  KeptState& state_;
  const std::function<void()> on_serving_;
  const std::function<void()> on_gone_;
  std::optional<v1::Keeper::WatchCall> watch_;
  // The service lives until its calls have ended, and this one is its own.
  std::optional<std::stop_callback<std::function<void()>>> watch_ends_;
  bool is_writing_ = false;
  uint64_t last_sent_ = 0;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_KEEPER_SERVICE_H_
