#include "services/capture/relayed_connection.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "os/descriptor_kind.h"
#include "wire/hello.h"
#include "wire/limits.h"

namespace fdrpc::capture {
namespace {

using State = RelayedDirection::State;

// In the payload of a hello (docs/protocol.md, "Handshake").
constexpr size_t kVersionOffset = 4;
constexpr size_t kFeaturesOffset = 8;

bool HasHungUp(const pollfd& polled) {
  return (polled.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace

RelayedConnection::RelayedConnection(uint32_t number,
                                     std::shared_ptr<RelayedUsers::Place> place,
                                     std::unique_ptr<Transport> client,
                                     std::unique_ptr<Transport> server,
                                     RecordingWriter& writer, OnOffer on_offer)
    : number_(number),
      place_(std::move(place)),
      client_(std::move(client)),
      server_(std::move(server)),
      writer_(writer),
      on_offer_(std::move(on_offer)),
      closes_(user().is_foreign ? user().closes
                                : std::make_shared<PendingCloses>()),
      from_client_(*client_, *server_, *closes_,
                   [this](IncomingFrame& frame) {
                     OnFrame(Direction::kFromClient, frame);
                   }),
      from_server_(*server_, *client_, *closes_, [this](IncomingFrame& frame) {
        OnFrame(Direction::kFromServer, frame);
      }) {
  client_->CountInFlight(place_->user().in_flight);
  server_->CountInFlight(place_->user().in_flight);
}

bool RelayedConnection::waits_for_closes() const {
  return closes_->count() > kMaxFrameDescriptors;
}

size_t RelayedConnection::held() const {
  return from_client_.held_descriptors() + from_server_.held_descriptors();
}

void RelayedConnection::Poll(std::vector<pollfd>& polled) const {
  if (is_paused()) {
    polled.insert(polled.end(), kPolled, {.fd = -1, .events = 0, .revents = 0});
    return;
  }
  const auto events = [&](const RelayedDirection& in,
                          const RelayedDirection& out) {
    int events = 0;
    if (in.waits_to_receive()) events |= POLLIN;
    if (out.waits_to_send()) events |= POLLOUT;
    return static_cast<short>(events);
  };
  const auto add = [&](const Transport& transport, const RelayedDirection& in,
                       const RelayedDirection& out) {
    const short wanted = events(in, out);
    // POLLHUP cannot be declined, and is of use only if something is wanted, or
    // if it is the only thing that may come.
    const bool waits_for_end = in.is_unwanted();
    polled.push_back(
        {.fd = wanted != 0 || waits_for_end ? transport.pollable_fd() : -1,
         .events = wanted,
         .revents = 0});
  };
  add(*client_, from_client_, from_server_);
  add(*server_, from_server_, from_client_);
}

std::string RelayedConnection::Move(const pollfd* polled) {
  paused_ = false;
  const ReceivedFdSenderScope sender(closes_);
  const State from_client = from_client_.Move();
  const State from_server = from_server_.Move();
  if (from_client == State::kBroken) {
    return absl::StrCat("from the client: ", from_client_.mistake().message());
  }
  if (from_server == State::kBroken) {
    return absl::StrCat("from the server: ", from_server_.mistake().message());
  }
  if (from_client == State::kEnded ||
      (from_client == State::kUnwanted && HasHungUp(polled[0]))) {
    return "the client has ended it";
  }
  // If the client takes nothing more, what it has sent is still to be passed
  // on, one-way calls for example.
  if (from_server == State::kEnded ||
      (from_server == State::kUnwanted && HasHungUp(polled[1]))) {
    return "the server has ended it";
  }
  return "";
}

void RelayedConnection::OnFrame(Direction direction, IncomingFrame& frame) {
  std::vector<DescriptorInfo> descriptors;
  descriptors.reserve(frame.descriptors.size());
  for (const UniqueFd& fd : frame.descriptors) {
    descriptors.push_back(InfoOf(fd.get()));
  }
  char header[kFrameHeaderBytes];
  EncodeFrameHeader(frame.header, header);
  writer_.Add(RecordKind::kFrame, direction, number_, descriptors,
              {header, sizeof(header)}, frame.payload);
  switch (static_cast<FrameType>(frame.header.type)) {
    case FrameType::kHello:
      OnHello(frame);
      break;
    case FrameType::kOffer:
      // Only one, so that a client cannot take more than its share; a second
      // one is rare, and its calls are not recorded.
      if (direction == Direction::kFromClient &&
          frame.descriptors.size() == 1 && !std::exchange(offered_, true)) {
        frame.descriptors[0] = on_offer_(std::move(frame.descriptors[0]));
      }
      break;
    default:
      break;
  }
}

void RelayedConnection::OnHello(IncomingFrame& frame) {
  if (frame.payload.size() < kHelloBytes) return;
  PayloadBuffer changed = PayloadBuffer::Allocate(frame.payload.size());
  std::memcpy(changed.data(), frame.payload.data(), frame.payload.size());
  StoreLittleEndian(
      changed.data() + kVersionOffset,
      std::min(LoadLittleEndian<uint16_t>(changed.data() + kVersionOffset),
               Hello::kVersion));
  StoreLittleEndian(changed.data() + kFeaturesOffset, uint64_t{0});
  frame.payload = {changed.data(), frame.payload.size()};
  frame.buffer = std::move(changed);
}

}  // namespace fdrpc::capture
