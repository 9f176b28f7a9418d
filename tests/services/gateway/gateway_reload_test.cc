// A gateway that learns the services again, or cannot, or is told to end
// meanwhile.
#include <dirent.h>
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "fdrpc/channel.h"
#include "google/protobuf/descriptor.pb.h"
#include "tests/services/gateway/gateway_fixture.h"
#include "tests/support/service_manager.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;
using InteropStub = ::grpc::testing::TestService::Stub;

// The numbers of a process' open files.
std::set<int> OpenFiles(pid_t process) {
  std::set<int> files;
  DIR* const entries = opendir(absl::StrCat("/proc/", process, "/fd").c_str());
  EXPECT_NE(entries, nullptr);
  if (entries == nullptr) return files;
  while (const dirent* entry = readdir(entries)) {
    if (entry->d_name[0] != '.') files.insert(std::atoi(entry->d_name));
  }
  closedir(entries);
  return files;
}

// During its lifetime, a process can open `more` further files.
class LimitOfFiles {
 public:
  LimitOfFiles(pid_t process, int more) : process_(process) {
    const std::set<int> open = OpenFiles(process);
    int limit = 0;
    while (more > 0 || open.contains(limit)) {
      if (!open.contains(limit++)) --more;
    }
    EXPECT_EQ(prlimit(process, RLIMIT_NOFILE, nullptr, &before_), 0);
    const rlimit lowered = {static_cast<rlim_t>(limit), before_.rlim_max};
    EXPECT_EQ(prlimit(process, RLIMIT_NOFILE, &lowered, nullptr), 0);
  }
  ~LimitOfFiles() { End(); }
  LimitOfFiles(const LimitOfFiles&) = delete;
  LimitOfFiles& operator=(const LimitOfFiles&) = delete;

  void End() {
    EXPECT_EQ(prlimit(process_, RLIMIT_NOFILE, &before_, nullptr), 0);
  }

 private:
  const pid_t process_;
  rlimit before_ = {};
};

// During its lifetime, a process has no address space for another thread's
// stack.
class NoRoomForStacks {
 public:
  explicit NoRoomForStacks(pid_t process) : process_(process) {
    rlim_t pages = 0;
    std::ifstream(absl::StrCat("/proc/", process, "/statm")) >> pages;
    EXPECT_EQ(prlimit(process, RLIMIT_AS, nullptr, &before_), 0);
    const rlimit lowered = {
        pages * static_cast<rlim_t>(getpagesize()) + (rlim_t{2} << 20),
        before_.rlim_max};
    EXPECT_EQ(prlimit(process, RLIMIT_AS, &lowered, nullptr), 0);
  }
  ~NoRoomForStacks() {
    EXPECT_EQ(prlimit(process_, RLIMIT_AS, &before_, nullptr), 0);
  }
  NoRoomForStacks(const NoRoomForStacks&) = delete;
  NoRoomForStacks& operator=(const NoRoomForStacks&) = delete;

 private:
  const pid_t process_;
  rlimit before_ = {};
};

bool IsReadable(int fd, int timeout_milliseconds) {
  pollfd polled = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&polled, 1, timeout_milliseconds) == 1;
}

class GatewayReload : public Gateway {
 protected:
  // A descriptor set of gRPC's test service, with and without that service.
  static std::string Set(bool has_service) {
    google::protobuf::FileDescriptorSet files;
    ::grpc::testing::Empty::descriptor()->file()->CopyTo(files.add_file());
    if (!has_service) files.mutable_file(0)->clear_service();
    return files.SerializeAsString();
  }
};

// Whether it lacks files before, while or after it gives its sockets to another
// server.
TEST_F(GatewayReload, ServesOnIfItLacksFiles) {
  const std::string target = ServeGrpc(/*reflection=*/false);
  const std::string set = Write("set", Set(/*has_service=*/true));
  const std::vector<std::string> addresses = {
      socket(), "unix-dgram:" + dir_.path() + "/datagrams"};
  auto pipe = Pipe();
  const UniqueFd errors = std::move(pipe.first);
  UniqueFd input = std::move(pipe.second);
  GatewayProgram gateway(
      {"--listen", addresses[0], "--listen", addresses[1], "--to", target,
       "--insecure", "--descriptor-set", set},
      input.get());
  input.Reset();
  const pid_t process = gateway.program().pid();
  std::vector<Channel> channels = {*Channel::Connect(addresses[0])};
  const InteropStub stub(channels[0]);
  ASSERT_TRUE(stub.EmptyCall({}).ok());
  Write("set", Set(/*has_service=*/false));
  // Whether it could, with so many files more.
  const auto reload = [&](int more) {
    LimitOfFiles limit(process, more);
    gateway.program().Signal(SIGHUP);
    while (!IsReadable(errors.get(), 0)) {
      const absl::Status status =
          stub.EmptyCall({}, {.timeout = absl::Seconds(1)}).status();
      if (absl::IsUnimplemented(status)) return true;
      // It has no descriptor for a connection to the next server.
      if (!status.ok()) limit.End();
    }
    EXPECT_THAT(Program::ReadLine(errors.get()),
                HasSubstr("cannot learn the services again: "));
    return false;
  };
  int more = 0;
  while (!reload(more)) {
    for (const std::string& address : addresses) {
      channels.push_back(*Channel::Connect(address));
      const auto reply = InteropStub(channels.back()).EmptyCall({});
      ASSERT_TRUE(reply.ok()) << more << " more: " << reply.status();
    }
    ASSERT_LT(++more, 100);
  }
  EXPECT_GT(more, 0);
  for (const std::string& address : addresses) {
    channels.push_back(*Channel::Connect(address));
    EXPECT_TRUE(absl::IsUnimplemented(
        InteropStub(channels.back()).EmptyCall({}).status()));
  }
  gateway.program().Signal(SIGTERM);
  EXPECT_EQ(gateway.program().Wait().exit_status, 0);
}

