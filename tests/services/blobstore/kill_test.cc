// fdrpc-blobstore --spill is killed at many points, and started again.
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/blobstore/memory_files.h"
#include "tests/services/blobstore/running_store.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::blobstore {
namespace {

using testing::NameOfBlob;
using testing::RunningStore;

constexpr int kKilledRounds = 16;
constexpr int kPutsInARound = 6;

class KillTest : public ::testing::TestWithParam<const char*> {
 protected:
  KillTest() { mkdir(spill().c_str(), 0700); }

  std::string spill() const { return dir_.file("spill"); }
  RunningStore Start() const {
    return RunningStore(
        dir_.address("socket", GetParam()),
        {"--spill", spill(), "--capacity", "4M", "--user-bytes", "1G"});
  }
  static std::string ContentOf(int round, int put) {
    return std::to_string(round) + " " + std::to_string(put) +
           std::string(400000 + 100000 * static_cast<size_t>(put), 'x');
  }
  struct Seen {
    int drafts = 0;
    int blobs = 0;
  };
  Seen Look() const {
    Seen seen;
    std::error_code gone;
    for (const auto& entry :
         std::filesystem::directory_iterator(spill(), gone)) {
      const bool is_draft =
          entry.path().filename().string().starts_with("draft.");
      ++(is_draft ? seen.drafts : seen.blobs);
    }
    return seen;
  }

  testing::ExpectSameDescriptors census_;
  testing::TempDir dir_;
};

TEST_P(KillTest, EveryBlobThatIsThereIsWholeAndThoseThatWerePutAreThere) {
  std::set<std::string> put;
  for (int round = 0; round < kKilledRounds; ++round) {
    RunningStore store = Start();
    const int before = Look().blobs;
    std::atomic<bool> has_ended{false};
    std::thread putter([&] {
      for (int i = 0; i < kPutsInARound; ++i) {
        const std::string content = ContentOf(round, i);
        if (store.RunBlob({"put", "-"}, {.input = content}).exit_status != 0) {
          break;
        }
        put.insert(NameOfBlob(content));
      }
      has_ended = true;
    });
    // While a file is written, or when it has just got its name.
    const int blobs = before + round / 2 % kPutsInARound;
    while (!has_ended) {
      const Seen seen = Look();
      if (seen.blobs >= blobs && (round % 2 == 1 || seen.drafts > 0)) break;
    }
    EXPECT_EQ(store.Stop(SIGKILL).signal, SIGKILL);
    putter.join();

    RunningStore next = Start();
    EXPECT_EQ(Look().drafts, 0);
    std::istringstream list(next.RunBlob({"list"}).output);
    std::set<std::string> listed;
    for (std::string line; std::getline(list, line);) {
      listed.insert(line.substr(0, line.find(' ')));
    }
    EXPECT_THAT(listed, ::testing::IsSupersetOf(put));
    for (const std::string& name : listed) {
      const testing::Ending got = next.RunBlob({"get", name});
      EXPECT_EQ(got.exit_status, 0) << got.errors;
      EXPECT_EQ(NameOfBlob(got.output), name);
      EXPECT_EQ(next.RunBlob({"rm", name}).exit_status, 0);
      put.erase(name);
    }
    EXPECT_EQ(next.Stop(round % 2 == 0 ? SIGTERM : SIGKILL).errors, "");
  }
}

INSTANTIATE_TEST_SUITE_P(Sockets, KillTest,
                         ::testing::Values("unix:", "unix-seqpacket:",
                                           "unix-dgram:"));

TEST(IdleStoreTest, EndsAndIsStartedAgainWithItsBlobs) {
  testing::ExpectSameDescriptors census;
  const testing::TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0700), 0);
  ASSERT_EQ(mkdir(dir.file("spill").c_str(), 0700), 0);
  RunningStore store(dir.address(), {"--spill", dir.file("spill")});
  ASSERT_EQ(store.RunBlob({"put", "-"}, {.input = "x"}).exit_status, 0);
  EXPECT_EQ(store.Stop(SIGTERM).exit_status, 0);
  RunningStore idle(dir.address(),
                    {"--spill", dir.file("spill"), "--idle-timeout", "50ms"});
  EXPECT_EQ(idle.program().Wait().exit_status, 0);
  RunningStore again(dir.address(), {"--spill", dir.file("spill")});
  EXPECT_EQ(again.RunBlob({"get", NameOfBlob("x")}).output, "x");
  const testing::Ending second =
      testing::Run({FDRPC_BLOBSTORE_PROGRAM, "--listen", dir.address("other"),
                    "--spill", dir.file("spill")});
  EXPECT_EQ(second.exit_status, 1);
  EXPECT_THAT(second.errors, ::testing::HasSubstr("another store uses it"));
}

}  // namespace
}  // namespace fdrpc::blobstore
