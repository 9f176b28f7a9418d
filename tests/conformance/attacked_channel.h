#ifndef FDRPC_TESTS_CONFORMANCE_ATTACKED_CHANNEL_H_
#define FDRPC_TESTS_CONFORMANCE_ATTACKED_CHANNEL_H_

#include <functional>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/attack_fixture.h"
#include "tests/support/files.h"
#include "tests/support/raw_peer.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// A real channel that makes calls, and a raw server that answers them as a test
// says.
class AttackedChannel : public AttackFixture {
 protected:
  using Code = absl::StatusCode;

  TestService::Stub NewStub(ChannelOptions options = {}) {
    absl::StatusOr<Channel> channel = Channel::Connect(address(), options);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return TestService::Stub(*channel);
  }

  // Calls, each on its own thread. The timeouts matter only to a test that
  // fails.
  static constexpr absl::Duration kGiveUp = absl::Seconds(30);
  std::future<absl::StatusOr<Text>> Echo(CallOptions options = {
                                             .timeout = kGiveUp}) {
    return std::async(std::launch::async, [stub = stub_, options] {
      Text request;
      request.set_text("x");
      return stub.Echo(request, options);
    });
  }
  std::future<absl::StatusOr<Parcel<Files>>> Get() {
    return std::async(std::launch::async, [stub = stub_] {
      return stub.Get(Text(), {.timeout = kGiveUp});
    });
  }
  std::future<absl::StatusOr<Text>> Put(int files, CallOptions options = {
                                                       .timeout = kGiveUp}) {
    return std::async(std::launch::async, [this, files, options] {
      Parcel<Files> request;
      for (int i = 0; i < files; ++i) request.add_files(file_);
      return stub_.Put(std::move(request), options);
    });
  }

  // The next connection, with the server's hello sent.
  RawPeer Accept(const RawHello& hello = {}) {
    RawPeer server = listener_.Accept();
    EXPECT_TRUE(server.Send(hello.Bytes()));
    return server;
  }
  // The id of the next call that the client makes.
  static uint32_t ReadCall(RawPeer& server) {
    std::optional<ReadFrame> open = server.ReadType(RawFrame::kOpen);
    EXPECT_TRUE(open.has_value()) << "the client leaves";
    return open.has_value() ? open->frame.call : 0;
  }

  // A call on this connection succeeds.
  void ExpectLives(RawPeer& server) {
    std::future<absl::StatusOr<Text>> reply = Echo();
    ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("alive"))));
    const absl::StatusOr<Text> text = reply.get();
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(text->text(), "alive");
  }
  // The channel makes its next call on a new connection, and succeeds.
  void ExpectRecovers() {
    std::future<absl::StatusOr<Text>> reply = Echo();
    RawPeer server = Accept();
    ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("alive"))));
    EXPECT_TRUE(reply.get().ok());
  }

  using Answer = std::function<std::string(uint32_t call)>;
  // A call that gets this answer ends with INTERNAL, and so does its
  // connection.
  void ExpectPoisons(const Answer& answer, const std::vector<int>& fds = {}) {
    std::future<absl::StatusOr<Text>> reply = Echo();
    RawPeer server = Accept();
    server.Send(answer(ReadCall(server)), fds);
    const absl::Status status = reply.get().status();
    EXPECT_EQ(status.code(), Code::kInternal) << status;
    EXPECT_TRUE(server.ReachesEnd());
    ExpectRecovers();
  }
  // A call that gets this answer ends with that code, and its connection
  // continues.
  void ExpectEndsCall(const Answer& answer, Code code) {
    std::future<absl::StatusOr<Text>> reply = Echo();
    RawPeer server = Accept();
    ASSERT_TRUE(server.Send(answer(ReadCall(server))));
    const absl::Status status = reply.get().status();
    EXPECT_EQ(status.code(), code) << status;
    ExpectLives(server);
  }
  // The same for a call of a method whose reply has descriptors.
  void ExpectEndsGet(const Answer& answer, const std::vector<int>& fds,
                     Code code) {
    std::future<absl::StatusOr<Parcel<Files>>> reply = Get();
    RawPeer server = Accept();
    ASSERT_TRUE(server.Send(answer(ReadCall(server)), fds));
    const absl::Status status = reply.get().status();
    EXPECT_EQ(status.code(), code) << status;
    ExpectLives(server);
  }

  static std::string TextBytes(const std::string& text) {
    Text message;
    message.set_text(text);
    return message.SerializeAsString();
  }
  static std::string FilesBytes(const std::vector<uint32_t>& slots) {
    Files message;
    for (uint32_t slot : slots) message.add_files()->set_slot(slot);
    return message.SerializeAsString();
  }
  std::vector<int> Fds(size_t count) const {
    return std::vector<int>(count, file_.get());
  }

  SharedFd file_{FileWith("file")};
  RawListener listener_{dir_.file("socket"), scheme()};
  TestService::Stub stub_ = NewStub();
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CONFORMANCE_ATTACKED_CHANNEL_H_
