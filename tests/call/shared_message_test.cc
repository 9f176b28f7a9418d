// Messages of Protocol Buffers in shared memory.

#include <fcntl.h>

#include <cstddef>
#include <string>

#include "fdrpc/shared_buffer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing.pb.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

UniqueFd ReceivedCopy(const SharedFd& fd) {
  return UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

TEST(SharedMessageTest, AMessageIsPassedInSharedMemory) {
  ExpectSameDescriptors census;
  for (const size_t bytes : {0, 1, 100'000}) {
    Text sent;
    sent.set_data(std::string(bytes, 'x'));
    const auto buffer = SharedBuffer::OfMessage(sent);
    ASSERT_TRUE(buffer.ok()) << buffer.status();
    EXPECT_TRUE(buffer->writable().empty());
    const auto got =
        SharedBuffer::MessageFromFd<Text>(ReceivedCopy(buffer->fd()));
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(got->data(), sent.data());
  }
}

TEST(SharedMessageTest, WhatIsNoMessageIsRefused) {
  ExpectSameDescriptors census;
  absl::StatusOr<SharedBuffer> buffer = SharedBuffer::Create(3);
  ASSERT_TRUE(buffer.ok());
  buffer->writable()[0] = std::byte{0xff};
  const absl::StatusOr<SharedFd> sealed = buffer->Seal();
  ASSERT_TRUE(sealed.ok());
  const auto got = SharedBuffer::MessageFromFd<Text>(ReceivedCopy(*sealed));
  EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(got.status().message()), HasSubstr("no message"));
}

TEST(SharedMessageTest, WhatMayChangeIsNotParsed) {
  ExpectSameDescriptors census;
  absl::StatusOr<SharedBuffer> buffer = SharedBuffer::Create(3);
  ASSERT_TRUE(buffer.ok());
  const absl::StatusOr<SharedFd> sealed = buffer->SealForOthers();
  ASSERT_TRUE(sealed.ok());
  EXPECT_EQ(SharedBuffer::MessageFromFd<Text>(ReceivedCopy(*sealed),
                                              {.may_change = true})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace fdrpc::testing
