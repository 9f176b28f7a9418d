#ifndef FDRPC_TESTS_CONFORMANCE_ATTACKED_SERVER_H_
#define FDRPC_TESTS_CONFORMANCE_ATTACKED_SERVER_H_

#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/attack_fixture.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/manual_clock.h"
#include "tests/support/on_clock.h"
#include "tests/support/raw_peer.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// A real server with the test service, and raw clients that attack it. After
// each test, a correct client must be served, and the server must hold the same
// descriptors as at its start.
class AttackedServer : public AttackFixture {
 protected:
  // The methods as a raw client numbers them.
  static constexpr uint32_t kEcho = 1, kExchange = 2, kPut = 3, kGet = 4,
                            kWatch = 5;
  // Status codes on the wire.
  static constexpr uint32_t kOk = 0, kDeadlineExceeded = 4,
                            kResourceExhausted = 8, kUnimplemented = 12,
                            kInternal = 13;

  // Flags of the open frame of a complete request.
  static constexpr uint8_t kWhole =
      RawFrame::kHasMessage | RawFrame::kHalfClose;
  static constexpr uint8_t kOneWayWhole = RawFrame::kOneWay | kWhole;

  void Serve(ServerOptions options = {}) {
    server_ = OnClock::NewServer(options, clock_);
    server_->AddService(service_);
    ASSERT_TRUE(server_->Listen(address()).ok());
    ASSERT_TRUE(server_->Start().ok());
    before_attack_ = TakeCensus();
  }

  void TearDown() override {
    if (server_ == nullptr) return;
    ExpectServes();
    EXPECT_EQ(TakeCensusExpecting(before_attack_), before_attack_)
        << "the server holds other descriptors than before the attack";
    // Its handlers may use members of the test.
    server_.reset();
  }

  // A connection on which nothing was sent.
  RawPeer NewPeer() { return RawPeer::Connect(dir_.file("socket"), scheme()); }

  // A hello and the names of the methods.
  static std::string Greeting() {
    std::string bytes = RawHello().Bytes();
    uint32_t number = 0;
    for (const char* method : {"Echo", "Exchange", "Put", "Get", "Watch"}) {
      bytes += MethodFrame(++number,
                           std::string("fdrpc.testing.TestService/") + method)
                   .Bytes();
    }
    return bytes;
  }

  // A client that has completed the handshake.
  RawPeer NewClient() {
    RawPeer client = NewPeer();
    EXPECT_TRUE(client.Send(Greeting()));
    EXPECT_TRUE(client.ReadType(RawFrame::kHello).has_value());
    return client;
  }

  // A correct client is served, including descriptors; if the server has a
  // limit, at the latest when it has noticed that others are gone.
  void ExpectServes() {
    absl::StatusOr<Channel> channel = Channel::Connect(address());
    ASSERT_TRUE(channel.ok()) << channel.status();
    // A call with descriptors is not made again once they were sent.
    const absl::Status ready = channel->WaitForReady(absl::Seconds(20));
    ASSERT_TRUE(ready.ok()) << ready;
    TestService::Stub stub(*channel);
    Parcel<Files> request;
    request.set_first(FileWith("content"));
    request.add_files(FileWith("more"));
    absl::StatusOr<Parcel<Files>> reply = stub.Exchange(std::move(request));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(ReadRest(reply->take_first().get()), "content");
    EXPECT_EQ(ReadRest(reply->take_files(0).get()), "more");
  }

  // A call on this connection succeeds.
  static void ExpectLives(RawPeer& client, uint32_t call) {
    ASSERT_TRUE(client.Send(OpenFrame(call, kEcho, TextBytes("alive"))));
    RawStatus status = client.ReadStatus(call);
    EXPECT_EQ(status.code, kOk) << status.text;
    EXPECT_EQ(status.message, TextBytes("alive"));
  }

  // The server ends a connection on which this follows the handshake.
  void ExpectPoisons(const std::string& bytes,
                     const std::vector<int>& fds = {}) {
    RawPeer client = NewClient();
    client.Send(bytes, fds);
    EXPECT_TRUE(client.ReachesEnd());
  }
  void ExpectPoisons(const RawFrame& frame, const std::vector<int>& fds = {}) {
    ExpectPoisons(frame.Bytes(), fds);
  }

  // The server ends a call with that frame with that status, and the connection
  // continues.
  void ExpectFailsCall(const RawFrame& open, const std::vector<int>& fds,
                       uint32_t code) {
    RawPeer client = NewClient();
    ASSERT_TRUE(client.Send(open, fds));
    RawStatus status = client.ReadStatus(open.call);
    EXPECT_EQ(status.code, code) << status.text;
    EXPECT_NE(status.text, "");
    EXPECT_TRUE(status.descriptors.empty());
    ExpectLives(client, open.call + 1);
  }

  // Handlers of Echo that are called with "hold" continue until released_.
  void HoldHandlers() {
    service_.echo = [&](ServerContext&, const Text& request, Text& reply) {
      if (request.text() == "hold") {
        ++held_;
        released_.wait();
      }
      reply = request;
      return absl::OkStatus();
    };
  }
  // A client that makes such a call, with an open frame with these flags, and
  // leaves when its handler runs.
  void LeaveACallBehind(uint8_t flags) {
    RawPeer client = NewClient();
    RawFrame open = OpenFrame(1, kEcho, TextBytes("hold"));
    open.flags = flags;
    const int before = held_;
    ASSERT_TRUE(client.Send(open));
    while (held_ == before) std::this_thread::yield();
  }

  static std::string TextBytes(const std::string& text, int64_t number = 0) {
    Text message;
    message.set_text(text);
    message.set_number(number);
    return message.SerializeAsString();
  }
  // A message with an fdrpc.Fd for each slot.
  static std::string FilesBytes(const std::vector<uint32_t>& slots) {
    Files message;
    for (uint32_t slot : slots) message.add_files()->set_slot(slot);
    return message.SerializeAsString();
  }
  // The same with slots 1 to `count`.
  static std::string FilesBytesTo(uint32_t count) {
    Files message;
    for (uint32_t i = 1; i <= count; ++i) message.add_files()->set_slot(i);
    return message.SerializeAsString();
  }
  // The numbers of `count` open files, which all are file_.
  std::vector<int> Fds(size_t count) {
    return std::vector<int>(count, file_.get());
  }

  UniqueFd file_ = FileWith("file");
  std::atomic<int> held_ = 0;
  std::latch released_{1};
  FakeService service_;
  ManualClock clock_{ManualClock::Between::kRuns};
  std::unique_ptr<Server> server_;

 private:
  DescriptorCensus before_attack_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CONFORMANCE_ATTACKED_SERVER_H_
