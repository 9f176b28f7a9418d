// Limits of a server's process and of the kernel: only what exceeds them fails,
// and it works again once there is room.

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "tests/conformance/attacked_server.h"
#include "tests/conformance/full_descriptor_table.h"
#include "tests/support/fault_injection.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

using Fault = FaultInjection::Fault;

class ServerResourcesTest : public AttackedServer {
 protected:
  // The server receives five descriptors with room for fewer.
  void ExpectFailsOnlyTheCall(size_t room) {
    Serve();
    RawPeer client = NewClient();
    ExpectLives(client, 1);
    const DescriptorCensus before = TakeCensus();
    {
      const FullDescriptorTable full(room);
      const DescriptorCensus full_before = TakeCensus();
      for (uint32_t call = 2; call <= 50; ++call) {
        ASSERT_TRUE(
            client.Send(OpenFrame(call, kPut, FilesBytesTo(5), 5), Fds(5)));
        RawStatus status = client.ReadStatus(call);
        ASSERT_EQ(status.code, kResourceExhausted) << status.text;
        EXPECT_THAT(status.text, HasSubstr("RLIMIT_NOFILE"));
      }
      ExpectLives(client, 51);
      EXPECT_EQ(TakeCensusExpecting(full_before).size(), full_before.size());
    }
    ASSERT_TRUE(client.Send(OpenFrame(52, kPut, FilesBytesTo(5), 5), Fds(5)));
    EXPECT_EQ(client.ReadStatus(52).code, kOk);
    EXPECT_EQ(TakeCensusExpecting(before), before);
  }
};
INSTANTIATE_TEST_SUITE_P(Over, ServerResourcesTest, kAllSchemes, SchemeName);

TEST_P(ServerResourcesTest, NoRoomForAnyDescriptorFailsOnlyTheCall) {
  // Room for one: the census itself needs it.
  ExpectFailsOnlyTheCall(1);
}

TEST_P(ServerResourcesTest, RoomForSomeOfTheDescriptorsFailsOnlyTheCall) {
  ExpectFailsOnlyTheCall(3);
}

TEST_P(ServerResourcesTest, NoRoomForAConnectionDoesNotSpinAndPasses) {
  if (scheme() == "unix-dgram:") {
    GTEST_SKIP() << "the knock is lost then, and the client knocks again";
  }
  // Without busy polling, so that a loop that spins on a full table shows.
  Serve({.max_busy_poll = absl::ZeroDuration()});
  RawPeer old = NewClient();
  ExpectLives(old, 1);
  const FaultInjection counting(
      [](std::string_view, size_t) { return Fault(); });
  std::optional<RawPeer> late;
  {
    const FullDescriptorTable full(1);
    late.emplace(NewPeer());
    ASSERT_TRUE(late->Send(Greeting()));
    // It was tried several times, and the old client is served meanwhile.
    uint32_t call = 1;
    while (counting.CountOf("accept4") < 4) {
      if (call < 20) ExpectLives(old, ++call);
      std::this_thread::yield();
    }
    EXPECT_LT(counting.CountOf("epoll_wait"), 200u) << "the server spins";
  }
  EXPECT_TRUE(late->ReadType(RawFrame::kHello).has_value());
  ExpectLives(*late, 1);
}

TEST_P(ServerResourcesTest, ErrorsOfAcceptPass) {
  Serve();
  for (int error :
       {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EINTR, EAGAIN, EPERM}) {
    const FaultInjection faults(FaultInjection::FailFirst("accept4", 1, error));
    RawPeer client = NewPeer();
    ASSERT_TRUE(client.Send(Greeting()));
    ExpectLives(client, 1);
  }
}

TEST_P(ServerResourcesTest, AReplyThatTheKernelRefusesFailsAlone) {
  Serve();
  RawPeer client = NewClient();
  uint32_t call = 0;
  for (int error : {ETOOMANYREFS, ENOBUFS, ENOMEM}) {
    ExpectLives(client, ++call);
    {
      const FaultInjection faults(
          FaultInjection::FailFirst("sendmsg", 1, error));
      ASSERT_TRUE(client.Send(OpenFrame(++call, kExchange, FilesBytesTo(2), 2),
                              Fds(2)));
      RawStatus status = client.ReadStatus(call);
      EXPECT_EQ(status.code, kResourceExhausted) << status.text;
      EXPECT_TRUE(status.descriptors.empty());
    }
    ExpectLives(client, ++call);
  }
}

