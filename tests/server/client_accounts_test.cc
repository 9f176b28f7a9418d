#include "server/client_accounts.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kAnn = 1, kBob = 2, kCyd = 3;

std::string Words(const absl::Status& status) {
  return std::string(status.message());
}

class ClientAccountsTest : public ::testing::Test {
 protected:
  void Make(const ClientAccounts::Limits& limits) {
    accounts_ = std::make_shared<ClientAccounts>(limits);
  }
  std::unique_ptr<ClientShare> Admit(uid_t user) {
    absl::StatusOr<std::unique_ptr<ClientShare>> share = accounts_->Admit(user);
    EXPECT_TRUE(share.ok()) << share.status();
    return share.ok() ? *std::move(share) : nullptr;
  }
  // The reason for the refusal.
  std::string Refusal(uid_t user) {
    const absl::Status status = accounts_->Admit(user).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    return Words(status);
  }

  std::shared_ptr<ClientAccounts> accounts_;
};

TEST_F(ClientAccountsTest, AQuarterOfTheProcesssFilesIsNotTheClients) {
  const auto limits = ClientAccounts::LimitsFor({}, 1024);
  EXPECT_EQ(limits.files, 768u);
  EXPECT_EQ(limits.files_of_user, 384u);
  EXPECT_EQ(limits.connections_of_user, 384u);
  EXPECT_EQ(limits.unreceived_of_user, 128u);
}

TEST_F(ClientAccountsTest, WithManyFilesTheOptionsAreTheLimits) {
  const auto limits = ClientAccounts::LimitsFor({}, 1u << 20);
  EXPECT_EQ(limits.connections, 16384u);
  EXPECT_EQ(limits.connections_of_user, 8192u);
  const auto one_user = ClientAccounts::LimitsFor(
      {.max_connections = 10, .max_connections_per_user = 10}, 1u << 20);
  EXPECT_EQ(one_user.connections_of_user, 10u);
}

TEST_F(ClientAccountsTest, AUserMayHaveWhatItsLimitOfConnectionsSays) {
  const auto limits =
      ClientAccounts::LimitsFor({.max_connections_per_user = 700}, 1024);
  EXPECT_EQ(limits.connections_of_user, 700u);
  EXPECT_EQ(limits.files_of_user, 700u);
  EXPECT_EQ(ClientAccounts::LimitsFor({.max_connections_per_user = 5000}, 1024)
                .connections_of_user,
            768u);
}

TEST_F(ClientAccountsTest, OneUserLeavesHalfToTheOthers) {
  Make(ClientAccounts::LimitsFor(
      {.max_connections = 4, .max_connections_per_user = 2}, 1024));
  const auto first = Admit(kAnn);
  auto second = Admit(kAnn);
  EXPECT_EQ(Refusal(kAnn),
            "user 1 has 2 connections to the server, its limit for one user "
            "(ServerOptions::max_connections_per_user): end some, or share a "
            "channel");
  const auto others = Admit(kBob);
  const auto another = Admit(kCyd);
  EXPECT_EQ(Refusal(kCyd),
            "the server has 4 connections, its limit "
            "(ServerOptions::max_connections): try again when some have ended");
  second.reset();
  EXPECT_NE(Admit(kAnn), nullptr);
}

TEST_F(ClientAccountsTest, ConnectionsAndDescriptorsAreTheSameFiles) {
  Make({.connections = 100,
        .connections_of_user = 100,
        .files = 10,
        .files_of_user = 6,
        .held_bytes_of_user = 100});
  const auto ann = Admit(kAnn);
  EXPECT_TRUE(ann->Charge(0, 5).ok());
  EXPECT_THAT(Refusal(kAnn), HasSubstr("user 1 have 6"));
  const absl::Status too_many = ann->Charge(1, 1);
  EXPECT_EQ(too_many.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Words(too_many),
            "the clients of user 1 have 6 connections to the server and "
            "descriptors, in "
            "requests or waiting to be closed, and may have 6, for which the "
            "server's RLIMIT_NOFILE is the measure: end some, or raise the "
            "limit");
  EXPECT_EQ(Words(ann->Charge(101, 0)),
            "the requests of user 1 hold 0 bytes, and may hold 100 "
            "(ServerOptions::max_held_bytes_per_user): wait until calls in "
            "progress have ended");
  const auto bob = Admit(kBob);
  EXPECT_TRUE(bob->Charge(0, 3).ok());
  EXPECT_THAT(Words(bob->Charge(0, 1)), HasSubstr("the server's clients have"));
  EXPECT_THAT(Refusal(kCyd), HasSubstr("the server's clients have 10"));
  ann->Release(0, 5);
  EXPECT_TRUE(bob->Charge(0, 1).ok());
  bob->Release(0, 4);
  // What was refused is not counted.
  EXPECT_TRUE(ann->Charge(100, 5).ok());
  ann->Release(100, 5);
}

