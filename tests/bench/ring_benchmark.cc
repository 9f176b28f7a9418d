// What rings in shared memory save: 64-byte frames between two threads that
// poll, over a stream socket, over the same with rings, and over two bare
// rings. In build-bench/tests/bench/fdrpc_micro_benchmark
// (--benchmark_filter=Polling).

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "benchmark/benchmark.h"
#include "os/shared_region.h"
#include "transport/ring_reader.h"
#include "transport/ring_transport.h"
#include "transport/ring_writer.h"
#include "transport/socket_transport.h"
#include "wire/ring_layout.h"

namespace fdrpc {
namespace {

constexpr size_t kPayloadBytes = 64;
constexpr uint32_t kRingBytes = 256u << 10;
constexpr uint32_t kLast = 0xffffffff;  // the call id of the last frame

std::string FrameBytes(uint32_t call_id = 1) {
  std::string bytes(kFrameHeaderBytes + kPayloadBytes, 'x');
  EncodeFrameHeader({.payload_bytes = kPayloadBytes,
                     .call_id = call_id,
                     .type = static_cast<uint8_t>(FrameType::kMessage),
                     .flags = kFlagMessage},
                    bytes.data());
  return bytes;
}

// Sends so many frames, each of those bytes.
void SendFrames(Transport& transport, const std::string& bytes,
                size_t count = 1) {
  const std::vector<FrameToSend> frames(count, {.head = bytes});
  absl::Span<const FrameToSend> left(frames);
  while (!left.empty()) {
    const Transport::SendResult result = transport.Send(left);
    left.remove_prefix(result.sent);
    if (result.outcome == Transport::SendResult::Outcome::kWouldBlock) {
      pollfd polled = {
          .fd = transport.pollable_fd(), .events = POLLOUT, .revents = 0};
      poll(&polled, 1, -1);
    } else if (result.outcome != Transport::SendResult::Outcome::kSent) {
      std::abort();
    }
  }
}

// Polls until the next frame is there.
uint32_t PollForFrame(Transport& transport, IncomingFrame& frame) {
  while (transport.Next(frame).outcome != Transport::NextOutcome::kFrame) {
    while (!transport.MayReceive()) {
    }
    const auto outcome = transport.Receive().outcome;
    if (outcome != Transport::ReceiveOutcome::kReceived &&
        outcome != Transport::ReceiveOutcome::kWouldBlock) {
      std::abort();
    }
  }
  return frame.header.call_id;
}

using Pair = std::pair<std::unique_ptr<Transport>, std::unique_ptr<Transport>>;

Pair StreamPair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) !=
      0) {
    std::abort();
  }
  return {CreateSocketTransport(UniqueFd(fds[0]), SOCK_STREAM),
          CreateSocketTransport(UniqueFd(fds[1]), SOCK_STREAM)};
}

Pair RingPair() {
  Pair sockets = StreamPair();
  auto client =
      RingTransport::Create(std::move(sockets.first),
                            {.side = Side::kClient, .ring_bytes = kRingBytes});
  auto server =
      RingTransport::Create(std::move(sockets.second),
                            {.side = Side::kServer, .ring_bytes = kRingBytes});
  client->OnFeatures(Hello::kRings);
  server->OnFeatures(Hello::kRings);
  client->OnBusy();
  const std::string bytes = FrameBytes();
  IncomingFrame frame;
  while (!client->sends_in_ring() || !server->sends_in_ring()) {
    SendFrames(*client, bytes);
    PollForFrame(*server, frame);
    SendFrames(*server, bytes);
    PollForFrame(*client, frame);
  }
  return {std::move(client), std::move(server)};
}

template <Pair (*make)()>
void PollingRoundTrip(benchmark::State& state) {
  Pair pair = make();
  const std::string bytes = FrameBytes();
  std::thread echo([&] {
    IncomingFrame frame;
    while (PollForFrame(*pair.second, frame) != kLast) {
      SendFrames(*pair.second, bytes);
    }
  });
  IncomingFrame frame;
  for (auto _ : state) {
    SendFrames(*pair.first, bytes);
    PollForFrame(*pair.first, frame);
  }
  SendFrames(*pair.first, FrameBytes(kLast));
  echo.join();
}
BENCHMARK_TEMPLATE(PollingRoundTrip, StreamPair)->UseRealTime();
BENCHMARK_TEMPLATE(PollingRoundTrip, RingPair)->UseRealTime();

