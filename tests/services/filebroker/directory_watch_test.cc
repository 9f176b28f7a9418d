// Watch() of directories, over a real socket.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/directory_fixture.h"

namespace fdrpc::filebroker {
namespace {

using Code = absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Events = ClientReader<v1::Event>;

class DirectoryWatchTest : public ::testing::TestWithParam<const char*>,
                           protected DirectoryFixture {
 protected:
  void SetUp() override {
    Serve(GetParam());
    tree().MakeDirectory("dir");
    absl::StatusOr<Directory> root = Root();
    ASSERT_TRUE(root.ok()) << root.status();
    root_.emplace(*std::move(root));
  }
  static v1::WatchRequest WatchRequest(const std::string& path) {
    v1::WatchRequest request;
    request.set_path(path);
    return request;
  }
  // A watch that has started.
  static Events Watch(Directory& directory, const std::string& path) {
    Events events = directory.Watch(WatchRequest(path));
    EXPECT_EQ(Next(events), "STARTED ");
    return events;
  }
  static std::string Next(Events& events) {
    const std::optional<v1::Event> event = events.Read();
    if (!event.has_value()) return "end";
    const std::string kind = v1::Event::Kind_Name(event->kind());
    return absl::StrCat(kind.substr(std::string("KIND_").size()),
                        event->directory() ? " directory " : " ",
                        event->name());
  }
  static absl::Status EndOf(Events& events) {
    while (events.Read().has_value()) {
    }
    return events.Finish();
  }

  std::optional<Directory> root_;
};

INSTANTIATE_TEST_SUITE_P(Sockets, DirectoryWatchTest,
                         ::testing::Values("unix", "unix-seqpacket",
                                           "unix-dgram"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(DirectoryWatchTest, TellsWhatHappensInOrder) {
  Events events = Watch(*root_, "dir");
  ASSERT_TRUE(MakeDirectory(*root_, "dir/sub").ok());
  EXPECT_EQ(Next(events), "CREATED directory sub");
  tree().Write("dir/sub/deeper", "");
  tree().Link("dir/a", "nowhere");
  EXPECT_EQ(Next(events), "CREATED a");
  ASSERT_TRUE(Rename(*root_, "dir/a", "dir/b").ok());
  std::optional<v1::Event> from = events.Read();
  std::optional<v1::Event> to = events.Read();
  ASSERT_TRUE(from.has_value() && to.has_value());
  EXPECT_EQ(from->kind(), v1::Event::KIND_MOVED_FROM);
  EXPECT_EQ(to->kind(), v1::Event::KIND_MOVED_TO);
  EXPECT_EQ(from->name() + to->name(), "ab");
  EXPECT_NE(from->rename(), 0u);
  EXPECT_EQ(from->rename(), to->rename());
  ASSERT_TRUE(Rename(*root_, "dir/b", "c").ok());
  EXPECT_EQ(Next(events), "MOVED_FROM b");
  ASSERT_TRUE(Rename(*root_, "c", "dir/d").ok());
  EXPECT_EQ(Next(events), "MOVED_TO d");
  ASSERT_TRUE(Unlink(*root_, "dir/d").ok());
  EXPECT_EQ(Next(events), "REMOVED d");
  ASSERT_EQ(chmod(tree().path("dir/sub").c_str(), 0500), 0);
  EXPECT_EQ(Next(events), "CHANGED directory sub");
}

TEST_P(DirectoryWatchTest, SeveralWatchTheSameDirectory) {
  Events first = Watch(*root_, "dir");
  {
    Events second = Watch(*root_, "dir");
    tree().Link("dir/a", "x");
    EXPECT_EQ(Next(second), "CREATED a");
    EXPECT_EQ(Next(first), "CREATED a");
  }
  tree().Link("dir/b", "x");
  EXPECT_EQ(Next(first), "CREATED b");
}

TEST_P(DirectoryWatchTest, EndsWhenTheDirectoryIsRemoved) {
  absl::StatusOr<Directory> dir = Enter(*root_, "dir");
  ASSERT_TRUE(dir.ok());
  // One of them is of a directory that the broker has open meanwhile.
  Events by_path = Watch(*root_, "dir");
  Events by_service = Watch(*dir, ".");
  tree().Link("dir/a", "x");
  ASSERT_TRUE(Unlink(*root_, "dir/a").ok());
  ASSERT_TRUE(Unlink(*root_, "dir", true).ok());
  for (Events* const events : {&by_path, &by_service}) {
    EXPECT_EQ(Next(*events), "CREATED a");
    EXPECT_EQ(Next(*events), "REMOVED a");
    const absl::Status end = EndOf(*events);
    EXPECT_EQ(end.code(), Code::kNotFound);
    EXPECT_THAT(std::string(end.message()), HasSubstr("has been removed"));
  }
  Events late = dir->Watch(WatchRequest("."));
  EXPECT_EQ(EndOf(late).code(), Code::kNotFound);
}

TEST_P(DirectoryWatchTest, EndsAlsoWhereTheDirectoryWasMovedOrReplaced) {
  tree().MakeDirectory("other");
  tree().MakeDirectory("replaced");
  absl::StatusOr<Directory> dir = Enter(*root_, "dir");
  absl::StatusOr<Directory> replaced = Enter(*root_, "replaced");
  ASSERT_TRUE(dir.ok() && replaced.ok());
  Events of_dir = Watch(*dir, ".");
  Events of_replaced = Watch(*replaced, ".");
  ASSERT_TRUE(Rename(*root_, "dir", "other/dir").ok());
  tree().Link("other/dir/a", "x");
  EXPECT_EQ(Next(of_dir), "CREATED a") << "and it watches the new parent";
  ASSERT_TRUE(Unlink(*root_, "other/dir/a").ok());
  ASSERT_TRUE(Unlink(*root_, "other/dir", true).ok());
  EXPECT_EQ(EndOf(of_dir).code(), Code::kNotFound);
  ASSERT_TRUE(Rename(*root_, "other", "replaced").ok());
  EXPECT_EQ(EndOf(of_replaced).code(), Code::kNotFound);
}

TEST_P(DirectoryWatchTest, AClientThatDoesNotReadIsToldThatItMissesEvents) {
  Events slow = Watch(*root_, "dir");
  Events quick = Watch(*root_, "dir");
  // Far more than the sockets and the queue hold.
  const std::string name(200, 'x');
  tree().Link("dir/" + name, "x");
  constexpr int kRenames = 12000;
  std::string from = tree().path("dir/" + name);
  const std::string other = tree().path("dir/" + std::string(200, 'y'));
  std::string to = other;
  EXPECT_EQ(Next(quick), "CREATED " + name);
  for (int i = 0; i < kRenames; ++i) {
    ASSERT_EQ(rename(from.c_str(), to.c_str()), 0);
    std::swap(from, to);
    // The other one misses nothing: so all events have been dispatched.
    ASSERT_THAT(Next(quick), HasSubstr("MOVED_FROM"));
    ASSERT_THAT(Next(quick), HasSubstr("MOVED_TO"));
  }
  int read = 0;
  std::string next;
  while (next != "OVERFLOW ") {
    ASSERT_NE(next, "end");
    ASSERT_LT(read++, 2 * kRenames);
    next = Next(slow);
  }
  tree().Link("dir/after", "x");
  while (next != "CREATED after") {
    ASSERT_NE(next, "end");
    next = Next(slow);
  }
}

TEST_P(DirectoryWatchTest, AUserHasNoMoreWatchesThanTheLimit) {
  std::vector<Events> all;
  for (int i = 0; i < DirectoryWatches::kMostWatchesOfUser; ++i) {
    all.push_back(Watch(*root_, "dir"));
  }
  Events refused = root_->Watch(WatchRequest("dir"));
  const absl::Status status = EndOf(refused);
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("64 watches, which is the limit; end one first"));
  all.pop_back();
  // The broker learns of it a moment later.
  while (true) {
    Events again = root_->Watch(WatchRequest("dir"));
    if (Next(again) == "STARTED ") break;
    ASSERT_EQ(EndOf(again).code(), Code::kResourceExhausted);
  }
}

TEST_P(DirectoryWatchTest, WatchesNothingOutsideAndNoFile) {
  tree().Write("file", "");
  tree().Link("out", "..");
  for (const auto& [path, code] : {std::pair{"..", Code::kPermissionDenied},
                                   std::pair{"out", Code::kPermissionDenied},
                                   std::pair{"none", Code::kNotFound},
                                   std::pair{"file", Code::kFailedPrecondition},
                                   std::pair{"", Code::kInvalidArgument}}) {
    Events events = root_->Watch(WatchRequest(path));
    EXPECT_EQ(EndOf(events).code(), code) << path;
  }
}

}  // namespace
}  // namespace fdrpc::filebroker
