// Each system call of a server and a channel, from start to end, fails once.

#include <unistd.h>

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "base/sanitizers.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/manual_clock.h"
#include "tests/support/on_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using Fault = FaultInjection::Fault;

// The errors of the manual pages, without those that only a wrong argument
// causes.
const std::map<std::string, std::vector<int>>& Errors() {
  static const std::map<std::string, std::vector<int>> errors = {
      {"socket", {EMFILE, ENOBUFS, EACCES}},
      {"bind", {EADDRINUSE, EACCES, ENOMEM}},
      {"listen", {EACCES}},
      {"connect", {ECONNREFUSED, EAGAIN, EACCES, EINTR}},
      {"accept4", {EMFILE, ENOMEM, ECONNABORTED, EINTR}},
      {"getsockopt", {ENOMEM}},
      {"shutdown", {ENOTCONN}},
      {"sendmsg",
       {EAGAIN, EINTR, ENOBUFS, ENOMEM, EPIPE, ECONNRESET, ETOOMANYREFS}},
      {"recvmsg", {EAGAIN, EINTR, ENOMEM, ECONNRESET}},
      {"ppoll", {EINTR, ENOMEM}},
      {"epoll_create1", {EMFILE, ENOMEM}},
      {"epoll_ctl", {ENOMEM, ENOSPC}},
      {"epoll_wait", {EINTR}},
      {"eventfd", {EMFILE, ENOMEM}},
      {"timerfd_create", {EMFILE, ENOMEM}},
      {"timerfd_settime", {}},  // valid arguments do not fail
      {"read", {EINTR}},
      {"write", {EINTR}},
      {"openat", {EMFILE, EACCES, ENOMEM}},
      {"fstat", {ENOMEM}},
      {"fstatat", {EACCES, ENOMEM}},
      {"unlinkat", {EACCES}},
      {"flock", {EAGAIN, EINTR, ENOLCK}},
      {"fchmod", {EPERM}},
      {"chmod", {EPERM}},
      {"fchownat", {EPERM}},
      {"duplicate", {EMFILE}},
      {"getsockname", {ENOBUFS}},
      {"set_nonblocking", {}},  // nor do these
      {"set_close_on_exec", {}},
      {"getpeername", {ENOBUFS}},
      {"pidfd_open", {EMFILE, ENOMEM}},
      {"memfd_create", {EMFILE, ENOMEM}},
      {"add_seals", {EPERM}},
      {"get_seals", {}},
      {"fstatfs", {ENOMEM}},
      {"pread", {ENOMEM, EINTR}},
      {"sendto", {EAGAIN, ENOBUFS, ECONNREFUSED}},
      {"socketpair", {EMFILE, ENOMEM}},
      {"setsockopt", {ENOMEM}},
      {"map_memory", {ENOMEM}},
      {"get_open_files_limit", {EPERM}},
      {"set_open_files_limit", {EPERM}},
      {"unreceived_bytes", {ENOTTY}},
      {"get_status_flags", {}},
      {"statx", {EACCES, ENOMEM}},
      {"readlink", {EACCES, ENOMEM}},
      {"isatty", {ENOTTY}},
      {"get_pipe_size", {}},
      {"map_file", {ENOMEM}},
      {"fallocate", {ENOSPC, EINTR}},
      {"lseek", {EIO}},
      {"keep_from_children", {ENOMEM}},
      {"get_file_size_limit", {}},
      {"ftruncate", {EPERM, EINTR}},
      {"populate", {EINVAL, ENOMEM}}};
  return errors;
}

// Of the system calls with one name, how many are made at the end.
constexpr size_t kCallsOfTheEnd = 3;

class FaultSweepTest : public ::testing::Test {
 protected:
  // Starts a server on a listener that was handed over, makes calls with
  // descriptors in both directions, and stops. Every failure is a status, and
  // no call waits for ever. A client that makes a call while the server shuts
  // down reads the go-away and confirms it. For a client that makes none, the
  // server waits for a while and then shuts it out; that time passes faster
  // than the test's.
  enum class AtTheEnd { kAnotherCall, kSilence };
  void LiveAndDie(bool expect_success,
                  AtTheEnd client = AtTheEnd::kAnotherCall) {
    FakeService service;
    service.echo = [](ServerContext& context, const Text&, Text&) {
      return context.OpenPeerPidfd().status();
    };
    if (client == AtTheEnd::kAnotherCall) {
      Server server;
      server.AddService(service);
      return Live(server, expect_success, client);
    }
    ManualClock clock(ManualClock::Between::kRuns);
    const std::unique_ptr<Server> server = OnClock::NewServer({}, clock);
    server->AddService(service);
    clock.AdvanceWhile(absl::Milliseconds(10),
                       [&] { Live(*server, expect_success, client); });
  }
  void Live(Server& server, bool expect_success, AtTheEnd client) {
    absl::Status status = TakeOver(server);
    if (status.ok()) status = server.Start();
    Judge(status, expect_success);
    if (!status.ok()) return;
    absl::StatusOr<Channel> channel = Channel::Connect(address());
    ASSERT_TRUE(channel.ok());
    TestService::Stub stub(*channel);
    const CallOptions options = {.timeout = absl::Seconds(20)};
    Text text;
    text.set_text("x");
    text.set_number(2);
    Judge(stub.Echo(text, options).status(), expect_success);
    Parcel<Files> request;
    request.set_first(FileWith("mine"));
    request.add_files(FileWith("too"));
    absl::StatusOr<Parcel<Files>> reply =
        stub.Exchange(std::move(request), options);
    Judge(reply.status(), expect_success);
    if (reply.ok()) {
      EXPECT_EQ(ReadRest(reply->take_first().get()), "mine");
      EXPECT_EQ(ReadRest(reply->take_files(0).get()), "too");
    }
    Judge(stub.Get(text, options).status(), expect_success);
    // Some tests go byte by byte.
    text.set_data(std::string(kThreadSanitizer ? 20'000 : 100'000, 'x'));
    Judge(stub.Echo(text, options).status(), expect_success);
    server.Shutdown(absl::Seconds(10));
    if (client == AtTheEnd::kAnotherCall) {
      Judge(stub.Echo(text, options).status(), false);
    }
    server.Wait();
  }

