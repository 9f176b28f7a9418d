// Processes that compete for one socket file.

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/sanitizers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/local_socket.h"
#include "os/socket_listener.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

// The thread sanitizer sees nothing of races between processes, and takes long
// to fork.
constexpr int kRounds = kThreadSanitizer ? 3 : 20;

// Memory that a test shares with its children.
template <typename T>
class Shared {
 public:
  Shared()
      : object_(new (mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0)) T()) {}
  ~Shared() { munmap(object_, sizeof(T)); }
  T* operator->() { return object_; }

 private:
  T* const object_;
};

// Children that start at the same time; each runs `body`, whose result is its
// exit code.
class Children {
 public:
  explicit Children(int count, const std::function<int()>& body) {
    auto [gate, gate_keeper] = Pipe();
    for (int i = 0; i < count; ++i) {
      const pid_t pid = fork();
      if (pid == 0) {
        gate_keeper.Reset();
        ReadRest(gate.get());
        _exit(body());
      }
      pids_.push_back(pid);
    }
  }
  ~Children() { Await(); }

  void Await() {
    for (const pid_t pid : pids_) {
      int status = 0;
      EXPECT_EQ(waitpid(pid, &status, 0), pid);
      EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    }
    pids_.clear();
  }

 private:
  std::vector<pid_t> pids_;
};

class SocketFileRacesTest : public ::testing::Test {
 protected:
  UnixAddress Address() {
    absl::StatusOr<UnixAddress> address = UnixAddress::Parse(dir_.address());
    EXPECT_TRUE(address.ok()) << address.status();
    return *address;
  }
  // The process that listens there; 0 if there is none.
  pid_t Listening() {
    const absl::StatusOr<UniqueFd> client = ConnectSocket(Address());
    if (!client.ok()) return 0;
    const absl::StatusOr<PeerCredentials> server =
        GetPeerCredentials(client->get());
    return server.ok() ? server->pid : 0;
  }
  // A server that is killed once it listens.
  void Crash() {
    auto [ready, is_ready] = Pipe();
    const pid_t pid = fork();
    if (pid == 0) {
      const absl::StatusOr<SocketListener> listener =
          SocketListener::Listen(Address());
      (void)!write(is_ready.get(), listener.ok() ? "y" : "n", 1);
      pause();
    }
    char listens = 0;
    EXPECT_EQ(read(ready.get(), &listens, 1), 1);
    EXPECT_EQ(listens, 'y');
    EXPECT_EQ(Listening(), pid);
    kill(pid, SIGKILL);
    EXPECT_EQ(waitpid(pid, nullptr, 0), pid);
    EXPECT_EQ(Listening(), 0);
  }

  // Twenty start at once, and one wins.
  void Race() {
    struct Result {
      pid_t pid = 0;
      absl::StatusCode code = absl::StatusCode::kUnknown;
    };
    constexpr int kServers = 20;
    auto [results, result] = Pipe();
    auto [end, is_end] = Pipe();
    Children servers(
        kServers, [&, &result = result, &end = end, &is_end = is_end] {
          is_end.Reset();
          // Others run between any two steps.
          const FaultInjection interleaving([](std::string_view, size_t) {
            sched_yield();
            return FaultInjection::Fault();
          });
          const absl::StatusOr<SocketListener> listener =
              SocketListener::Listen(Address());
          const Result mine = {getpid(), listener.status().code()};
          const bool told = write(result.get(), &mine, sizeof(mine)) > 0;
          ReadRest(end.get());
          return told ? 0 : 1;
        });
    pid_t winner = 0;
    for (int i = 0; i < kServers; ++i) {
      Result one;
      ASSERT_EQ(read(results.get(), &one, sizeof(one)),
                static_cast<ssize_t>(sizeof(one)));
      if (one.code == absl::StatusCode::kOk) {
        EXPECT_EQ(winner, 0) << "a second one";
        winner = one.pid;
      } else {
        EXPECT_EQ(one.code, absl::StatusCode::kAlreadyExists);
      }
    }
    EXPECT_NE(winner, 0);
    EXPECT_EQ(Listening(), winner);
    is_end.Reset();
    servers.Await();
    EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
};

TEST_F(SocketFileRacesTest, OneOfManyServersGetsAFreshPath) {
  for (int i = 0; i < kRounds; ++i) Race();
}

TEST_F(SocketFileRacesTest, OneOfManyServersGetsAStaleFile) {
  for (int i = 0; i < kRounds; ++i) {
    Crash();
    Race();
  }
}

TEST_F(SocketFileRacesTest, OneOfManyServersGetsAStaleFileOfOtherSoftware) {
  for (int i = 0; i < kRounds; ++i) {
    {
      const UniqueFd stale(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const UnixAddress address = Address();
      ASSERT_EQ(bind(stale.get(), address.socket_address(), address.length()),
                0);
    }
    Race();
  }
}

TEST_F(SocketFileRacesTest, AKilledServerNeverStopsTheNext) {
  for (int i = 0; i < kRounds; ++i) Crash();
  EXPECT_TRUE(SocketListener::Listen(Address()).ok());
}

TEST_F(SocketFileRacesTest, ServersThatComeAndGoAreNeverTwo) {
  struct Counts {
    std::atomic<int> servers{0};
    std::atomic<int> served{0};
  };
  Shared<Counts> counts;
  constexpr int kServed = 1000;
  Children servers(6, [&] {
    while (counts->served.load() < kServed) {
      const absl::StatusOr<SocketListener> listener =
          SocketListener::Listen(Address());
      if (absl::IsAlreadyExists(listener.status())) continue;
      if (!listener.ok()) return 1;
      if (counts->servers.fetch_add(1) != 0) return 2;
      if (Listening() != getpid()) return 3;
      ++counts->served;
      --counts->servers;
    }
    return 0;
  });
  servers.Await();
  EXPECT_GE(counts->served.load(), kServed);
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

// Another user who tries to connect all the time.
struct Attempts {
  std::atomic<bool> stop{false};
  std::atomic<int> refused{0};  // by the permissions
  std::atomic<int> connected{0};
};

TEST_F(SocketFileRacesTest, NobodyElseConnectsAtAnyMoment) {
  if (geteuid() != 0) GTEST_SKIP() << "needs a second user";
  ASSERT_EQ(chmod(dir_.path().c_str(), 0755), 0);
  // This would let anybody in.
  const mode_t before = umask(0);
  Shared<Attempts> attempts;
  {
    Children hammer(2, [&] {
      BecomeUnprivileged();
      while (!attempts->stop.load()) {
        const absl::Status status = ConnectSocket(Address()).status();
        if (status.ok()) ++attempts->connected;
        if (absl::IsPermissionDenied(status)) ++attempts->refused;
      }
      return 0;
    });
    const std::vector<ListenOptions> all = {
        {.mode = 0600},
        {.mode = 0660, .owner = 4711, .group = 4712},
        {.mode = 0700, .group = 4712}};
    while (attempts->refused.load() < 3000) {
      for (const ListenOptions& options : all) {
        const absl::StatusOr<SocketListener> listener =
            SocketListener::Listen(Address(), options);
        EXPECT_TRUE(listener.ok()) << listener.status();
      }
    }
    EXPECT_EQ(attempts->connected.load(), 0);
    // They succeed when they have permission.
    const absl::StatusOr<SocketListener> listener =
        SocketListener::Listen(Address(), {.mode = 0666});
    EXPECT_TRUE(listener.ok()) << listener.status();
    while (attempts->connected.load() == 0) listener->Accept();
    attempts->stop = true;
  }
  umask(before);
}

}  // namespace
}  // namespace fdrpc::testing
