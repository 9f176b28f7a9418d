// The rules of fields, on both sides, and the list of a parcel's descriptors.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "fdrpc/options.pb.h"
#include "fdrpc/parcel.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"
#include "os/descriptor_check.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/ruled_parcel.h"

namespace fdrpc::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class DescriptorRulesTest : public ::testing::Test {
 protected:
  // What a receiver with rules says about the parcel of a sender without.
  static absl::Status Received(Parcel<Unruled> sent, Parcel<Ruled>& received) {
    EXPECT_EQ(sent.PrepareToSend(), absl::OkStatus());
    EXPECT_TRUE(received->ParseFromString(sent->SerializeAsString()));
    return received.Accept(sent.TakeDescriptors());
  }

  ExpectSameDescriptors census_;
};

TEST_F(DescriptorRulesTest, AParcelThatKeepsThemIsSentAndReceived) {
  Parcel<Ruled> sent;
  FillWell(sent);
  EXPECT_EQ(sent.PrepareToSend(), absl::OkStatus());
  EXPECT_EQ(sent.TakeDescriptors().size(), 6u);

  Parcel<Unruled> unruled;
  FillWell(unruled);
  Parcel<Ruled> received;
  EXPECT_EQ(Received(std::move(unruled), received), absl::OkStatus());
  EXPECT_EQ(ReadRest(received.file()), "file");
}

TEST_F(DescriptorRulesTest, TheSenderOfABrokenOneIsTold) {
  for (const BrokenRule<Ruled>& broken : BrokenRules<Ruled>()) {
    const DescriptorCensus before = TakeCensus();
    Parcel<Ruled> sent;
    FillWell(sent);
    broken.spoil(sent);
    const absl::Status status = sent.PrepareToSend();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(broken.error));
    sent.CloseDescriptors();
    EXPECT_EQ(TakeCensusExpecting(before), before);
  }
}

TEST_F(DescriptorRulesTest, TheReceiverOfABrokenOneClosesTheDescriptors) {
  for (const BrokenRule<Unruled>& broken : BrokenRules<Unruled>()) {
    const DescriptorCensus before = TakeCensus();
    Parcel<Unruled> sent;
    FillWell(sent);
    broken.spoil(sent);
    Parcel<Ruled> received;
    const absl::Status status = Received(std::move(sent), received);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(broken.error));
    EXPECT_EQ(TakeCensusExpecting(before), before);
  }
}

TEST_F(DescriptorRulesTest, TheFirstBrokenOneIsNamed) {
  Parcel<Ruled> sent;
  FillWell(sent);
  sent.set_sockets("a", Pipe().first);
  sent.add_pipes(FileWith("a"));
  EXPECT_THAT(std::string(sent.PrepareToSend().message()),
              HasSubstr("pipes[2]"));
}

TEST_F(DescriptorRulesTest, FieldsWithoutRulesCostNoSystemCall) {
  Parcel<Unruled> sent;
  FillWell(sent);
  FaultInjection faults(
      [](std::string_view, size_t) { return FaultInjection::Fault(); });
  EXPECT_EQ(sent.PrepareToSend(), absl::OkStatus());
  Parcel<Unruled> received;
  *received = *sent;
  EXPECT_EQ(received.Accept(sent.TakeDescriptors()), absl::OkStatus());
  for (const std::string& name : FaultInjection::Names()) {
    EXPECT_EQ(faults.CountOf(name), 0u) << name;
  }
}

// With each system call of the checks failing in turn, nothing passes
// unchecked, and nothing is left open.
TEST_F(DescriptorRulesTest, WhatCannotBeCheckedIsNotSentOrTaken) {
  for (const char* call :
       {"get_status_flags", "statx", "readlink", "getsockopt"}) {
    const DescriptorCensus before = TakeCensus();
    Parcel<Ruled> sent;
    FillWell(sent);
    Parcel<Unruled> unruled;
    FillWell(unruled);
    Parcel<Ruled> received;
    {
      FaultInjection faults(FaultInjection::FailFirst(call, 1000, ENOMEM));
      EXPECT_FALSE(sent.PrepareToSend().ok()) << call;
      EXPECT_FALSE(Received(std::move(unruled), received).ok()) << call;
    }
    sent.CloseDescriptors();
    EXPECT_EQ(TakeCensusExpecting(before), before);
  }
}

// The check at run time has numbers and words of its own for the schema's
// enums.
class SchemaNumbersTest : public DescriptorRulesTest {
 protected:
  static void Demands(const internal::DescriptorRules& rules, int fd,
                      const std::string& what) {
    EXPECT_THAT(std::string(CheckDescriptor(rules, fd).message()),
                EndsWith(what));
  }
  static internal::DescriptorRules Sockets() {
    return {.kinds = 1u << FdRules::SOCKET};
  }
};