  absl::Status TakeOver(Server& server) {
    Server predecessor;
    absl::Status listens = predecessor.Listen(
        address(), {.mode = 0600, .owner = geteuid(), .group = getegid()});
    if (!listens.ok()) return listens;
    absl::StatusOr<std::vector<UniqueFd>> listeners = predecessor.HandOver();
    if (!listeners.ok()) return listeners.status();
    return server.Listen(std::move(listeners->front()),
                         Server::SocketFile::kIsRemovedAtTheEnd);
  }

  std::string address() const { return dir_.address("socket", scheme_); }

  static void Judge(const absl::Status& status, bool expect_success) {
    if (expect_success) {
      EXPECT_TRUE(status.ok()) << status;
      return;
    }
    EXPECT_THAT(
        status.code(),
        ::testing::AnyOf(absl::StatusCode::kOk, absl::StatusCode::kUnavailable,
                         absl::StatusCode::kResourceExhausted,
                         absl::StatusCode::kPermissionDenied,
                         absl::StatusCode::kAlreadyExists))
        << status;
    if (!status.ok()) {
      EXPECT_NE(std::string(status.message()), "");
    }
  }

  // Fails the calls with that name one after the other, each in a separate run.
  void Sweep(const std::string& name) {
    size_t calls = 0;
    {
      const FaultInjection counting(
          [](std::string_view, size_t) { return Fault(); });
      LiveAndDie(true, AtTheEnd::kSilence);
      calls = counting.CountOf(name);
    }
    const DescriptorCensus before = TakeCensus();
    for (int error : Errors().at(name)) {
      // Their number depends on the scheduling of threads: one more, to be
      // safe.
      for (size_t failing = 0; failing <= calls; ++failing) {
        SCOPED_TRACE(name + " " + std::to_string(failing) + ": errno " +
                     std::to_string(error));
        const bool harmless = error == EINTR || error == EAGAIN;
        const FaultInjection faults([&](std::string_view called, size_t index) {
          return Fault{.error = called == name && index == failing ? error : 0};
        });
        // EAGAIN of connect(2) means that the server's queue is full, that of
        // flock(2) that another process has the lock.
        const bool succeeds = harmless && name != "connect" && name != "flock";
        LiveAndDie(succeeds, failing + kCallsOfTheEnd < calls
                                 ? AtTheEnd::kAnotherCall
                                 : AtTheEnd::kSilence);
        ASSERT_EQ(TakeCensusExpecting(before), before);
        if (HasFatalFailure()) return;
      }
    }
    // As if nothing had happened.
    LiveAndDie(true);
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  std::string scheme_ = "unix:";
};

TEST_F(FaultSweepTest, KnowsTheErrorsOfEverySystemCall) {
  for (const std::string& name : FaultInjection::Names()) {
    EXPECT_TRUE(Errors().contains(name)) << name;
  }
}

class FaultSweepOfTest : public FaultSweepTest,
                         public ::testing::WithParamInterface<
                             std::tuple<std::string, const char*>> {};

TEST_P(FaultSweepOfTest, EndsInAStatusWithNothingLeftOpen) {
  scheme_ = std::get<1>(GetParam());
  Sweep(std::get<0>(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    EverySystemCall, FaultSweepOfTest,
    ::testing::Combine(::testing::ValuesIn(FaultInjection::Names()),
                       ::testing::Values("unix:", "unix-dgram:")),
    [](const auto& info) {
      return std::get<0>(info.param) +
             (std::get<1>(info.param) == std::string("unix:") ? "OverAStream"
                                                              : "OverADoor");
    });

TEST_F(FaultSweepTest, OneByteSendsAndReceivesThroughout) {
  for (const char* name : {"sendmsg", "recvmsg", ""}) {
    const FaultInjection faults([&](std::string_view called, size_t) {
      const bool shortened = *name == '\0' || called == name;
      return Fault{.most_bytes = shortened ? size_t{1} : 0};
    });
    LiveAndDie(true);
  }
}

TEST_F(FaultSweepTest, OneByteSendsOfWhichEveryOtherFindsNoRoom) {
  const FaultInjection faults([&](std::string_view called, size_t index) {
    if (called == "sendmsg" && index % 2 == 0) return Fault{.error = EAGAIN};
    return Fault{.most_bytes = 1};
  });
  LiveAndDie(true);
}

TEST_F(FaultSweepTest, NoDescriptorForAnythingAtAll) {
  const DescriptorCensus before = TakeCensus();
  const FaultInjection faults([&](std::string_view called, size_t) {
    const bool opens = called == "socket" || called == "eventfd" ||
                       called == "epoll_create1" || called == "timerfd_create";
    return Fault{.error = opens ? EMFILE : 0};
  });
  LiveAndDie(false);
  EXPECT_EQ(TakeCensus(), before);
}

}  // namespace
}  // namespace fdrpc::testing
