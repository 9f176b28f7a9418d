#include "services/filebroker/root_policy.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/tree.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::filebroker {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kAlice = 1001;
constexpr uid_t kBob = 1002;
constexpr uid_t kCarol = 1003;

// What a user can do with "file" and "own".
std::string RightsOf(const RootPolicy& policy, uid_t user) {
  const absl::StatusOr<DirectoryAccess> access =
      policy.AccessOf({.uid = user, .gid = user, .pid = 1});
  if (!access.ok()) return "none";
  v1::OpenRequest request;
  request.set_path("own");
  request.set_access(v1::ACCESS_READ);
  Parcel<v1::OpenReply> reply;
  std::string rights =
      access->Open(request, reply).ok() ? "own root" : "common root";
  v1::MakeDirectoryRequest make;
  make.set_path("made-by-" + std::to_string(user));
  rights += access->MakeDirectory(make).ok() ? ", writes" : ", reads";
  return rights;
}

TEST(RootPolicyTest, GivesEachUserItsRootAndRights) {
  testing::ExpectSameDescriptors census;
  const struct {
    const char* name;
    bool root;
    bool alice_root;
    bool read_only;
    bool alice_read_only;
    const char* alice;
    const char* bob;
  } table[] = {
      {"one root", true, false, false, false, "common root, writes",
       "common root, writes"},
      {"a user's root beside it", true, true, false, false, "own root, writes",
       "common root, writes"},
      {"a user's root alone", false, true, false, false, "own root, writes",
       "none"},
      {"read-only", true, true, true, false, "own root, reads",
       "common root, reads"},
      {"read-only for a user", true, true, false, true, "own root, reads",
       "common root, writes"},
      {"read-only for a user without a root of its own", true, false, false,
       true, "common root, reads", "common root, writes"},
  };
  for (const auto& row : table) {
    testing::Tree tree;
    tree.MakeDirectory("common");
    tree.MakeDirectory("alice");
    tree.Write("alice/own", "");
    RootPolicy::Options options;
    if (row.root) options.root = tree.path("common");
    if (row.alice_root) options.user_roots[kAlice] = tree.path("alice");
    options.read_only = row.read_only;
    if (row.alice_read_only) options.read_only_users.insert(kAlice);
    const absl::StatusOr<RootPolicy> policy = RootPolicy::Create(options);
    ASSERT_TRUE(policy.ok()) << policy.status();
    EXPECT_EQ(RightsOf(*policy, kAlice), row.alice) << row.name;
    EXPECT_EQ(RightsOf(*policy, kBob), row.bob) << row.name;
  }
}

TEST(RootPolicyTest, SaysWhatGivesARoot) {
  testing::Tree tree;
  const absl::StatusOr<RootPolicy> policy =
      RootPolicy::Create({.user_roots = {{kAlice, tree.path()}}});
  ASSERT_TRUE(policy.ok()) << policy.status();
  const absl::Status refused =
      policy->AccessOf({.uid = kCarol, .gid = kCarol, .pid = 1}).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("user 1003 has no root here"));
}

TEST(RootPolicyTest, NamesARootThatIsNotThere) {
  testing::Tree tree;
  for (const RootPolicy::Options& options :
       {RootPolicy::Options{.root = tree.path("none")},
        RootPolicy::Options{.user_roots = {{kBob, tree.path("none")}}}}) {
    EXPECT_THAT(std::string(RootPolicy::Create(options).status().message()),
                HasSubstr(tree.path("none")));
  }
}

}  // namespace
}  // namespace fdrpc::filebroker
