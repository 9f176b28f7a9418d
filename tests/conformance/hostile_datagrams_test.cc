// Datagrams to a server that are no calls (docs/protocol.md, "Calls in
// datagrams"). A correct client is served after each.

#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/conformance/hostile_datagrams_fixture.h"
#include "tests/conformance/raw_datagrams.h"
#include "tests/support/files.h"
#include "tests/support/open_file_limit.h"
#include "tests/support/raw_frame.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

TEST_F(HostileDatagramsTest, ACorrectCallIsAnswered) {
  RawCall call;
  call.open.payload = TextOf("hello").SerializeAsString();
  ASSERT_EQ(client_.SendTo(server_name_, call.Bytes()), 0);
  const RawSocket::Received answer = client_.Receive();
  EXPECT_EQ(answer.bytes, AnswerBytes(call.key, call.call,
                                      {.type = RawFrame::kStatus,
                                       .call = 1,
                                       .flags = RawFrame::kHasMessage,
                                       .payload = call.open.payload}));
  EXPECT_EQ(answer.from.length, 0u) << "an answer comes from a nameless socket";
}

TEST_F(HostileDatagramsTest, BytesThatAreNoCallAreDropped) {
  ExpectDrops(std::string("garbage"), {file_.get()});
  const std::string bytes = RawCall().Bytes();
  for (size_t size = 1; size < bytes.size(); size += 7) {
    ExpectDrops(bytes.substr(0, size), {file_.get()});
  }
  ExpectDrops(bytes + "x");
  ExpectDrops(std::string(65'537, 'x'));
  RawCall call;
  call.open.payload = std::string(66'000, 'x');
  ExpectDrops(call);
}

TEST_F(HostileDatagramsTest, WrongMagicAndVersionsAreDropped) {
  ExpectDrops(RawCall{.magic = "FDRA"});
  ExpectDrops(RawCall{.magic = "FDRP"});
  ExpectDrops(RawCall{.version = 0});
  ExpectDrops(RawCall{.version = 2});
  ExpectDrops(RawCall{.name_length = 0});
  ExpectDrops(RawCall{.name_length = 65'535});
}

TEST_F(HostileDatagramsTest, FramesThatAreNoWholeRequestAreDropped) {
  RawCall call;
  for (const uint8_t type : {0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x80}) {
    call.open.type = type;
    ExpectDrops(call, {file_.get()});
  }
  call = RawCall();
  for (int flags = 0; flags < 256; ++flags) {
    if ((flags & 0x3a) == RawCall::kWholeRequest && (flags & 0xc0) == 0)
      continue;
    if ((flags & 0x3a) == (RawCall::kWholeRequest | RawFrame::kOneWay))
      continue;
    call.open.flags = static_cast<uint8_t>(flags);
    ExpectDrops(call);
  }
  call = RawCall();
  call.open.call = 0;
  ExpectDrops(call);
  call.open.call = 2;
  ExpectDrops(call);
  call = RawCall();
  call.open.argument = 2;
  ExpectDrops(call);
  call = RawCall();
  call.open.length = 1u << 30;
  ExpectDrops(call);
  call = RawCall();
  call.open.flags |= RawFrame::kTimeout;
  ExpectDrops(call);
  call.open.flags = RawCall::kWholeRequest | RawFrame::kMetadata;
  call.open.payload = Sized("not a block");
  ExpectDrops(call);
}

TEST_F(HostileDatagramsTest, AnotherNumberOfDescriptorsIsDropped) {
  RawCall call;
  ExpectDrops(call, {file_.get()});
  call.method = "fdrpc.testing.TestService/Put";
  call.open.descriptors = 2;
  ExpectDrops(call, {file_.get()});
  ExpectDrops(call);
  ExpectDrops(call, std::vector<int>(253, file_.get()));
  call.open.descriptors = 300;
  ExpectDrops(call, std::vector<int>(253, file_.get()));
}

TEST_F(HostileDatagramsTest, DescriptorsOfAMethodThatHasNoneFailTheCall) {
  RawCall call;
  call.open.descriptors = 3;
  for (int i = 0; i < 100; ++i) {
    ExpectAnswers(call, std::vector<int>(3, file_.get()), 13);
  }
}

TEST_F(HostileDatagramsTest, SlotsThatDoNotMatchFailTheCall) {
  RawCall call;
  call.method = "fdrpc.testing.TestService/Put";
  call.open.descriptors = 2;
  Files files;
  files.add_files()->set_slot(1);
  call.open.payload = files.SerializeAsString();
  ExpectAnswers(call, std::vector<int>(2, file_.get()), 13);
  files.add_files()->set_slot(3);
  call.open.payload = files.SerializeAsString();
  ExpectAnswers(call, std::vector<int>(2, file_.get()), 13);
}

TEST_F(HostileDatagramsTest, WhatTheServerDoesNotHaveFailsTheCall) {
  RawCall call;
  call.method = "no.Service/Method";
  ExpectAnswers(call, {}, 12);
  call.method = "fdrpc.testing.TestService/No";
  ExpectAnswers(call, {}, 12);
  for (const char* stream : {"Watch", "Collect", "Chat"}) {
    call.method = std::string("fdrpc.testing.TestService/") + stream;
    ExpectAnswers(call, {}, 12);
  }
  call = RawCall();
  call.open.payload = "\xff\xff\xff";
  ExpectAnswers(call, {}, 13);
  call = RawCall();
  call.open.flags |= RawFrame::kTimeout;
  call.open.payload = Bytes64(0);
  ExpectAnswers(call, {}, 4);
}

TEST_F(HostileDatagramsTest, OneWayCallsOfNothingAreCounted) {
  RawCall call;
  call.open.flags |= RawFrame::kOneWay;
  call.method = "no.Service/Method";
  ASSERT_EQ(RawSocket().SendTo(server_name_, call.Bytes()), 0);
  call.method = "fdrpc.testing.TestService/Watch";
  ASSERT_EQ(RawSocket().SendTo(server_name_, call.Bytes()), 0);
  while (server_->statistics().one_way_errors < 2) std::this_thread::yield();
  EXPECT_EQ(server_->statistics().one_way_calls, 2u);
}

// The server would send to whatever is at that path by then.
TEST_F(HostileDatagramsTest, ASenderWithAPathOrWithoutANameGetsNoAnswer) {
  const RawCall call;
  const RawSocket with_path =
      RawSocket::Bound(dir_.address("client", "unix-dgram:"));
  const uint64_t refused = server_->statistics().refused_knocks;
  ASSERT_EQ(with_path.SendTo(server_name_, call.Bytes()), 0);
  ASSERT_EQ(RawSocket().SendTo(server_name_, call.Bytes()), 0);
  // The kernel names a socket without one only if it asks for credentials.
  while (server_->statistics().refused_knocks < refused + 1) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(with_path.HasDatagram());
}

TEST_F(HostileDatagramsTest, ATruncatedSetFailsItsCall) {
  RawCall call;
  call.method = "fdrpc.testing.TestService/Put";
  call.open.descriptors = 5;
  Files files;
  for (int i = 1; i <= 5; ++i) files.add_files()->set_slot(i);
  call.open.payload = files.SerializeAsString();
  OpenFileLimit few(2);
  ExpectAnswers(call, std::vector<int>(5, file_.get()), 8);
}

}  // namespace
}  // namespace fdrpc::testing
