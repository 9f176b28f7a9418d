// Directories that are exchanged for symbolic links that lead out, while names
// beneath them are changed: nothing outside is changed or listed.
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "services/filebroker/directory_listing.h"
#include "services/filebroker/root_directory.h"
#include "tests/services/filebroker/exchanging.h"
#include "tests/services/filebroker/tree.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::filebroker {
namespace {

using Existing = RootDirectory::Existing;

class DirectoryRaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_.MakeDirectory("name");
    tree_.Link("other", "..");
  }
  // "name" is a directory, and then a link to the directory above the root.
  // `attempt` must succeed and be refused; nothing else may happen.
  void Race(
      const std::function<absl::Status(const RootDirectory& root)>& attempt) {
    const absl::StatusOr<RootDirectory> root =
        RootDirectory::Create(tree_.path());
    ASSERT_TRUE(root.ok()) << root.status();
    const testing::Exchanging exchanging(tree_.path("name"),
                                         tree_.path("other"));
    constexpr int kOften = 100;
    int done = 0;
    int refused = 0;
    while (done < kOften || refused < kOften) {
      const absl::Status status = attempt(*root);
      if (status.ok()) {
        ++done;
        continue;
      }
      ++refused;
      ASSERT_TRUE(status.code() == absl::StatusCode::kPermissionDenied ||
                  status.code() == absl::StatusCode::kUnavailable ||
                  status.code() == absl::StatusCode::kNotFound)
          << status;
    }
  }

  testing::ExpectSameDescriptors census_;
  testing::Tree tree_;
};

TEST_F(DirectoryRaceTest, NothingOutsideIsRenamedOrReplaced) {
  tree_.Write("mine", "inside");
  Race([](const RootDirectory& root) {
    absl::Status there =
        root.Rename("mine", "name/outside", Existing::kIsReplaced);
    if (!there.ok()) return there;
    // Back, or else from the directory when it has its name again.
    while (!root.Rename("name/outside", "mine", Existing::kIsReplaced).ok() &&
           !root.Rename("other/outside", "mine", Existing::kIsReplaced).ok()) {
    }
    return there;
  });
  EXPECT_EQ(tree_.Read("../outside"), "outside");
  EXPECT_EQ(tree_.Read("mine"), "inside");
}

TEST_F(DirectoryRaceTest, NothingOutsideIsUnlinked) {
  Race([this](const RootDirectory& root) {
    tree_.Write("mine", "");
    while (!root.Rename("mine", "name/outside", Existing::kIsReplaced).ok()) {
    }
    return root.Unlink("name/outside");
  });
  EXPECT_EQ(tree_.Read("../outside"), "outside");
}

TEST_F(DirectoryRaceTest, NoDirectoryIsMadeOrRemovedOutside) {
  tree_.MakeDirectory("../empty");
  int count = 0;
  Race([&count](const RootDirectory& root) {
    // It cannot be removed: the one outside, or none, has the name.
    const absl::Status removed = root.UnlinkDirectory("name/empty");
    EXPECT_FALSE(removed.ok());
    return root.MakeDirectory("name/made" + std::to_string(++count), 0700);
  });
  EXPECT_TRUE(tree_.Has("../empty"));
  for (int i = 1; i <= count; ++i) {
    ASSERT_FALSE(tree_.Has("../made" + std::to_string(i)));
  }
}

TEST_F(DirectoryRaceTest, NothingOutsideIsListed) {
  tree_.Write("name/inside", "");
  Race([](const RootDirectory& root) -> absl::Status {
    absl::StatusOr<UniqueFd> directory = root.OpenForListing("name");
    if (!directory.ok()) return directory.status();
    absl::StatusOr<DirectoryListing> listing =
        DirectoryListing::Create(*std::move(directory));
    EXPECT_TRUE(listing.ok());
    absl::StatusOr<std::optional<v1::Entry>> entry = listing->Next();
    EXPECT_TRUE(entry.ok() && entry->has_value());
    EXPECT_EQ((*entry)->name(), "inside");
    return absl::OkStatus();
  });
}

}  // namespace
}  // namespace fdrpc::filebroker
