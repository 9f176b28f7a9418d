// What a RingTransport does beyond what every transport does
// (transport_contract_test.cc): agreeing on rings, changing between ring and
// socket, and ending. Order: ring_order_test.cc.

#include "transport/ring_transport.h"

#include <sys/socket.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/transport/frames.h"
#include "tests/transport/ring_transport_fixture.h"

namespace fdrpc::testing {
namespace {

using SendOutcome = Transport::SendResult::Outcome;
using ReceiveOutcome = Transport::ReceiveOutcome;

INSTANTIATE_TEST_SUITE_P(Over, RingTransportTest, kSockets, TransportName);

TEST_P(RingTransportTest, UntilAClientWantsRingsThereIsNoMemory) {
  FaultInjection calls(
      [](std::string_view, size_t) { return FaultInjection::Fault{}; });
  RingPair pair = Agreed();
  pair.second->OnBusy();  // a server does not ask
  Talk(pair);
  EXPECT_EQ(calls.CountOf("map_file"), 0u);
  EXPECT_FALSE(InRings(pair));
}

TEST_P(RingTransportTest, EachDirectionSwitchesByItself) {
  RingPair pair = Agreed();
  auto& [client, server] = pair;
  client->OnBusy();
  EXPECT_TRUE(Moves(*client, *server)) << "and want-rings behind it";
  EXPECT_TRUE(Moves(*client, *server));
  EXPECT_FALSE(client->sends_in_ring()) << "there is no answer yet";
  EXPECT_TRUE(Moves(*server, *client)) << "and the region behind it";
  EXPECT_TRUE(Moves(*server, *client));
  EXPECT_FALSE(server->sends_in_ring()) << "the client may not have joined";
  EXPECT_TRUE(Moves(*client, *server));
  EXPECT_TRUE(client->sends_in_ring());
  EXPECT_FALSE(server->sends_in_ring());
  EXPECT_TRUE(Moves(*server, *client));
  EXPECT_TRUE(server->sends_in_ring());
  Talk(pair);
}

// So that the server keeps no descriptor of the region for a client that sends
// no frame for the ring.
TEST_P(RingTransportTest, AClientThatSendsNothingSaysThatItHasJoined) {
  RingPair pair = Agreed();
  auto& [client, server] = pair;
  EXPECT_TRUE(Moves(*client, *server) && Moves(*server, *client)) << "hellos";
  const DescriptorCensus before = TakeCensus();
  client->OnBusy();
  EXPECT_EQ(client->Send({}).outcome, SendOutcome::kSent);
  EXPECT_TRUE(ReceiveAll(*server).frames.empty());
  EXPECT_EQ(server->Send({}).outcome, SendOutcome::kSent);
  EXPECT_NE(TakeCensus(), before) << "the server's, of the region";
  EXPECT_TRUE(ReceiveAll(*client).frames.empty());
  EXPECT_TRUE(client->due());
  EXPECT_EQ(client->Send({}).outcome, SendOutcome::kSent);
  EXPECT_TRUE(client->sends_in_ring());
  EXPECT_TRUE(ReceiveAll(*server).frames.empty());
  EXPECT_EQ(TakeCensus(), before);
  EXPECT_TRUE(Moves(*client, *server, 9, 2)) << "descriptors, by the socket";
  Talk(pair);
  EXPECT_TRUE(InRings(pair));
}

// Without room for that on the socket, the client says it later.
TEST_P(RingTransportTest, ToRingWaitsForRoom) {
  RingPair pair = Agreed();
  auto& [client, server] = pair;
  client->OnBusy();
  EXPECT_TRUE(Moves(*client, *server) && Moves(*server, *client));
  {
    FaultInjection faults(FaultInjection::FailFirst("sendmsg", 1, EAGAIN));
    EXPECT_EQ(client->Send({}).outcome, SendOutcome::kWouldBlock);
    EXPECT_FALSE(client->sends_in_ring());
  }
  EXPECT_TRUE(client->due());
  EXPECT_EQ(client->Send({}).outcome, SendOutcome::kSent);
  EXPECT_TRUE(client->sends_in_ring());
  EXPECT_FALSE(client->due());
  Talk(pair);
}

TEST_P(RingTransportTest, AFrameInTheRingCostsNoSystemCall) {
  RingPair pair = Switched();
  FaultInjection calls(
      [](std::string_view, size_t) { return FaultInjection::Fault{}; });
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "x"));
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(pair.second->MayReceive());
    EXPECT_EQ(SendOnce(*pair.first, frames).sent, 1u);
    EXPECT_TRUE(pair.second->MayReceive());
    EXPECT_EQ(pair.second->Receive().outcome, ReceiveOutcome::kReceived);
    IncomingFrame frame;
    EXPECT_EQ(pair.second->Next(frame).outcome, Transport::NextOutcome::kFrame);
    EXPECT_EQ(pair.second->Next(frame).outcome, Transport::NextOutcome::kNone);
  }
  EXPECT_EQ(calls.CountOf("sendmsg") + calls.CountOf("recvmsg"), 0u);
}

