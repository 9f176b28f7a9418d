#include "services/program/copy.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <thread>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::program {
namespace {

using ::testing::HasSubstr;

std::string Text(size_t length) {
  std::string text;
  for (size_t i = 0; text.size() < length; ++i) text += std::to_string(i);
  text.resize(length);
  return text;
}

TEST(CopyTest, CopiesEverythingFromTheOffsetOn) {
  testing::ExpectSameDescriptors census;
  for (const size_t length : {0u, 1u, 131072u, 131073u, 3u << 20}) {
    const UniqueFd from = testing::FileWith(Text(length));
    const UniqueFd to = testing::FileWith("");
    EXPECT_TRUE(Copy(from.get(), to.get()).ok());
    lseek(to.get(), 0, SEEK_SET);
    EXPECT_EQ(testing::ReadRest(to.get()), Text(length));
  }
}

TEST(CopyTest, GoesOnAfterShortWritesAndFullOrEmptyPipesInNonBlockingMode) {
  testing::ExpectSameDescriptors census;
  auto [in, feed] = testing::Pipe();
  auto [drain, out] = testing::Pipe();
  for (const int fd : {in.get(), out.get()}) {
    ASSERT_EQ(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
  }
  // An odd size, so that no write ends where a pipe is full.
  ASSERT_GT(fcntl(out.get(), F_SETPIPE_SZ, 4096), 0);
  const std::string text = Text(1000003);
  std::thread feeder([&text, feed = std::move(feed)] {
    size_t done = 0;
    while (done < text.size()) {
      const ssize_t more = write(feed.get(), text.data() + done,
                                 std::min<size_t>(777, text.size() - done));
      ASSERT_GT(more, 0);
      done += static_cast<size_t>(more);
    }
  });
  std::string received;
  std::thread drainer([&received, drain = std::move(drain)] {
    received = testing::ReadRest(drain.get());
  });
  EXPECT_TRUE(Copy(in.get(), out.get()).ok());
  out.Reset();
  feeder.join();
  drainer.join();
  EXPECT_EQ(received, text);
}

TEST(CopyTest, SaysWhetherReadingOrWritingFailed) {
  testing::ExpectSameDescriptors census;
  const UniqueFd directory(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  const UniqueFd text = testing::FileWith("text");
  EXPECT_THAT(std::string(Copy(directory.get(), text.get()).message()),
              HasSubstr("reading"));
  EXPECT_THAT(std::string(Copy(text.get(), full.get()).message()),
              HasSubstr("writing"));
}

TEST(CopyTest, ReportsAPipeThatNobodyReadsIfTheSignalIsIgnored) {
  testing::ExpectSameDescriptors census;
  const auto former = std::signal(SIGPIPE, SIG_IGN);
  auto [read_end, write_end] = testing::Pipe();
  read_end.Reset();
  const UniqueFd text = testing::FileWith("text");
  EXPECT_THAT(std::string(Copy(text.get(), write_end.get()).message()),
              HasSubstr("writing: Broken pipe"));
  std::signal(SIGPIPE, former);
}

TEST(CopyTest, ReadsUpToASizeOrTheEnd) {
  testing::ExpectSameDescriptors census;
  auto [read_end, write_end] = testing::Pipe();
  ASSERT_EQ(fcntl(read_end.get(), F_SETFL, O_NONBLOCK), 0);
  std::thread writer([end = std::move(write_end)] {
    for (const char* part : {"ab", "cde", "f"}) WriteAll(end.get(), part);
  });
  char bytes[8] = {};
  EXPECT_EQ(ReadUpTo(read_end.get(), bytes, 4), 4u);
  EXPECT_STREQ(bytes, "abcd");
  EXPECT_EQ(ReadUpTo(read_end.get(), bytes, 4), 2u);
  EXPECT_EQ(ReadUpTo(read_end.get(), bytes, 4), 0u);
  writer.join();
  const UniqueFd directory(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(ReadUpTo(directory.get(), bytes, 4), std::nullopt);
}

}  // namespace
}  // namespace fdrpc::program
