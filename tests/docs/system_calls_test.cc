// docs/system-calls.md: a client and a server work under a filter that allows
// only the listed system calls.

#include <seccomp.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <source_location>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/child.h"
#include "tests/support/files.h"
#include "tests/support/raw_peer.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

// The names in the block after "<!-- list: NAME -->".
std::vector<std::string> Listed(const std::string& name) {
  std::ifstream page(FDRPC_SYSTEM_CALLS_PAGE);
  std::string line;
  const std::string mark = absl::StrCat("<!-- list: ", name, " -->");
  while (std::getline(page, line) && line != mark) {
  }
  std::getline(page, line);
  std::vector<std::string> names;
  for (std::string word; page >> word && word != "```";) names.push_back(word);
  return names;
}

void OnForbidden(int, siginfo_t* info, void*) {
  char* const name =
      seccomp_syscall_resolve_num_arch(info->si_arch, info->si_syscall);
  const std::string said = absl::StrCat("not listed: ", name, "\n");
  (void)!write(STDERR_FILENO, said.data(), said.size());
  _exit(99);
}

// From here on this process may make only the system calls that are listed
// under those names.
bool Confine(const std::vector<std::string>& lists) {
  struct sigaction action = {};
  action.sa_sigaction = OnForbidden;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSYS, &action, nullptr);
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
  if (filter == nullptr) return false;
  // Not the runtime's.
  std::vector<std::string> allowed = {"kill", "pipe2"};
  for (const std::string& list : lists) {
    const std::vector<std::string> names = Listed(list);
    if (names.empty()) return false;
    allowed.insert(allowed.end(), names.begin(), names.end());
  }
  for (const std::string& name : allowed) {
    const int number = seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) {
      fprintf(stderr, "no such system call: %s\n", name.c_str());
      return false;
    }
    // A system call that this architecture does not have has a negative number.
    if (number >= 0 &&
        seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0) != 0) {
      return false;
    }
  }
  const bool loaded = seccomp_load(filter) == 0;
  seccomp_release(filter);
  return loaded;
}

// What clients do, and how many of those steps failed.
class Client {
 public:
  explicit Client(const std::string& address)
      : address_(address),
        channel_(*Channel::Connect(address)),
        stub_(channel_) {}

  int Run() {
    Expect(channel_.WaitForReady(absl::Seconds(10)).ok());
    CallEachKind();
    CallDensely(stub_, 4);
    CallWithoutThreads();
    if (address_.starts_with("unix-dgram:")) {
      // More callers than a queue holds datagrams.
      CallDensely(TestService::Stub(
                      *Channel::Connect(address_, {.connectionless = true})),
                  30);
    }
    return failed_;
  }

 private:
  void Expect(bool good,
              std::source_location at = std::source_location::current()) {
    if (good) return;
    ++failed_;
    fprintf(stderr, "line %u: it failed\n", static_cast<unsigned>(at.line()));
  }

  void CallEachKind() {
    Text large;
    large.set_data(std::string(3'000'000, 'x'));
    const absl::StatusOr<Text> echoed = stub_.Echo(large);
    Expect(echoed.ok() && echoed->data() == large.data());
    Parcel<Files> files;
    auto [reader, writer] = Pipe();
    files.set_first(std::move(reader));
    Expect(stub_.Exchange(std::move(files)).ok());
    auto chat = stub_.Chat();
    for (int i = 0; i < 100; ++i) {
      Expect(chat.Write(large));
      Expect(chat.Read().has_value());
    }
    chat.WritesDone();
    Expect(chat.Finish().ok());
    // Both sides block until then, in system calls that use the kernel's time.
    auto late = stub_.Chat({.timeout = absl::Milliseconds(20)});
    Expect(!late.Read().has_value());
    Expect(absl::IsDeadlineExceeded(late.Finish()));
  }

  void CallDensely(TestService::Stub stub, int callers) {
    std::vector<std::thread> threads;
    std::atomic<int> failed{0};
    for (int i = 0; i < callers; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < 500; ++j) failed += stub.Echo(Text()).ok() ? 0 : 1;
      });
    }
    for (std::thread& thread : threads) thread.join();
    Expect(failed == 0);
  }

  void CallWithoutThreads() {
    for (int i = 0; i < 100; ++i) {
      Expect(BlockOn([](TestService::Stub stub) -> Task<absl::Status> {
               co_return (co_await stub.co().Echo(Text())).status();
             }(stub_))
                 .ok());
    }
  }

  const std::string address_;
  Channel channel_;
  TestService::Stub stub_;
  int failed_ = 0;
};

class SystemCallsTest : public ::testing::TestWithParam<const char*> {
 protected:
  pid_t StartServer() {
    return Fork([this] {
      FakeService service;
      if (!Confine({"both", "server"})) return 1;
      Server server;
      server.AddService(service);
      if (!server.Listen(dir_.address("socket", GetParam())).ok()) return 2;
      server.Run();
      return 0;
    });
  }

  TempDir dir_;
};

INSTANTIATE_TEST_SUITE_P(Over, SystemCallsTest, kAllSchemes, SchemeName);

TEST_P(SystemCallsTest, NeedsNoneButThoseListed) {
  const pid_t server = StartServer();
  const pid_t client = Fork([this] {
    if (!Confine({"both", "client"})) return 1;
    Client client(dir_.address("socket", GetParam()));
    return client.Run() == 0 ? 0 : 2;
  });
  EXPECT_EQ(ExitCode(client), 0);
  kill(server, SIGTERM);
  EXPECT_EQ(ExitCode(server), 0);
}

// The errors say what is in the way.
TEST_P(SystemCallsTest, NeedsNoOthersWhereNobodyListens) {
  const pid_t client = Fork([this] {
    if (!Confine({"both", "client"})) return 1;
    for (const std::string& address :
         {dir_.address("socket", GetParam()),
          std::string(GetParam()) + "no-such-directory/socket"}) {
      const absl::Status end =
          TestService::Stub(*Channel::Connect(address)).Echo(Text()).status();
      const std::string why(end.message());
      if (why.find(" does not exist") == std::string::npos) return 2;
    }
    return 0;
  });
  EXPECT_EQ(ExitCode(client), 0);
}

}  // namespace
}  // namespace fdrpc::testing
