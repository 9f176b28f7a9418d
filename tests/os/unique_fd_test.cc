#include "fdrpc/unique_fd.h"

#include <fcntl.h>

#include <cerrno>
#include <type_traits>
#include <utility>
#include <vector>

#include "fdrpc/shared_fd.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

class UniqueFdTest : public ::testing::Test {
 protected:
  ExpectSameDescriptors census_;
};

TEST_F(UniqueFdTest, OwnsNothingByDefaultOrOfANegativeNumber) {
  EXPECT_FALSE(UniqueFd().ok());
  EXPECT_EQ(UniqueFd().get(), -1);
  EXPECT_FALSE(UniqueFd(-1).ok());
  EXPECT_EQ(UniqueFd(-7).get(), -1);
}

TEST_F(UniqueFdTest, ClosesWhatItOwns) {
  int number;
  {
    UniqueFd fd = FileWith("");
    number = fd.get();
    EXPECT_TRUE(fd.ok());
    EXPECT_TRUE(IsOpen(number));
  }
  EXPECT_FALSE(IsOpen(number));
}

TEST_F(UniqueFdTest, MovesOwnership) {
  UniqueFd from = FileWith("");
  const int number = from.get();
  UniqueFd to(std::move(from));
  EXPECT_FALSE(from.ok());
  EXPECT_EQ(to.get(), number);
  EXPECT_TRUE(IsOpen(number));
  static_assert(!std::is_copy_constructible_v<UniqueFd>);
  static_assert(!std::is_copy_assignable_v<UniqueFd>);
  static_assert(std::is_nothrow_move_constructible_v<UniqueFd>);
  static_assert(std::is_nothrow_move_assignable_v<UniqueFd>);
}

TEST_F(UniqueFdTest, ClosesWhatItOwnedWhenAssigned) {
  UniqueFd first = FileWith("");
  UniqueFd second = FileWith("");
  const int old = first.get();
  const int number = second.get();
  first = std::move(second);
  EXPECT_FALSE(IsOpen(old));
  EXPECT_EQ(first.get(), number);
  EXPECT_FALSE(second.ok());
}

TEST_F(UniqueFdTest, KeepsWhatItOwnsWhenAssignedToItself) {
  UniqueFd fd = FileWith("content");
  UniqueFd& same = fd;
  fd = std::move(same);
  EXPECT_TRUE(fd.ok());
  EXPECT_EQ(ReadRest(fd.get()), "content");
}

TEST_F(UniqueFdTest, ReleasesOwnershipWithoutClosing) {
  UniqueFd fd = FileWith("");
  const int number = fd.Release();
  EXPECT_FALSE(fd.ok());
  EXPECT_TRUE(IsOpen(number));
  UniqueFd again(number);
}

TEST_F(UniqueFdTest, ResetClosesAndTakesOver) {
  UniqueFd fd = FileWith("");
  const int old = fd.get();
  const int number = FileWith("").Release();
  fd.Reset(number);
  EXPECT_FALSE(IsOpen(old));
  EXPECT_EQ(fd.get(), number);
  fd.Reset();
  EXPECT_FALSE(IsOpen(number));
  fd.Reset(-5);
  EXPECT_EQ(fd.get(), -1);
}

TEST_F(UniqueFdTest, KeepsErrno) {
  UniqueFd fd = FileWith("");
  errno = ENOTTY;
  fd.Reset();
  EXPECT_EQ(errno, ENOTTY);
  // Closing what is not open fails with EBADF, which is not shown either.
  const int number = FileWith("").Release();
  { UniqueFd owner(number); }
  errno = ENOTTY;
  { UniqueFd not_open(number); }
  EXPECT_EQ(errno, ENOTTY);
}

TEST_F(UniqueFdTest, LivesInContainers) {
  std::vector<UniqueFd> fds;
  for (int i = 0; i < 50; ++i) fds.push_back(FileWith(std::to_string(i)));
  fds.erase(fds.begin(), fds.begin() + 25);
  EXPECT_EQ(ReadRest(fds.front().get()), "25");
}

class SharedFdTest : public UniqueFdTest {};

TEST_F(SharedFdTest, ClosesWithItsLastCopy) {
  UniqueFd file = FileWith("");
  const int number = file.get();
  auto first = std::make_unique<SharedFd>(std::move(file));
  SharedFd second = *first;
  EXPECT_EQ(second.get(), number);
  first.reset();
  EXPECT_TRUE(second.ok());
  EXPECT_TRUE(IsOpen(number));
  second = SharedFd();
  EXPECT_FALSE(IsOpen(number));
}

TEST_F(SharedFdTest, IsEmptyByDefaultAndOfAnEmptyOwner) {
  EXPECT_FALSE(SharedFd().ok());
  EXPECT_EQ(SharedFd().get(), -1);
  EXPECT_FALSE(SharedFd(UniqueFd()).ok());
  EXPECT_EQ(SharedFd(UniqueFd()).get(), -1);
}

}  // namespace
}  // namespace fdrpc::testing