// The next server has the sockets then.
TEST_F(GatewayReload, ServesOnIfTheSystemStartsNoThread) {
  const std::string notify = dir_.path() + "/notify";
  const NotifyListener manager(notify);
  const ScopedVariable variable("NOTIFY_SOCKET", notify);
  const std::string target = ServeGrpc(/*reflection=*/false);
  const std::string set = Write("set", Set(/*has_service=*/true));
  auto [errors, input] = Pipe();
  GatewayProgram gateway({"--listen", socket(), "--to", target, "--insecure",
                          "--descriptor-set", set},
                         input.get());
  input.Reset();
  // It has all other threads.
  EXPECT_EQ(manager.Read(), "READY=1");
  {
    const auto channel = Channel::Connect(socket());
    ASSERT_TRUE(InteropStub(*channel).EmptyCall({}).ok());
  }
  for (int i = 0; i < 2; ++i) {
    {
      const NoRoomForStacks limit(gateway.program().pid());
      gateway.program().Signal(SIGHUP);
      EXPECT_THAT(Program::ReadLine(errors.get()),
                  HasSubstr("the system cannot start a thread"));
    }
    const auto channel = Channel::Connect(socket());
    const auto reply = InteropStub(*channel).EmptyCall({});
    EXPECT_TRUE(reply.ok()) << reply.status();
  }
  Write("set", Set(/*has_service=*/false));
  gateway.program().Signal(SIGHUP);
  absl::Status status;
  do {
    const auto channel = Channel::Connect(socket());
    status = InteropStub(*channel).EmptyCall({}).status();
  } while (status.ok());
  EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
  gateway.program().Signal(SIGTERM);
  EXPECT_EQ(gateway.program().Wait().exit_status, 0);
  EXPECT_NE(access((dir_.path() + "/fdrpc").c_str(), F_OK), 0);
}

TEST_F(GatewayReload, ReleasesTheFormerServer) {
  const std::string target = ServeGrpc(/*reflection=*/false);
  const std::string set = Write("set", Set(/*has_service=*/true));
  GatewayProgram gateway({"--listen", socket(), "--to", target, "--insecure",
                          "--descriptor-set", set});
  const auto channel = Channel::Connect(socket());
  const InteropStub stub(*channel);
  ASSERT_TRUE(stub.EmptyCall({}).ok());
  const pid_t process = gateway.program().pid();
  const size_t before = OpenFiles(process).size();
  Write("set", Set(/*has_service=*/false));
  gateway.program().Signal(SIGHUP);
  while (!absl::IsUnimplemented(stub.EmptyCall({}).status())) {
  }
  const absl::Time latest = absl::Now() + absl::Seconds(30);
  while (OpenFiles(process).size() > before && absl::Now() < latest) {
    std::this_thread::yield();
  }
  EXPECT_LE(OpenFiles(process).size(), before);
}

// A server that accepts nothing, so that the gateway waits for it.

TEST_F(GatewayReload, ASignalEndsItBeforeItServes) {
  const UniqueFd silent = BoundSocket(SOCK_STREAM, dir_.path() + "/fdrpc");
  for (const int signal : {SIGTERM, SIGINT}) {
    Program gateway({FDRPC_GATEWAY, "--listen", "127.0.0.1:0", "--to", socket(),
                     "--insecure", "--timeout", "inf"});
    ASSERT_TRUE(IsReadable(silent.get(), -1));
    const UniqueFd connection(accept(silent.get(), nullptr, nullptr));
    gateway.Signal(signal);
    EXPECT_EQ(gateway.Wait().signal, signal);
  }
}

TEST_F(GatewayReload, ASignalEndsItWhileItLearnsAgain) {
  ServeFdrpc();
  auto [errors, input] = Pipe();
  GatewayProgram gateway({"--listen", "127.0.0.1:0", "--to", socket(),
                          "--insecure", "--timeout", "inf"},
                         input.get());
  input.Reset();
  server_.reset();
  const UniqueFd silent = BoundSocket(SOCK_STREAM, dir_.path() + "/fdrpc");
  gateway.program().Signal(SIGHUP);
  ASSERT_TRUE(IsReadable(silent.get(), -1));
  gateway.program().Signal(SIGTERM);
  EXPECT_EQ(gateway.program().Wait().exit_status, 0);
  // That is no error of it.
  EXPECT_EQ(Program::ReadLine(errors.get()), "");
}

}  // namespace
}  // namespace fdrpc::testing
