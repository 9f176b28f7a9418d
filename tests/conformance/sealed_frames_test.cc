// Frames whose payload comes in a memory file, over packets: valid, invalid,
// and truncated by a limit of the receiver.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/attacked_channel.h"
#include "tests/conformance/attacked_server.h"
#include "tests/conformance/full_descriptor_table.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

UniqueFd MemoryFile(const std::string& content, int seals = kSeals) {
  UniqueFd file(memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, seals), 0);
  return file;
}

// The part of `frame` that goes into the packet if its payload is in a memory
// file.
RawFrame HeaderOf(RawFrame frame) {
  frame.length = static_cast<uint32_t>(frame.payload.size());
  frame.payload.clear();
  frame.flags |= RawFrame::kSealed;
  ++frame.descriptors;
  return frame;
}

class SealedRequestsTest : public AttackedServer {};
INSTANTIATE_TEST_SUITE_P(Over, SealedRequestsTest,
                         ::testing::Values("unix-seqpacket:", "unix-dgram:"),
                         SchemeName);

TEST_P(SealedRequestsTest, OfAnySizeAreServed) {
  Serve();
  RawPeer client = NewClient();
  uint32_t call = 0;
  for (const size_t size : {0, 10, 70'000, 1'000'000}) {
    const RawFrame open =
        OpenFrame(++call, kEcho, TextBytes(std::string(size, 'x')));
    const UniqueFd file = MemoryFile(open.payload);
    ASSERT_TRUE(client.Send(HeaderOf(open), {file.get()}));
    RawStatus status = client.ReadStatus(call);
    EXPECT_EQ(status.code, kOk) << status.text;
    EXPECT_EQ(status.message, open.payload);
  }
}

TEST_P(SealedRequestsTest, ComeBehindTheirDescriptors) {
  Serve();
  RawPeer client = NewClient();
  RawFrame open = OpenFrame(1, kPut, FilesBytesTo(252), 252);
  const UniqueFd file = MemoryFile(open.payload);
  std::vector<int> fds = Fds(252);
  fds.push_back(file.get());
  ASSERT_TRUE(client.Send(HeaderOf(open), fds));
  EXPECT_EQ(client.ReadStatus(1).code, kOk);
}

TEST_P(SealedRequestsTest, OfAFileThatIsNotWhatItShouldBePoison) {
  Serve();
  const RawFrame open = OpenFrame(1, kEcho, TextBytes("x"));
  const auto poisons = [&](const UniqueFd& file) {
    ExpectPoisons(HeaderOf(open), {file.get()});
  };
  poisons(MemoryFile(open.payload + "x"));
  poisons(MemoryFile(open.payload.substr(1)));
  poisons(MemoryFile(""));
  poisons(MemoryFile(open.payload, 0));
  for (const int missing : {F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_WRITE}) {
    poisons(MemoryFile(open.payload, kSeals & ~missing));
  }
  poisons(FileWith(open.payload));
  poisons(Pipe().first);
  poisons(UniqueFd(::open("/dev/zero", O_RDONLY | O_CLOEXEC)));
  // Without one, and after another frame.
  RawFrame header = HeaderOf(open);
  ExpectPoisons(header);
  header.descriptors = 0;
  ExpectPoisons(header);
  const UniqueFd file = MemoryFile(open.payload);
  ExpectPoisons(PingFrame(1).Bytes() + HeaderOf(open).Bytes(), {file.get()});
}

TEST_P(SealedRequestsTest, WithoutRoomForTheFileFailOnlyTheCall) {
  Serve();
  RawPeer client = NewClient();
  ExpectLives(client, 1);
  const RawFrame open = OpenFrame(2, kEcho, TextBytes("x"));
  RawFrame begun = OpenFrame(3, kEcho, "");
  begun.flags = RawFrame::kHasMessage | RawFrame::kMore;
  const RawFrame rest = {.type = RawFrame::kMessage,
                         .call = 3,
                         .flags = RawFrame::kHasMessage | RawFrame::kHalfClose,
                         .payload = TextBytes("x")};
  const UniqueFd file = MemoryFile(open.payload);
  {
    const FullDescriptorTable full(0);
    ASSERT_TRUE(client.Send(HeaderOf(open), {file.get()}));
    RawStatus status = client.ReadStatus(2);
    EXPECT_EQ(status.code, kResourceExhausted);
    EXPECT_THAT(status.text, HasSubstr("RLIMIT_NOFILE"));
    ASSERT_TRUE(client.Send(begun));
    ASSERT_TRUE(client.Send(HeaderOf(rest), {file.get()}));
    EXPECT_EQ(client.ReadStatus(3).code, kResourceExhausted);
    ExpectLives(client, 4);
  }
  RawFrame again = open;
  again.call = 5;
  ASSERT_TRUE(client.Send(HeaderOf(again), {file.get()}));
  EXPECT_EQ(client.ReadStatus(5).code, kOk);
}

class SealedRepliesTest : public AttackedChannel {};
INSTANTIATE_TEST_SUITE_P(Over, SealedRepliesTest,
                         ::testing::Values("unix-seqpacket:", "unix-dgram:"),
                         SchemeName);

TEST_P(SealedRepliesTest, OfAFileThatIsNotWhatItShouldBePoison) {
  const RawFrame reply = ReplyFrame(1, TextBytes("x"));
  const UniqueFd too_short = MemoryFile(reply.payload.substr(1));
  const UniqueFd unsealed = MemoryFile(reply.payload, 0);
  for (const int file : {too_short.get(), unsealed.get()}) {
    ExpectPoisons(
        [&](uint32_t call) {
          return HeaderOf(ReplyFrame(call, TextBytes("x"))).Bytes();
        },
        {file});
  }
}

TEST_P(SealedRepliesTest, WithoutRoomForTheFileFailOnlyTheCall) {
  std::future<absl::StatusOr<Text>> first = Echo();
  RawPeer server = Accept();
  ASSERT_TRUE(server.Send(ReplyFrame(ReadCall(server), TextBytes("x"))));
  ASSERT_TRUE(first.get().ok());
  const RawFrame end = ReplyFrame(1, TextBytes("x"));
  const RawFrame headers = {
      .type = RawFrame::kHeaders,
      .flags = RawFrame::kMetadata,
      .payload = Sized(MetadataBlock({{"key", "value"}}))};
  const RawFrame piece = {.type = RawFrame::kMessage,
                          .flags = RawFrame::kHasMessage | RawFrame::kMore,
                          .payload = TextBytes("x")};
  for (RawFrame frame : {end, headers, piece}) {
    const UniqueFd file = MemoryFile(frame.payload);
    std::future<absl::StatusOr<Text>> reply = Echo();
    frame.call = ReadCall(server);
    {
      const FullDescriptorTable full(0);
      ASSERT_TRUE(server.Send(HeaderOf(frame), {file.get()}));
      const absl::Status status = reply.get().status();
      EXPECT_EQ(status.code(), Code::kResourceExhausted) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr("RLIMIT_NOFILE"));
    }
    ExpectLives(server);
  }
}

}  // namespace
}  // namespace fdrpc::testing
