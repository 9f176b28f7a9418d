#include "services/capture/capture.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "os/socket_listener.h"
#include "os/unix_address.h"
#include "services/capture/relay.h"

namespace fdrpc::capture {

struct Capture::Sockets {
  UnixAddress server;
  SocketListener listener;
  bool all_users;
};

Capture::Capture(std::unique_ptr<Sockets> sockets)
    : sockets_(std::move(sockets)) {}
Capture::Capture(Capture&&) noexcept = default;
Capture::~Capture() = default;

absl::StatusOr<Capture> Capture::Listen(const std::string& server,
                                        const std::string& address,
                                        bool all_users) {
  absl::StatusOr<UnixAddress> to = UnixAddress::Parse(server);
  if (!to.ok()) return to.status();
  const absl::StatusOr<UnixAddress> at = UnixAddress::Parse(address);
  if (!at.ok()) return at.status();
  if (to->text() == at->text()) {
    return absl::InvalidArgumentError(absl::StrCat(
        address, " is the server's address; listen at another one"));
  }
  ListenOptions options;
  // An abstract name has no permissions; the relay looks at the users.
  if (!at->is_abstract()) options.mode = all_users ? 0666 : 0600;
  absl::StatusOr<SocketListener> listener =
      SocketListener::Listen(*at, options);
  if (!listener.ok()) return listener.status();
  return Capture(std::make_unique<Sockets>(
      Sockets{*std::move(to), *std::move(listener), all_users}));
}

absl::Status Capture::Run(RecordingWriter& writer, int stop,
                          std::function<void(const std::string&)> notice) {
  Relay relay(std::move(sockets_->listener), sockets_->server, writer,
              {.all_users = sockets_->all_users, .notice = std::move(notice)});
  return relay.Run(stop);
}

}  // namespace fdrpc::capture