TEST_F(SchemaNumbersTest, OfKinds) {
  const std::vector<DescriptorKind> kinds = {
      DescriptorKind::kRegularFile, DescriptorKind::kDirectory,
      DescriptorKind::kPipe,        DescriptorKind::kSocket,
      DescriptorKind::kMemfd,       DescriptorKind::kCharacterDevice,
      DescriptorKind::kBlockDevice, DescriptorKind::kTerminal,
      DescriptorKind::kEventfd,     DescriptorKind::kTimerfd,
      DescriptorKind::kSignalfd,    DescriptorKind::kPidfd,
      DescriptorKind::kEpoll,       DescriptorKind::kInotify};
  ASSERT_EQ(FdRules::Kind_descriptor()->value_count(),
            static_cast<int>(kinds.size()));
  for (size_t i = 0; i < kinds.size(); ++i) {
    // "a character device" of CHARACTER_DEVICE
    std::string name = absl::AsciiStrToLower(
        FdRules::Kind_Name(static_cast<FdRules::Kind>(kinds[i])));
    std::replace(name.begin(), name.end(), '_', ' ');
    EXPECT_THAT(std::string(InWords(kinds[i])), HasSubstr(name));
  }
}

TEST_F(SchemaNumbersTest, OfAccess) {
  const UniqueFd ioctl_alone(open("/dev/null", O_ACCMODE | O_CLOEXEC));
  const struct {
    FdRules::Access access;
    const char* words;
  } all[] = {{FdRules::READ, "demand reading"},
             {FdRules::WRITE, "demand writing"},
             {FdRules::READ_WRITE, "demand reading and writing"},
             {FdRules::READ_ONLY, "demand reading alone"},
             {FdRules::WRITE_ONLY, "demand writing alone"},
             {FdRules::PATH, "demand O_PATH"}};
  ASSERT_EQ(FdRules::Access_descriptor()->value_count(),
            static_cast<int>(std::size(all)));
  for (const auto& each : all) {
    Demands({.access = static_cast<uint8_t>(each.access)}, ioctl_alone.get(),
            each.words);
  }
}

