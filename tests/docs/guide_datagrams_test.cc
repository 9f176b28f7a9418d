// Calls in datagrams of docs/guide/, including one by a program without fdrpc.
#include <condition_variable>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/temp_dir.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

// Another test has the same snippet.
namespace fdrpc::testing::datagrams {
namespace {

#include "audit.inc"

TEST(GuideDatagramsTest, OneWayCallsComeFromAStubAndFromPython) {
  ExpectSameDescriptors census;
  TempDir dir;
  std::mutex mu;
  std::condition_variable changed;
  std::vector<std::string> texts;
  Audit audit([&](const std::string& text) {
    std::lock_guard lock(mu);
    texts.push_back(text);
    changed.notify_all();
  });
  const std::string address = dir.address("audit", "unix-dgram:");
  Server server;
  server.AddService(audit);
  ASSERT_TRUE(server.Listen(address).ok());
  ASSERT_TRUE(server.Start().ok());
#include "connectionless.inc"
  ASSERT_TRUE(channel.ok());
  guide::Entry entry;
  entry.set_text("from a stub");
  ASSERT_TRUE(guide::Audit::Stub(*channel).Record(entry).ok());
  const std::string command =
      "python3 " FDRPC_GUIDE_SNIPPETS "/record.py " + dir.file("audit");
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::unique_lock lock(mu);
  changed.wait(lock, [&] { return texts.size() == 2; });
  EXPECT_EQ(texts[0], "from a stub");
  EXPECT_EQ(texts[1], "from Python");
}

}  // namespace
}  // namespace fdrpc::testing::datagrams