TEST_P(RingTransportTest, OneSleepCostsOneDoorbell) {
  RingPair pair = Switched();
  ASSERT_TRUE(pair.second->PrepareToSleep());
  FaultInjection calls(
      [](std::string_view, size_t) { return FaultInjection::Fault{}; });
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "x"));
  for (int i = 0; i < 10; ++i) SendOnce(*pair.first, frames);
  EXPECT_EQ(calls.CountOf("sendmsg"), 1u);
  EXPECT_TRUE(IsReadable(pair.second->pollable_fd()));
  EXPECT_FALSE(pair.second->PrepareToSleep());
  EXPECT_EQ(ReceiveAll(*pair.second).frames.size(), 10u);
}

TEST_P(RingTransportTest, WhoPollsSeesTheEnd) {
  RingPair pair = Switched();
  pair.first->Shutdown();
  int polls = 0;
  while (!pair.second->MayReceive() && polls < 10'000) ++polls;
  EXPECT_EQ(pair.second->Receive().outcome, ReceiveOutcome::kClosed);
  EXPECT_LE(polls, 1000);
  EXPECT_EQ(pair.second->Send({}).outcome, SendOutcome::kSent);
  std::vector<OutgoingFrame> late;
  late.push_back(NewFrame(1, "late"));
  EXPECT_EQ(SendOnce(*pair.second, late).outcome, SendOutcome::kClosed);
}

TEST_P(RingTransportTest, AServerThatRefusesDescriptorsHasRings) {
  RingPair pair = Agreed();
  pair.second->RefuseDescriptors();
  SwitchToRings(pair);
  Talk(pair);
}

TEST_P(RingTransportTest, ARefusedMemoryFileMeansSocketForGood) {
  for (const auto& [call, error] :
       {std::pair{"memfd_create", ENOSYS}, std::pair{"memfd_create", EMFILE},
        std::pair{"ftruncate", EPERM}, std::pair{"fallocate", ENOSPC},
        std::pair{"map_file", ENOMEM}, std::pair{"keep_from_children", ENOMEM},
        std::pair{"add_seals", EPERM}}) {
    // On the server when it makes the region, on the client when it joins.
    for (size_t failing = 0; failing < 2; ++failing) {
      SCOPED_TRACE(std::string(call) + std::to_string(failing));
      RingPair pair = Agreed();
      {
        FaultInjection faults([&, call = call, error = error](
                                  std::string_view name, size_t index) {
          return FaultInjection::Fault{
              .error = name == call && index == failing ? error : 0};
        });
        pair.first->OnBusy();
        Talk(pair);
        EXPECT_EQ(InRings(pair), faults.CountOf(call) <= failing);
        const size_t made = faults.CountOf("memfd_create");
        pair.first->OnBusy();
        Talk(pair);
        EXPECT_EQ(faults.CountOf("memfd_create"), made) << "it insists";
      }
      EXPECT_TRUE(Moves(*pair.first, *pair.second, 100'000, 2));
    }
  }
}

TEST_P(RingTransportTest, ASocketThatTakesNoSuchDescriptorMeansSocket) {
  // The client's frame and want-rings, the server's frame, its region.
  FaultInjection faults([&](std::string_view name, size_t index) {
    return FaultInjection::Fault{
        .error = name == "sendmsg" && index == 3 ? EPERM : 0};
  });
  RingPair pair = Agreed();
  pair.first->OnBusy();
  Talk(pair);
  EXPECT_FALSE(InRings(pair));
  Talk(pair);
}

TEST_P(RingTransportTest, RingsThatAreGivenUpCanBeHadAgain) {
  for (const bool by_client : {true, false}) {
    RingPair pair = Switched();
    (by_client ? pair.first : pair.second)->OnIdle();
    Talk(pair);
    EXPECT_FALSE(pair.first->sends_in_ring() || pair.first->receives_in_ring());
    EXPECT_FALSE(pair.second->sends_in_ring() ||
                 pair.second->receives_in_ring());
    SwitchToRings(pair);
    Talk(pair);
  }
}

TEST_P(RingTransportTest, AServerRefusesAClientThatWantsThemAgainAndAgain) {
  RingPair pair = Agreed();
  int accepted = 0;
  for (int i = 0; i < 20; ++i) {
    pair.first->OnBusy();
    Talk(pair);
    if (!InRings(pair)) break;
    ++accepted;
    pair.first->OnIdle();
    Talk(pair);
  }
  EXPECT_EQ(accepted, 16);
  pair.first->OnBusy();
  Talk(pair);
  EXPECT_FALSE(InRings(pair));
}

TEST_P(RingTransportTest, GivesUpWithoutAFrameOfTheUsers) {
  RingPair pair = Switched();
  pair.second->OnIdle();
  EXPECT_EQ(pair.second->Send({}).outcome, SendOutcome::kSent);
  EXPECT_TRUE(HasArrived(*pair.first));
  EXPECT_TRUE(ReceiveAll(*pair.first).frames.empty());
  EXPECT_EQ(pair.first->Send({}).outcome, SendOutcome::kSent);
  EXPECT_TRUE(ReceiveAll(*pair.second).frames.empty());
  EXPECT_FALSE(pair.first->sends_in_ring());
  Talk(pair);
}

TEST_P(RingTransportTest, ADoorbellThatCannotBeSentBreaksTheConnection) {
  RingPair pair = Switched();
  ASSERT_TRUE(pair.second->PrepareToSleep());
  FaultInjection faults(FaultInjection::FailFirst("sendmsg", 1, ENOBUFS));
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "x"));
  EXPECT_EQ(SendOnce(*pair.first, frames).outcome, SendOutcome::kBroken);
}

TEST_P(RingTransportTest, AChildsCopyDoesNothing) {
  RingPair pair = Switched();
  const int in_child = InChild([&] {
    std::vector<OutgoingFrame> frames;
    frames.push_back(NewFrame(1, "of the child"));
    if (SendOnce(*pair.first, frames).outcome != SendOutcome::kClosed) return 1;
    if (pair.first->Receive().outcome != ReceiveOutcome::kClosed) return 2;
    if (!pair.first->PrepareToSleep() || !pair.first->MayReceive()) return 3;
    pair.first->ShutdownReceive();
    pair.first->Shutdown();
    return 0;
  });
  EXPECT_EQ(in_child, 0);
  EXPECT_TRUE(InRings(pair));
  Talk(pair);
}

TEST_P(RingTransportTest, AKilledPeerIsAnEndBehindWhatItHadPublished) {
  RingPair pair = Switched();
  std::vector<OutgoingFrame> frames;
  frames.push_back(NewFrame(1, "last"));
  ASSERT_EQ(SendOnce(*pair.first, frames).sent, 1u);
  // As the kernel does it: no word of the region changes.
  ::shutdown(pair.first->pollable_fd(), SHUT_RDWR);
  const Received received = ReceiveAll(*pair.second);
  EXPECT_EQ(received.last, ReceiveOutcome::kClosed);
  ASSERT_EQ(received.frames.size(), 1u);
}

}  // namespace
}  // namespace fdrpc::testing