// A stream in one direction, so many frames with each send.
template <Pair (*make)()>
void PollingStream(benchmark::State& state) {
  Pair pair = make();
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    const std::string bytes = FrameBytes();
    while (!stop.load(std::memory_order_relaxed)) {
      SendFrames(*pair.first, bytes, static_cast<size_t>(state.range(0)));
    }
    SendFrames(*pair.first, FrameBytes(kLast));
  });
  IncomingFrame frame;
  for (auto _ : state) PollForFrame(*pair.second, frame);
  stop = true;
  while (PollForFrame(*pair.second, frame) != kLast) {
  }
  sender.join();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_TEMPLATE(PollingStream, StreamPair)->Arg(1)->Arg(64)->UseRealTime();
BENCHMARK_TEMPLATE(PollingStream, RingPair)->Arg(1)->Arg(64)->UseRealTime();

// A region, with the mappings of both sides.
struct BareRings {
  SharedRegion mapped[2];

  BareRings() {
    const size_t bytes = ring_layout::RegionBytes(kRingBytes, kRingBytes);
    auto made = SharedRegion::Make(bytes);
    if (!made.ok()) std::abort();
    mapped[0] = std::move(made->region);
    auto joined = SharedRegion::Join(std::move(made->file), bytes);
    if (!joined.ok()) std::abort();
    mapped[1] = *std::move(joined);
  }
  // The part of that side, as side `seen_by` maps it.
  RegionWords Part(int side, int seen_by) const {
    return RegionWords(mapped[seen_by].data() +
                       (side == 0 ? 0 : ring_layout::PartBytes(kRingBytes)));
  }
  RingWriter Writer(int side) const {
    return {Part(side, side), Part(1 - side, side), kRingBytes};
  }
  RingReader Reader(int side) const {
    return {Part(side, side), Part(1 - side, side), kRingBytes};
  }
};

void Write(RingWriter& writer, const std::string& bytes) {
  while (!writer.HasRoom(bytes.size())) {
  }
  writer.Append(bytes);
  writer.Publish();
}

void ReadInto(RingReader& reader, std::string& bytes) {
  while (reader.available() < bytes.size()) reader.Look();
  reader.Take(absl::MakeSpan(bytes));
}

void PollingRoundTripBareRings(benchmark::State& state) {
  const BareRings rings;
  std::thread echo([&] {
    RingWriter writer = rings.Writer(1);
    RingReader reader = rings.Reader(1);
    std::string bytes = FrameBytes();
    for (ReadInto(reader, bytes); bytes != FrameBytes(kLast);
         ReadInto(reader, bytes)) {
      Write(writer, bytes);
    }
  });
  RingWriter writer = rings.Writer(0);
  RingReader reader = rings.Reader(0);
  std::string bytes = FrameBytes();
  for (auto _ : state) {
    Write(writer, bytes);
    ReadInto(reader, bytes);
  }
  Write(writer, FrameBytes(kLast));
  echo.join();
}
BENCHMARK(PollingRoundTripBareRings)->UseRealTime();

void PollingStreamBareRings(benchmark::State& state) {
  const BareRings rings;
  std::atomic<bool> stop{false};
  std::thread sender([&] {
    RingWriter writer = rings.Writer(0);
    const std::string bytes = FrameBytes();
    while (!stop.load(std::memory_order_relaxed)) Write(writer, bytes);
    Write(writer, FrameBytes(kLast));
  });
  RingReader reader = rings.Reader(1);
  std::string bytes = FrameBytes();
  const std::string last = FrameBytes(kLast);
  for (auto _ : state) ReadInto(reader, bytes);
  stop = true;
  while (bytes != last) ReadInto(reader, bytes);
  sender.join();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(PollingStreamBareRings)->UseRealTime();

// What an upgrade costs each side.
void RegionMadeAndJoined(benchmark::State& state) {
  const auto ring_bytes = static_cast<uint32_t>(state.range(0));
  const size_t bytes = ring_layout::RegionBytes(ring_bytes, ring_bytes);
  for (auto _ : state) {
    auto made = SharedRegion::Make(bytes);
    if (!made.ok()) state.SkipWithError("no region");
    auto joined = SharedRegion::Join(std::move(made->file), bytes);
    if (!joined.ok()) state.SkipWithError("not mapped");
  }
}
BENCHMARK(RegionMadeAndJoined)->Arg(16 << 10)->Arg(256 << 10);

}  // namespace
}  // namespace fdrpc
