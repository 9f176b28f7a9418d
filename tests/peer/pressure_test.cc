// Where the kernel has no descriptor to give, or sends none, only the calls
// that need one fail, until it has.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/alarm.h"
#include "fdrpc/channel.h"
#include "fdrpc/channel_to_client.h"
#include "fdrpc/offered_services.h"
#include "fdrpc/server.h"
#include "fdrpc/shared_buffer.h"
#include "gtest/gtest.h"
#include "os/ancillary.h"
#include "tests/calls/link.h"
#include "tests/peer/carried.fdrpc.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using Code = absl::StatusCode;

// Another program of the user has sent so many descriptors, which nobody has
// received, that the kernel refuses to send more.
class OthersInFlight {
 public:
  OthersInFlight() {
    const UniqueFd file = FileWith("x");
    const std::vector<int> fds(kMaxDescriptorsPerSend, file.get());
    char byte = 0;
    const iovec piece = {.iov_base = &byte, .iov_len = 1};
    int error = 0;
    while (error == 0) {
      auto [receiver, sender] = SocketPair(SOCK_STREAM);
      error = SendWithDescriptors(sender.get(), {&piece, 1}, fds).error;
      pairs_.push_back(std::move(receiver));
      pairs_.push_back(std::move(sender));
    }
    EXPECT_EQ(error, ETOOMANYREFS);
  }

 private:
  std::vector<UniqueFd> pairs_;
};

void Expect(Code code, const absl::Status& status, const char* what) {
  EXPECT_EQ(status.code(), code) << what << ": " << status;
}

class OneCounter final : public carried::Counter::Service {
 public:
  absl::Status Next(ServerContext&, const carried::Request&,
                    carried::Answer& answer) override {
    answer.set_value(1);
    return absl::OkStatus();
  }
};

// Gives a service to whoever asks.
class Giver final : public carried::Exchange::Service {
 public:
  explicit Giver(Server& server) : server_(server) {}
  absl::Status Open(ServerContext&, const carried::Request&,
                    Parcel<carried::Opened>& reply) override {
    return reply.serve_counter(server_, std::make_shared<OneCounter>());
  }

 private:
  Server& server_;
};

// A server, and clients that offer services, in one process.
class ServerAndClients {
 public:
  explicit ServerAndClients(Link::Kind kind)
      : connects_(kind != Link::Kind::kDatagrams),
        knocks_(kind == Link::Kind::kDatagramSocket),
        giver_(server_),
        link_(kind, server_),
        offered_({&observer_}) {
    service_.put = [](ServerContext&, Parcel<Files>&, Text&) {
      return absl::OkStatus();
    };
    // These call the client back, the second with a descriptor.
    service_.echo = [](ServerContext& context, const Text& request, Text&) {
      if (request.text() != "back") return absl::OkStatus();
      absl::StatusOr<Channel> client = ChannelToClient(context);
      if (!client.ok()) return client.status();
      return TestService::Stub(*client).Echo(Text()).status();
    };
    service_.exchange = [](ServerContext& context, Parcel<Files>&,
                           Parcel<Files>&) {
      absl::StatusOr<Channel> client = ChannelToClient(context);
      if (!client.ok()) return client.status();
      return Put(*client).status();
    };
    observer_.put = service_.put;
    server_.AddService(service_);
    server_.AddService(giver_);
    EXPECT_TRUE(server_.AwaitConnections().ok());
    EXPECT_TRUE(link_.Open().ok());
    EXPECT_TRUE(server_.Start().ok());
  }