TEST_F(SchemaNumbersTest, OfSeals) {
  const UniqueFd memfd(memfd_create("a", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const auto& all = *FdRules::Seal_descriptor();
  for (int i = 0; i < all.value_count(); ++i) {
    EXPECT_THAT(
        std::string(CheckDescriptor({.seals = 1u << all.value(i)->number()},
                                    memfd.get())
                        .message()),
        HasSubstr("a memfd without F_" + std::string(all.value(i)->name()) +
                  ","));
  }
}

TEST_F(SchemaNumbersTest, OfSocketFamiliesAndTypes) {
  const UniqueFd raw(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
  const UniqueFd stream = SocketPair().first;
  const auto& families = *FdRules::Socket::Family_descriptor();
  for (int i = 0; i < families.value_count(); ++i) {
    const auto& family = *families.value(i);
    internal::DescriptorRules rules = Sockets();
    rules.families = 1u << family.number();
    Demands(
        rules,
        family.number() == FdRules::Socket::NETLINK ? stream.get() : raw.get(),
        "demand AF_" + std::string(family.name()));
  }
  const auto& types = *FdRules::Socket::Type_descriptor();
  for (int i = 0; i < types.value_count(); ++i) {
    const auto& type = *types.value(i);
    internal::DescriptorRules rules = Sockets();
    rules.types = 1u << type.number();
    const bool datagram = type.number() == FdRules::Socket::DATAGRAM;
    Demands(rules,
            type.number() == FdRules::Socket::RAW ? stream.get() : raw.get(),
            "demand SOCK_" + (datagram ? "DGRAM" : std::string(type.name())));
  }
}

using ListedDescriptorsTest = DescriptorRulesTest;

std::vector<std::string> FieldsAndKinds(const ParcelBase& parcel) {
  std::vector<std::string> list;
  for (const DescriptorInfo& info : parcel.ListDescriptors()) {
    list.push_back(info.field + ": " +
                   (info.fd < 0 ? "none" : std::string(InWords(info.kind))));
  }
  return list;
}

TEST_F(ListedDescriptorsTest, AreTheSameOnBothSides) {
  const auto all = UnorderedElementsAre(
      "fdrpc.testing.Unruled.file: a memfd",
      "fdrpc.testing.Unruled.pipes[0]: a pipe or FIFO",
      "fdrpc.testing.Unruled.pipes[1]: a pipe or FIFO",
      "fdrpc.testing.Unruled.sockets[\"a\"]: a socket",
      "fdrpc.testing.Unruled.event: an eventfd",
      "fdrpc.testing.Unruled.file (inner.file of fdrpc.testing.Unruled): a "
      "memfd");
  Parcel<Unruled> sent;
  EXPECT_TRUE(sent.ListDescriptors().empty());
  FillWell(sent);
  EXPECT_THAT(FieldsAndKinds(sent), all);
  EXPECT_EQ(sent.PrepareToSend(), absl::OkStatus());
  Parcel<Unruled> received;
  ASSERT_TRUE(received->ParseFromString(sent->SerializeAsString()));
  EXPECT_EQ(received.Accept(sent.TakeDescriptors()), absl::OkStatus());
  EXPECT_THAT(FieldsAndKinds(received), all);
}

TEST_F(ListedDescriptorsTest, SayWhichFieldHasNone) {
  Parcel<Unruled> parcel;
  parcel.set_file(FileWith("a"));
  parcel->add_pipes();
  EXPECT_THAT(FieldsAndKinds(parcel),
              UnorderedElementsAre("fdrpc.testing.Unruled.file: a memfd",
                                   "fdrpc.testing.Unruled.pipes[0]: none"));
  const UniqueFd taken = parcel.take_file();
  EXPECT_THAT(FieldsAndKinds(parcel),
              UnorderedElementsAre("fdrpc.testing.Unruled.file: none",
                                   "fdrpc.testing.Unruled.pipes[0]: none"));
}

TEST_F(ListedDescriptorsTest, AreLeftInTheParcel) {
  Parcel<Unruled> parcel;
  parcel.set_file(FileWith("a"));
  const std::vector<DescriptorInfo> list = parcel.ListDescriptors();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].fd, parcel.file());
  EXPECT_EQ(list[0].size, 1u);
  EXPECT_EQ(parcel.PrepareToSend(), absl::OkStatus());
}

// What a parcel reports of itself, before it is sent and after it was received.
class AgreeingParcelTest : public DescriptorRulesTest {
 protected:
  static void Agrees(const Parcel<Unruled>& parcel) {
    EXPECT_EQ(parcel.has_file(), parcel->has_file());
    EXPECT_EQ(parcel.has_file(), parcel.file() >= 0);
    EXPECT_EQ(parcel.pipes_size(), parcel->pipes_size());
    for (int i = 0; i < parcel.pipes_size(); ++i) {
      EXPECT_GE(parcel.pipes(i), 0);
    }
    EXPECT_EQ(parcel.sockets_size(), parcel->sockets_size());
    for (const auto& entry : parcel->sockets()) {
      EXPECT_TRUE(parcel.has_sockets(entry.first));
      EXPECT_GE(parcel.sockets(entry.first), 0);
    }
    EXPECT_FALSE(parcel.has_sockets("none"));
    EXPECT_EQ(parcel.has_sealed(), parcel.sealed() >= 0);
    EXPECT_EQ(parcel.has_event(), parcel.event() >= 0);
    EXPECT_FALSE(parcel.has_sealed() && parcel.has_event());
  }
};

TEST_F(AgreeingParcelTest, WithEveryFieldAndWithNone) {
  for (const bool filled : {false, true}) {
    Parcel<Unruled> sent;
    if (filled) FillWell(sent);
    Agrees(sent);
    const size_t listed = sent.ListDescriptors().size();
    EXPECT_EQ(sent.PrepareToSend(), absl::OkStatus());
    Parcel<Unruled> received;
    ASSERT_TRUE(received->ParseFromString(sent->SerializeAsString()));
    EXPECT_EQ(received.Accept(sent.TakeDescriptors()), absl::OkStatus());
    Agrees(received);
    EXPECT_EQ(received.ListDescriptors().size(), listed);
    EXPECT_EQ(received.descriptors().size(), listed);
  }
}

TEST_F(AgreeingParcelTest, AfterElementsWereCleared) {
  Parcel<Unruled> parcel;
  FillWell(parcel);
  DescriptorCensus left = TakeCensus();
  for (const int cleared :
       {parcel.pipes(0), parcel.pipes(1), parcel.sockets("a")}) {
    left.erase(cleared);
  }
  parcel.clear_pipes();
  parcel.clear_sockets();
  EXPECT_EQ(parcel.pipes_size(), 0);
  EXPECT_EQ(parcel.sockets_size(), 0);
  Agrees(parcel);
  EXPECT_EQ(TakeCensusExpecting(left), left);
  parcel.add_pipes(Pipe().first);
  EXPECT_EQ(parcel.PrepareToSend(), absl::OkStatus());
  EXPECT_EQ(parcel.TakeDescriptors().size(), 4u);
}

TEST_F(AgreeingParcelTest, ClearingElementsLeavesWhatAnotherFieldNames) {
  Parcel<Unruled> parcel;
  parcel.add_pipes(Pipe().first);
  *parcel->mutable_file() = parcel->pipes(0);
  parcel.clear_pipes();
  EXPECT_GE(parcel.file(), 0);
  EXPECT_EQ(parcel.PrepareToSend(), absl::OkStatus());
}

TEST_F(AgreeingParcelTest, ClearingManyElementsIsQuick) {
  Parcel<Unruled> parcel;
  const SharedFd shared(FileWith("a"));
  for (int i = 0; i < 100'000; ++i) parcel.add_pipes(shared);
  parcel.clear_pipes();
  EXPECT_EQ(parcel.pipes_size(), 0);
}

}  // namespace
}  // namespace fdrpc::testing
