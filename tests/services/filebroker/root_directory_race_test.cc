// Names that change while the kernel looks them up: the root is never left.
#include <chrono>
#include <string>

#include "gtest/gtest.h"
#include "services/filebroker/root_directory.h"
#include "tests/services/filebroker/exchanging.h"
#include "tests/services/filebroker/tree.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::filebroker {
namespace {

struct Outcomes {
  int opened = 0;
  int refused = 0;
};

// Opens `path` again and again until files were opened and refused often, or
// the test's time is over. Every opened file contains "inside".
Outcomes OpenOften(const RootDirectory& root, const std::string& path) {
  constexpr int kOften = 300;
  const auto give_up =
      std::chrono::steady_clock::now() + std::chrono::seconds(30);
  Outcomes outcomes;
  while ((outcomes.opened < kOften || outcomes.refused < kOften) &&
         std::chrono::steady_clock::now() < give_up) {
    absl::StatusOr<OpenedFile> file = root.Open(path, {.read = true});
    if (file.ok()) {
      ++outcomes.opened;
      EXPECT_EQ(testing::ReadRest(file->fd.get()), "inside");
      if (::testing::Test::HasFailure()) break;
    } else {
      ++outcomes.refused;
      EXPECT_TRUE(file.status().code() == absl::StatusCode::kPermissionDenied ||
                  file.status().code() == absl::StatusCode::kUnavailable)
          << file.status();
    }
  }
  return outcomes;
}

TEST(RootDirectoryRaceTest, AFileThatIsExchangedForALinkNeverLeadsOut) {
  testing::ExpectSameDescriptors census;
  testing::Tree tree;
  tree.Write("name", "inside");
  tree.Link("other", "../outside");
  absl::StatusOr<RootDirectory> root = RootDirectory::Create(tree.path());
  ASSERT_TRUE(root.ok()) << root.status();
  testing::Exchanging exchanging(tree.path("name"), tree.path("other"));
  const Outcomes outcomes = OpenOften(*root, "name");
  EXPECT_GT(outcomes.opened, 0);
  EXPECT_GT(outcomes.refused, 0);
}

TEST(RootDirectoryRaceTest, ADirectoryThatIsExchangedForALinkNeverLeadsOut) {
  testing::ExpectSameDescriptors census;
  testing::Tree tree;
  tree.MakeDirectory("name");
  tree.Write("name/outside", "inside");
  tree.Link("other", "..");
  absl::StatusOr<RootDirectory> root = RootDirectory::Create(tree.path());
  ASSERT_TRUE(root.ok()) << root.status();
  testing::Exchanging exchanging(tree.path("name"), tree.path("other"));
  const Outcomes outcomes = OpenOften(*root, "name/outside");
  EXPECT_GT(outcomes.opened, 0);
  EXPECT_GT(outcomes.refused, 0);
}

// From the directory that is moved out, ".." would lead outside; its substitute
// has another ".." above it.
TEST(RootDirectoryRaceTest, ADirectoryThatIsMovedOutNeverLeadsOut) {
  testing::ExpectSameDescriptors census;
  testing::Tree tree;
  tree.MakeDirectory("above/name");
  tree.Write("above/outside", "inside");
  tree.MakeDirectory("../elsewhere");
  absl::StatusOr<RootDirectory> root = RootDirectory::Create(tree.path());
  ASSERT_TRUE(root.ok()) << root.status();
  testing::Exchanging exchanging(tree.path("above/name"),
                                 tree.path("../elsewhere"));
  for (int i = 0; i < 20000; ++i) {
    absl::StatusOr<OpenedFile> file =
        root->Open("above/name/../outside", {.read = true});
    if (file.ok()) {
      ASSERT_EQ(testing::ReadRest(file->fd.get()), "inside");
    } else {
      ASSERT_TRUE(file.status().code() == absl::StatusCode::kPermissionDenied ||
                  file.status().code() == absl::StatusCode::kUnavailable)
          << file.status();
    }
  }
}

}  // namespace
}  // namespace fdrpc::filebroker