  // Calls under the pressure of each `Pressure` that `next` makes, until it
  // makes none, and afterwards.
  template <typename Pressure>
  void Run(const std::function<std::unique_ptr<Pressure>()>& next,
           const std::function<void(const Channel& channel,
                                    const Channel& later)>& expect) {
    std::optional<Channel> channel = NewChannel();
    ExpectAllServed(*channel);
    // What the calls have passed may still be held for a moment.
    while (server_.statistics().connections > (connects_ ? 1u : 0u)) {
      std::this_thread::yield();
    }
    DescriptorCensus before;
    do {
      std::this_thread::yield();
      before = TakeCensus();
    } while (std::any_of(before.begin(), before.end(), [](const auto& open) {
      return open.second.find("/memfd:test") != open.second.npos;
    }));
    while (true) {
      std::optional<Channel> later = NewChannel();
      std::unique_ptr<Pressure> pressure = next();
      if (pressure == nullptr) break;
      expect(*channel, *later);
      pressure.reset();
      ExpectAllServed(*channel);
      ExpectAllServed(*later);
      later.reset();
      const DescriptorCensus after = TakeCensusExpecting(before);
      EXPECT_EQ(after, before);
      if (after != before) break;
    }
    channel.reset();
    server_.Shutdown();
    server_.Wait();
    // Another thread closes the last of it.
    while (server_.statistics().closing_descriptors > 0) {
      std::this_thread::yield();
    }
    EXPECT_EQ(::testing::PrintToString(server_.statistics()),
              ::testing::PrintToString(ServerStatistics{
                  .datagram_calls = server_.statistics().datagram_calls}));
  }

  // Whether clients have connections, and whether those begin with a
  // descriptor.
  bool connects() const { return connects_; }
  bool knocks() const { return knocks_; }

  std::optional<Channel> NewChannel() {
    ChannelOptions options;
    if (connects_) options.offer = offered_;
    absl::StatusOr<Channel> channel = link_.NewChannel(options);
    EXPECT_TRUE(channel.ok()) << channel.status();
    return *std::move(channel);
  }
  static absl::StatusOr<Text> Put(const Channel& channel) {
    Parcel<Files> request;
    request.set_first(FileWith("x"));
    return TestService::Stub(channel).Put(std::move(request));
  }
  static absl::Status PutMemory(const Channel& channel) {
    absl::StatusOr<SharedBuffer> buffer = SharedBuffer::Create(4096);
    if (!buffer.ok()) return buffer.status();
    absl::StatusOr<SharedFd> memory = buffer->Seal();
    if (!memory.ok()) return memory.status();
    Parcel<Files> request;
    request.set_first(*memory);
    return TestService::Stub(channel).Put(std::move(request)).status();
  }
  static absl::Status Get(const Channel& channel) {
    return TestService::Stub(channel).Get(TextOf("x", 1)).status();
  }
  static absl::Status Echo(const Channel& channel, const std::string& text) {
    return TestService::Stub(channel).Echo(TextOf(text)).status();
  }
  static absl::Status CallBackWithDescriptor(const Channel& channel) {
    return TestService::Stub(channel).Exchange(Parcel<Files>()).status();
  }
  static absl::Status CallGiven(const Channel& channel) {
    absl::StatusOr<Parcel<carried::Opened>> reply =
        carried::Exchange::Stub(channel).Open(carried::Request());
    if (!reply.ok()) return reply.status();
    absl::StatusOr<carried::Counter::Stub> counter = reply->take_counter();
    if (!counter.ok()) return counter.status();
    return counter->Next(carried::Request()).status();
  }
  void ExpectAllServed(const Channel& channel) const {
    Expect(Code::kOk, Put(channel).status(), "a request");
    Expect(Code::kOk, Get(channel), "a reply");
    Expect(Code::kOk, CallGiven(channel), "a service in a reply");
    if (!connects_) return;
    Expect(Code::kOk, Echo(channel, "back"), "a call back");
    Expect(Code::kOk, CallBackWithDescriptor(channel), "a call back's request");
  }

 private:
  const bool connects_;
  const bool knocks_;
  FakeService service_;
  FakeService observer_;
  Server server_;
  Giver giver_;
  Link link_;
  OfferedServices offered_;
};

class InFlightLimitTest : public ::testing::TestWithParam<Link::Kind> {};
INSTANTIATE_TEST_SUITE_P(Over, InFlightLimitTest,
                         ::testing::Values(Link::Kind::kStreamSocket,
                                           Link::Kind::kSeqpacketSocket,
                                           Link::Kind::kDatagramSocket,
                                           Link::Kind::kDatagrams),
                         [](const auto& info) { return NameOf(info.param); });

