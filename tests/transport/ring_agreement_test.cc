// A client that wants rings, and a server that does what it likes: the frames
// between them are the calls of these tests. What a server does with a client
// like that: ring_receiving_test.cc.

#include "transport/ring_agreement.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;
using Task = RingAgreement::Task;

constexpr uint32_t kOwnRing = ring_layout::kLeastRingBytes;
constexpr uint32_t kServersRing = 2 * kOwnRing;
constexpr size_t kRegion = ring_layout::RegionBytes(kOwnRing, kServersRing);

class RingAgreementTest : public ::testing::Test {
 protected:
  RingAgreementTest() { Begin(); }

  // A client that has sent want-rings.
  void Begin() {
    client_ = std::make_unique<RingAgreement>(Side::kClient, kOwnRing,
                                              /*with_one_cpu=*/true,
                                              /*quota=*/nullptr);
    client_->Want();
    EXPECT_EQ(client_->TakeTask(), Task::kWantRings);
  }
  static UniqueFd NewRegion(size_t bytes = kRegion) {
    absl::StatusOr<SharedRegion::Made> made = SharedRegion::Make(bytes);
    EXPECT_TRUE(made.ok()) << made.status();
    return std::move(made->file);
  }
  void ExpectMistake(UniqueFd file, std::string_view what,
                     uint32_t ring_bytes = kServersRing) {
    const absl::Status status = client_->OnRegion(ring_bytes, std::move(file));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
    EXPECT_EQ(client_->SendingRings(), nullptr);
    Begin();
  }
  // It says no-rings, and asks no more.
  void ExpectNoRings() {
    EXPECT_FALSE(client_->has_both());
    EXPECT_EQ(client_->TakeTask(), Task::kNoRings);
    EXPECT_TRUE(client_->OnNoRings().ok());
    client_->Want();
    EXPECT_EQ(client_->TakeTask(), Task::kNone);
    Begin();
  }

  ExpectSameDescriptors census_;
  std::unique_ptr<RingAgreement> client_;
};

TEST_F(RingAgreementTest, AClientThatHasJoinedSendsInItsRing) {
  EXPECT_EQ(client_->SendingRings(), nullptr);
  ASSERT_TRUE(client_->OnRegion(kServersRing, NewRegion()).ok());
  EXPECT_TRUE(client_->has_both());
  const std::shared_ptr<const RingPair> rings = client_->SendingRings();
  ASSERT_NE(rings, nullptr);
  EXPECT_EQ(rings->own_ring_bytes(), kOwnRing);
  EXPECT_EQ(rings->peer_ring_bytes(), kServersRing);
  EXPECT_TRUE(client_->OnToRing().ok());
}

TEST_F(RingAgreementTest, ARegionThatIsNoneIsTheServersMistake) {
  ExpectMistake(FileWith("x"), "shared region");
  ExpectMistake(NewRegion(kRegion - 4096), "bytes instead of");
  ExpectMistake(NewRegion(), "no power of two", kServersRing + 4096);
  UniqueFd sealed = NewRegion();
  ASSERT_EQ(fcntl(sealed.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  ExpectMistake(std::move(sealed), "is sealed already");
  UniqueFd shrinks(memfd_create("server's", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(ftruncate(shrinks.get(), kRegion), 0);
  ExpectMistake(std::move(shrinks), "can still be changed");
}

TEST_F(RingAgreementTest, ARegionAtTheWrongTimeIsTheServersMistake) {
  ASSERT_TRUE(client_->OnRegion(kServersRing, NewRegion()).ok());
  EXPECT_FALSE(client_->OnRegion(kServersRing, NewRegion()).ok()) << "twice";
  EXPECT_FALSE(client_->OnWantRings(kOwnRing).ok());
  RingAgreement idle(Side::kClient, kOwnRing, /*with_one_cpu=*/true, nullptr);
  EXPECT_FALSE(idle.OnRegion(kServersRing, NewRegion()).ok());
  EXPECT_FALSE(idle.OnToRing().ok());
  EXPECT_FALSE(idle.OnNoRings().ok());
}

TEST_F(RingAgreementTest, WithoutItsDescriptorOrMemoryAClientDoesWithout) {
  ASSERT_TRUE(client_->OnRegion(kServersRing, UniqueFd()).ok());
  ExpectNoRings();
  for (const char* const call :
       {"map_file", "keep_from_children", "add_seals"}) {
    FaultInjection faults([call](std::string_view name, size_t) {
      return FaultInjection::Fault{.error = name == call ? ENOMEM : 0};
    });
    UniqueFd file(memfd_create("server's", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(ftruncate(file.get(), kRegion), 0);
    ASSERT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
    ASSERT_TRUE(client_->OnRegion(kServersRing, std::move(file)).ok()) << call;
    ExpectNoRings();
  }
}

// A server's descriptor of the region is open, and counts, until the client has
// joined.
TEST_F(RingAgreementTest, RegionsThatNobodyHasJoinedHaveALimit) {
  RingQuota all(/*most_bytes=*/100 * kRegion, /*most_files=*/100);
  RingQuota quota(/*most_bytes=*/100 * kRegion, /*most_files=*/1, &all);
  const auto asked = [&] {
    auto server = std::make_unique<RingAgreement>(
        Side::kServer, kServersRing, /*with_one_cpu=*/true, &quota);
    EXPECT_TRUE(server->OnWantRings(kOwnRing).ok());
    return server;
  };
  const auto first = asked();
  ASSERT_EQ(first->TakeTask(), Task::kRegion);
  const absl::StatusOr<SharedFd> file = first->MakeRegion();
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(asked()->TakeTask(), Task::kNoRings);
  EXPECT_EQ(quota.connections(), 1u);
  ASSERT_TRUE(client_
                  ->OnRegion(kServersRing,
                             UniqueFd(fcntl(file->get(), F_DUPFD_CLOEXEC, 0)))
                  .ok());
  ASSERT_TRUE(first->OnToRing().ok());
  auto second = asked();
  EXPECT_EQ(second->TakeTask(), Task::kRegion);
  EXPECT_EQ(quota.connections(), 2u);
  EXPECT_EQ(asked()->TakeTask(), Task::kNoRings);
  second.reset();  // its connection has ended
  EXPECT_EQ(asked()->TakeTask(), Task::kRegion);
}

TEST_F(RingAgreementTest, AServerThatRefusesIsNotAskedAgain) {
  ASSERT_TRUE(client_->OnNoRings().ok());
  EXPECT_EQ(client_->TakeTask(), Task::kNoRings);
  client_->Want();
  EXPECT_EQ(client_->TakeTask(), Task::kNone);
}

}  // namespace
}  // namespace fdrpc::testing
