#include "services/host/service_sockets.h"

#include <algorithm>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "services/host/listening_socket.h"

namespace fdrpc::host {

void ServiceSockets::Adopt(const std::string& address, SharedFd socket) {
  open_[address] = std::move(socket);
}

absl::Status ServiceSockets::Open(const std::vector<HostedSocket>& sockets) {
  std::vector<std::string> opened;
  for (const HostedSocket& socket : sockets) {
    if (open_.contains(socket.address)) continue;
    absl::StatusOr<SharedFd> fd =
        OpenListeningSocket(socket.address, socket.options);
    if (!fd.ok()) {
      for (const std::string& address : opened) Close(address);
      return fd.status();
    }
    open_[socket.address] = *fd;
    opened.push_back(socket.address);
    keeper_.Put(absl::StrCat(prefix_, socket.address), "", *std::move(fd));
  }
  return absl::OkStatus();
}

void ServiceSockets::KeepOnly(const std::vector<HostedSocket>& sockets) {
  std::vector<std::string> others;
  for (const auto& [address, socket] : open_) {
    const std::string& name = address;
    if (std::none_of(sockets.begin(), sockets.end(),
                     [&name](const HostedSocket& kept) {
                       return kept.address == name;
                     })) {
      others.push_back(address);
    }
  }
  for (const std::string& address : others) Close(address);
}

void ServiceSockets::Close(const std::string& address) {
  if (absl::Status removed = RemoveSocketFile(open_.at(address));
      !removed.ok()) {
    std::cerr << absl::StrCat("fdrpc-host: the file of ", address, ": ",
                              removed.message(), "\n");
  }
  keeper_.Drop(absl::StrCat(prefix_, address));
  open_.erase(address);
}

std::vector<PassedDescriptor> ServiceSockets::PassedFor(
    const std::vector<HostedSocket>& sockets) const {
  std::vector<PassedDescriptor> passed;
  for (const HostedSocket& socket : sockets) {
    passed.push_back({socket.name, open_.at(socket.address)});
  }
  return passed;
}

std::set<std::string> ServiceSockets::Names() const {
  std::set<std::string> names;
  for (const auto& [address, socket] : open_) {
    names.insert(SocketName(socket.get()));
  }
  names.erase("");
  return names;
}

}  // namespace fdrpc::host