TEST_F(ClientAccountsTest, WhatWaitsToBeClosedIsOfItsUserThoughThatHasGone) {
  Make({.connections = 100,
        .connections_of_user = 100,
        .files = 10,
        .files_of_user = 6,
        .held_bytes_of_user = 100});
  auto ann = Admit(kAnn);
  const auto bob = Admit(kBob);
  std::shared_ptr<PendingCloses> closes = ann->closes();
  for (int i = 0; i < 5; ++i) closes->Add();
  EXPECT_THAT(Words(ann->Charge(0, 1)), HasSubstr("user 1 have 6"));
  EXPECT_TRUE(ann->CheckCloses().ok());
  ann.reset();
  ann = Admit(kAnn);
  EXPECT_EQ(ann->closes(), closes);
  EXPECT_THAT(Refusal(kAnn), HasSubstr("user 1 have 6"));
  EXPECT_TRUE(bob->Charge(0, 3).ok());
  EXPECT_THAT(Words(bob->Charge(0, 1)), HasSubstr("the server's clients have"));
  bob->Release(0, 3);
  closes->Add();
  const absl::Status too_many = ann->CheckCloses();
  EXPECT_EQ(too_many.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Words(too_many),
            "6 descriptors that user 1 sent wait to be closed, and 6 may, for "
            "which the server's RLIMIT_NOFILE is the measure: try again when "
            "closing them does not block any more");
  EXPECT_TRUE(bob->CheckCloses().ok());
  for (int i = 0; i < 6; ++i) closes->Remove();
  EXPECT_TRUE(ann->Charge(0, 5).ok());
  ann->Release(0, 5);
  // Once it is closed, nothing is kept for a user who has left.
  const std::weak_ptr<PendingCloses> kept = closes;
  ann.reset();
  closes.reset();
  EXPECT_NE(Admit(kCyd), nullptr);
  EXPECT_TRUE(kept.expired());
}

TEST_F(ClientAccountsTest, BytesAreThoseOfAllConnectionsOfAUser) {
  Make({.connections = 100,
        .connections_of_user = 100,
        .files = 100,
        .files_of_user = 100,
        .held_bytes_of_user = 10});
  const auto first = Admit(kAnn);
  const auto second = Admit(kAnn);
  EXPECT_TRUE(first->Charge(6, 0).ok());
  const absl::Status too_many = second->Charge(5, 0);
  EXPECT_EQ(too_many.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(Words(too_many), HasSubstr("user 1 hold 6 bytes"));
  EXPECT_EQ(second->Charge(std::numeric_limits<size_t>::max(), 0).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(second->Charge(4, 0).ok());
  const auto other = Admit(kBob);
  EXPECT_TRUE(other->Charge(10, 0).ok());
  other->Release(10, 0);
  first->Release(6, 0);
  second->Release(4, 0);
}

TEST_F(ClientAccountsTest, UnreceivedDescriptorsAreThoseOfAllConnections) {
  Make(ClientAccounts::LimitsFor({}, 1024));
  const auto first = Admit(kAnn);
  const auto second = Admit(kAnn);
  const auto other = Admit(kBob);
  EXPECT_EQ(&first->unreceived(), &second->unreceived());
  EXPECT_NE(&first->unreceived(), &other->unreceived());
  EXPECT_EQ(other->unreceived().queued.most(), 128u);
  EXPECT_EQ(other->unreceived().in_flight.most(), 128u);
}

TEST_F(ClientAccountsTest, SharesKeepTheAccounts) {
  Make(ClientAccounts::LimitsFor({}, 1024));
  const auto share = Admit(kAnn);
  accounts_.reset();
  EXPECT_TRUE(share->Charge(1, 1).ok());
  share->Release(1, 1);
}

}  // namespace
}  // namespace fdrpc::testing