TEST_P(ServerResourcesTest, AReplyInPiecesThatTheKernelRefusesFailsAlone) {
  service_.get = [](ServerContext&, const Text&, Parcel<Files>& reply) {
    const SharedFd file(FileWith("x"));
    for (int i = 0; i < 600; ++i) reply.add_files(file);
    return absl::OkStatus();
  };
  Serve();
  RawPeer client = NewClient();
  for (uint32_t piece = 0; piece < 3; ++piece) {
    const uint32_t call = 2 * piece + 1;
    ExpectLives(client, call);
    const FaultInjection faults([piece](std::string_view name, size_t index) {
      const bool fails = name == "sendmsg" && index == piece;
      return Fault{.error = fails ? ETOOMANYREFS : 0};
    });
    ASSERT_TRUE(client.Send(OpenFrame(call + 1, kGet, "")));
    EXPECT_EQ(client.ReadStatus(call + 1).code, kResourceExhausted);
  }
  ExpectLives(client, 100);
}

TEST_P(ServerResourcesTest, WithoutMemoryToSendForEverTheConnectionEnds) {
  Serve();
  RawPeer client = NewClient();
  {
    const FaultInjection faults(
        FaultInjection::FailFirst("sendmsg", 1u << 30, ENOBUFS));
    ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, TextBytes("x"))));
    EXPECT_TRUE(client.ReachesEnd());
    EXPECT_LT(faults.CountOf("sendmsg"), 100u) << "the server spins";
  }
}

TEST_P(ServerResourcesTest, ADescriptorOfAReplyThatIsNotOpenFailsAlone) {
  service_.get = [](ServerContext&, const Text&, Parcel<Files>& reply) {
    reply.set_first(FileWith("x"));
    close(reply.first());
    return absl::OkStatus();
  };
  Serve();
  RawPeer client = NewClient();
  for (uint32_t call = 1; call <= 10; ++call) {
    ASSERT_TRUE(client.Send(OpenFrame(call, kGet, "")));
    RawStatus status = client.ReadStatus(call);
    EXPECT_EQ(status.code, kInternal) << status.text;
    EXPECT_THAT(status.text, HasSubstr("not open"));
  }
  ExpectLives(client, 11);
}

TEST_P(ServerResourcesTest, InterruptedCallsAreMadeAgain) {
  Serve();
  const FaultInjection faults([](std::string_view name, size_t index) {
    const bool interruptible = name == "connect" || name == "accept4" ||
                               name == "sendmsg" || name == "recvmsg" ||
                               name == "ppoll" || name == "epoll_wait" ||
                               name == "read" || name == "write";
    return Fault{.error = interruptible && index % 2 == 0 ? EINTR : 0};
  });
  for (int i = 0; i < 20; ++i) ExpectServes();
}

TEST_P(ServerResourcesTest, OneByteAtATimeBothWaysEverythingArrives) {
  if (packets()) GTEST_SKIP() << kNoParts;
  Serve();
  const FaultInjection faults(
      [](std::string_view, size_t) { return Fault{.most_bytes = 1}; });
  for (int i = 0; i < 5; ++i) ExpectServes();
}

TEST_P(ServerResourcesTest, WithNoRoomAtFirstDescriptorsAreKept) {
  Serve();
  // Every second attempt to send finds no room.
  const FaultInjection faults([](std::string_view name, size_t index) {
    const bool full = name == "sendmsg" && index % 2 == 0;
    return Fault{.error = full ? EAGAIN : 0};
  });
  for (int i = 0; i < 20; ++i) ExpectServes();
}

TEST_P(ServerResourcesTest, APeerThatIsGoneRaisesNoSignal) {
  struct sigaction former;
  struct sigaction fatal = {};
  fatal.sa_handler = SIG_DFL;
  ASSERT_EQ(sigaction(SIGPIPE, &fatal, &former), 0);
  std::atomic<bool> gone = false;
  service_.echo = [&](ServerContext&, const Text&, Text& reply) {
    while (!gone) std::this_thread::yield();
    reply.set_data(std::string(100'000, 'x'));
    return absl::OkStatus();
  };
  Serve();
  for (int i = 0; i < 20; ++i) {
    gone = false;
    RawPeer client = NewClient();
    ASSERT_TRUE(client.Send(OpenFrame(1, kEcho, "")));
    client.Close();
    gone = true;
  }
  server_.reset();
  // And a client whose server is gone.
  absl::StatusOr<Channel> channel = Channel::Connect(dir_.address("raw"));
  ASSERT_TRUE(channel.ok());
  TestService::Stub stub(*channel);
  RawListener listener(dir_.file("raw"));
  for (int i = 0; i < 5; ++i) {
    std::thread caller([&] { EXPECT_TRUE(stub.Echo(Text()).ok()); });
    RawPeer server = listener.Accept();
    server.Send(RawHello().Bytes());
    std::optional<ReadFrame> open = server.ReadType(RawFrame::kOpen);
    ASSERT_TRUE(open.has_value());
    server.Send(ReplyFrame(open->frame.call, ""));
    caller.join();
  }
  sigaction(SIGPIPE, &former, nullptr);
}

}  // namespace
}  // namespace fdrpc::testing
