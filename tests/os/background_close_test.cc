#include "os/background_close.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "os/ancillary.h"
#include "os/poller.h"
#include "os/wakeup.h"
#include "os/watch_timer.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/lingering_socket.h"

namespace fdrpc::testing {
namespace {

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

void AwaitClosed(int fd) {
  while (IsOpen(fd)) std::this_thread::yield();
}

void AwaitNonePending() {
  while (BackgroundClosesPending() != 0) std::this_thread::yield();
}

TEST(BackgroundCloseTest, WhatCannotBlockIsClosedAtOnce) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  for (int fd : {ends[0], ends[1], open("/dev/null", O_RDONLY | O_CLOEXEC),
                 memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING)}) {
    ASSERT_TRUE(IsOpen(fd));
    CloseInBackground(UniqueFd(fd));
    EXPECT_FALSE(IsOpen(fd));
  }
}

TEST(BackgroundCloseTest, OthersAreClosedByAnotherThread) {
  const DescriptorCensus before = TakeCensus();
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  std::vector<UniqueFd> fds;
  for (int fd : {ends[0], ends[1], open("/proc/self/stat", O_CLOEXEC)}) {
    fds.emplace_back(fd);
  }
  CloseInBackground(std::move(fds));
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

// Each kind of file has a question of its own, which is asked first as long as
// such files come.
TEST(BackgroundCloseTest, OneQuestionIsAskedOfEachOfManyOfAKind) {
  const DescriptorCensus before = TakeCensus();
  const auto memory = [] {
    return memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  };
  const auto pipe_end = [] {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    close(ends[1]);
    return ends[0];
  };
  const auto socket = [] {
    return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  };
  const auto device = [] { return open("/dev/null", O_RDONLY | O_CLOEXEC); };
  const std::vector<std::pair<const char*, std::function<int()>>> kinds = {
      {"statx", memory},
      {"get_pipe_size", pipe_end},
      {"getsockopt", socket},
      {"statx", device}};
  for (const auto& [question, make] : kinds) {
    CloseInBackground(UniqueFd(make()));
    const FaultInjection counts(
        [](std::string_view, size_t) { return FaultInjection::Fault(); });
    for (int i = 0; i < 3; ++i) CloseInBackground(UniqueFd(make()));
    for (const auto& [other, _] : kinds) {
      EXPECT_EQ(counts.CountOf(other),
                std::string_view(other) == question ? 3u : 0u)
          << other << " of those that have " << question;
    }
    AwaitNonePending();  // closers use the table, too
  }
  EXPECT_EQ(TakeCensusExpecting(before), before);
}

// Whatever the one before was.
TEST(BackgroundCloseTest, EachKindIsClosedAsItsOwnKind) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const auto make = [&](int kind) {
    switch (kind) {
      case 0:
        return memfd_create("memory", MFD_CLOEXEC);
      case 1:
        return fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
      case 2:
        return open("/dev/null", O_PATH | O_CLOEXEC);
      case 3:
        return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      default:
        return open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    }
  };
  constexpr int kAtOnce = 3;
  for (int former = 0; former < 5; ++former) {
    for (int kind = 0; kind < 5; ++kind) {
      CloseInBackground(UniqueFd(make(former)));
      AwaitNonePending();
      const int fd = make(kind);
      CloseInBackground(UniqueFd(fd));
      if (kind < kAtOnce) {
        EXPECT_FALSE(IsOpen(fd)) << former << " before " << kind;
      } else {
        AwaitClosed(fd);
      }
    }
  }
  close(ends[0]);
  close(ends[1]);
}

// The last close frees its pages, by which a peer could hold up a thread.
TEST(BackgroundCloseTest, LargeMemoryIsFreedByAnotherThread) {
  for (const size_t kib : {4, 8 << 10}) {
    // A child has no closer yet. Closers that have nothing to do stay a while.
    const auto threads = [kib] {
      const int fd = memfd_create("memory", MFD_CLOEXEC);
      if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0,
                    static_cast<off_t>(kib << 10)) != 0) {
        return -1;
      }
      CloseInBackground(UniqueFd(fd));
      AwaitClosed(fd);
      int count = 0;
      for (const auto& task :
           std::filesystem::directory_iterator("/proc/self/task")) {
        count += task.is_directory();
      }
      return count;
    };
    EXPECT_EQ(InChild(threads) > 1, kib > 4);
  }
}

TEST(BackgroundCloseTest, TheRuntimesOwnAreClosedAtOnce) {
  absl::StatusOr<Wakeup> wakeup = Wakeup::Create();
  absl::StatusOr<WatchTimer> timer = WatchTimer::Create();
  absl::StatusOr<Poller> poller = Poller::Create();
  ASSERT_TRUE(wakeup.ok() && timer.ok() && poller.ok());
  const std::vector<int> fds = {wakeup->fd(), timer->fd(), poller->fd()};
  const BackgroundCloseScope closes;
  wakeup = absl::UnknownError("");
  timer = absl::UnknownError("");
  poller = absl::UnknownError("");
  for (int fd : fds) EXPECT_FALSE(IsOpen(fd)) << fd;
}