// In a child that has become unprivileged.
void CallBesideOthersInFlight(Link::Kind kind) {
  using Calls = ServerAndClients;
  Calls calls(kind);
  int rounds = 3;
  calls.Run<OthersInFlight>(
      [&] {
        return rounds-- > 0 ? std::make_unique<OthersInFlight>() : nullptr;
      },
      [&](const Channel& channel, const Channel& later) {
        constexpr Code kExhausted = Code::kResourceExhausted;
        for (int i = 0; i < 2; ++i) {
          const absl::Status put = Calls::Put(channel).status();
          Expect(kExhausted, put, "a request");
          EXPECT_NE(put.message().find("ETOOMANYREFS"), std::string::npos);
          Expect(kExhausted, Calls::Get(channel), "a reply");
          Expect(kExhausted, Calls::CallGiven(channel), "a service in a reply");
          Expect(Code::kOk, Calls::Echo(channel, ""), "one without");
          Expect(calls.knocks() ? kExhausted : Code::kOk,
                 Calls::Echo(later, ""), "the first of a channel");
          if (!calls.connects()) continue;
          Expect(Code::kOk, Calls::Echo(channel, "back"), "a call back");
          Expect(kExhausted, Calls::CallBackWithDescriptor(channel),
                 "a call back's request");
          Expect(kExhausted, Calls::Echo(later, "back"), "a new one's");
        }
      });
}

TEST_P(InFlightLimitTest, FailsOnlyTheCallsThatItConcernsUntilItPasses) {
  // Other programs of this user would feel the pressure, and add to it.
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  std::fflush(nullptr);
  const int failed = InChild([] {
    BecomeUnprivileged();
    const rlimit limit = {.rlim_cur = 400, .rlim_max = 400};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_TRUE(Alarm::Create().ok());  // the process's loop stays
    CallBesideOthersInFlight(GetParam());
    std::fflush(nullptr);
    return HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(failed, 0);
}

class NoFreeDescriptorTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(Alarm::Create().ok()); }
  ExpectSameDescriptors census_;
};
INSTANTIATE_TEST_SUITE_P(Over, NoFreeDescriptorTest,
                         ::testing::ValuesIn(Link::kWithDatagrams),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(NoFreeDescriptorTest, FailsOnlyTheCallsThatItConcernsUntilItPasses) {
  using Calls = ServerAndClients;
  Calls calls(GetParam());
  // The system calls that make descriptors, except accept4(2): a connection
  // then waits in the server's queue.
  std::vector<std::pair<std::string, int>> left;
  for (const char* name :
       {"socket", "socketpair", "eventfd", "epoll_create1", "timerfd_create",
        "duplicate", "memfd_create", "pidfd_open", "openat"}) {
    for (int error : {EMFILE, ENFILE}) left.emplace_back(name, error);
  }
  calls.Run<FaultInjection>(
      [&]() -> std::unique_ptr<FaultInjection> {
        if (left.empty()) return nullptr;
        const auto [failing, error] = left.back();
        left.pop_back();
        return std::make_unique<FaultInjection>(
            [failing = failing, error = error](std::string_view name, size_t) {
              return FaultInjection::Fault{.error =
                                               name == failing ? error : 0};
            });
      },
      [&](const Channel& channel, const Channel& later) {
        const auto may_fail = [](const absl::Status& status, const char* what) {
          if (status.ok()) return;
          Expect(Code::kResourceExhausted, status, what);
        };
        for (int i = 0; i < 2; ++i) {
          Expect(Code::kOk, Calls::Echo(channel, ""), "a call");
          // Within a process, descriptors are duplicated.
          may_fail(Calls::Put(channel).status(), "a request");
          may_fail(Calls::Get(channel), "a reply");
          may_fail(Calls::CallGiven(channel), "a service in a reply");
          may_fail(Calls::Echo(later, ""), "the first call of a channel");
          may_fail(Calls::PutMemory(later), "shared memory");
          if (!calls.connects()) continue;
          Expect(Code::kOk, Calls::Echo(channel, "back"), "a call back");
          may_fail(Calls::Echo(later, "back"), "a new channel's call back");
        }
      });
}

}  // namespace
}  // namespace fdrpc::testing