TEST(BackgroundCloseTest, AScopeCollectsWhatIsClosedWithinIt) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  {
    BackgroundCloseScope closes;
    UniqueFd(ends[0]).Reset();
    {
      BackgroundCloseScope inner;
      UniqueFd(ends[1]).Reset();
    }
    EXPECT_TRUE(IsOpen(ends[0]));
    EXPECT_TRUE(IsOpen(ends[1]));
  }
  EXPECT_FALSE(IsOpen(ends[0]));
  EXPECT_FALSE(IsOpen(ends[1]));
}

// However many there are, the caller is not blocked, nor are closers of other
// files.
TEST(BackgroundCloseTest, LingeringSocketsHoldUpNobody) {
  std::vector<UniqueFd> peers;
  std::vector<int> closed;
  for (int i = 0; i < 80; ++i) {
    auto [lingering, peer] = LingeringSocket();
    closed.push_back(lingering.get());
    CloseInBackground(std::move(lingering));
    peers.push_back(std::move(peer));
  }
  // Some are blocked until their peers close; the rest do not linger any more.
  while (BackgroundClosesPending() > 4) std::this_thread::yield();
  const int file = open("/proc/self/stat", O_CLOEXEC);
  CloseInBackground(UniqueFd(file));
  AwaitClosed(file);
  peers.clear();
  AwaitNonePending();
  for (int fd : closed) EXPECT_FALSE(IsOpen(fd));
}

// The closer that is ready beside a blocked one does not wait for ever.
TEST(BackgroundCloseTest, ABlockedCloserHoldsUpNobodyWhenTheOthersHaveEnded) {
  // A child has none yet.
  EXPECT_EQ(
      InChild([] {
        const auto threads = [] {
          const std::filesystem::directory_iterator tasks("/proc/self/task");
          return std::distance(begin(tasks), end(tasks));
        };
        const auto before = threads();
        auto [lingering, peer] = LingeringSocket();
        CloseInBackground(std::move(lingering));
        while (threads() != before + 2) std::this_thread::yield();
        while (threads() != before + 1) std::this_thread::yield();
        auto [socket, other] = SocketPair();
        const int fd = socket.get();
        CloseInBackground(std::move(socket));
        AwaitClosed(fd);
        peer.Reset();
        AwaitNonePending();
        return 0;
      }),
      0);
}

TEST(BackgroundCloseTest, AChildHasClosersOfItsOwn) {
  auto [lingering, peer] = LingeringSocket();
  CloseInBackground(std::move(lingering));
  EXPECT_EQ(InChild([] {
              int ends[2];
              if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
              CloseInBackground(UniqueFd(ends[0]));
              AwaitClosed(ends[0]);
              return 0;
            }),
            0);
  peer.Reset();
  AwaitNonePending();
}

TEST(BackgroundCloseTest, WhatWaitsCountsForItsSender) {
  const auto all = std::make_shared<PendingCloses>();
  const auto sender = std::make_shared<PendingCloses>(all);
  auto [noted, peer] = SocketWithALingeringOne();
  auto [unnoted, peer_of_unnoted] = SocketWithALingeringOne();
  UniqueFd blocks = std::move(noted);
  UniqueFd memory(memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const std::shared_ptr<PendingCloses> nobody;
  {
    const ReceivedFdSenderScope from(sender);
    NoteReceived(blocks.get());
    NoteReceived(memory.get());
    const ReceivedFdSenderScope from_nobody(nobody);
    NoteReceived(unnoted.get());
  }
  CloseInBackground(std::move(unnoted));
  CloseInBackground(std::move(memory));
  EXPECT_EQ(sender->count(), 0u);
  std::jthread([&] {
    const BackgroundCloseScope closes;
    blocks.Reset();
  }).join();
  EXPECT_EQ(sender->count(), 1u);
  EXPECT_EQ(all->count(), 1u);
  peer.Reset();
  peer_of_unnoted.Reset();
  AwaitNonePending();
  EXPECT_EQ(sender->count(), 0u);
  EXPECT_EQ(all->count(), 0u);
  EXPECT_EQ(sender.use_count(), 1);
}

// The socket of a connection with such a socket in its queue.
TEST(BackgroundCloseTest, AnUnreadLingeringSocketHoldsUpNobody) {
  for (int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    auto [receiver, peer] = SocketWithALingeringOne(type);
    CloseDrained(std::move(receiver), type != SOCK_STREAM);
    EXPECT_GE(BackgroundClosesPending(), 1u);
    peer.Reset();
    AwaitNonePending();
  }
}

TEST(BackgroundCloseTest, AnEmptySocketIsClosedAtOnce) {
  for (int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    CloseDrained(UniqueFd(ends[0]), type != SOCK_STREAM);
    EXPECT_FALSE(IsOpen(ends[0]));
    UniqueFd other(ends[1]);
  }
}

}  // namespace
}  // namespace fdrpc::testing
