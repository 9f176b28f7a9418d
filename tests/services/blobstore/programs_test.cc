// fdrpc-blobstore and fdrpc-blob, each as a process.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/blobstore/memory_files.h"
#include "tests/services/blobstore/running_store.h"
#include "tests/services/program/program.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::blobstore {
namespace {

using testing::Ending;
using ::testing::HasSubstr;
using testing::NameOfBlob;
using testing::Program;
using testing::RunningStore;
using ::testing::StartsWith;

// The columns of "fdrpc-blob stat" after the name.
std::string Shown(const RunningStore& store, const std::string& name) {
  const Ending stat = store.RunBlob({"stat", name});
  EXPECT_THAT(stat.output, StartsWith(name + " ")) << stat.errors;
  return stat.output.substr(std::min(name.size() + 1, stat.output.size()));
}

// A client that pins a blob, once it does.
class Pinner {
 public:
  Pinner(const RunningStore& store, const std::string& name) {
    auto [read_end, write_end] = testing::Pipe();
    program_ = std::make_unique<Program>(
        store.BlobWords({"pin", name}),
        testing::ProgramOptions{.standard_output = write_end.get()});
    write_end.Reset();
    EXPECT_EQ(Program::ReadLine(read_end.get()), "pinned " + name);
  }
  Program& program() { return *program_; }

 private:
  std::unique_ptr<Program> program_;
};

class BlobProgramsTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string address() const { return dir_.address("socket", GetParam()); }

  testing::ExpectSameDescriptors census_;
  testing::TempDir dir_;
};

TEST_P(BlobProgramsTest, ClientsShareBlobs) {
  RunningStore store(address());
  std::string content;
  while (content.size() < (3u << 20)) content += std::to_string(content.size());
  const std::string file = dir_.file("file");
  ASSERT_EQ(store.RunBlob({"put", "-"}, {.input = content}).output,
            NameOfBlob(content) + "\n");
  // Another client reads it, and a third one puts what that has written.
  ASSERT_EQ(store.RunBlob({"get", NameOfBlob(content), "-o", file}).exit_status,
            0);
  EXPECT_EQ(store.RunBlob({"put", file}).output, NameOfBlob(content) + "\n");
  EXPECT_TRUE(store.RunBlob({"get", NameOfBlob(content)}).output == content);
  EXPECT_EQ(store.RunBlob({"list"}).output,
            NameOfBlob(content) + " " + std::to_string(content.size()) + " " +
                std::to_string(geteuid()) + " owner 0 memory\n");
  EXPECT_EQ(store.RunBlob({"rm", NameOfBlob(content)}).exit_status, 0);
  EXPECT_EQ(store.RunBlob({"list"}).output, "");
  EXPECT_EQ(store.Stop(SIGTERM).exit_status, 0);
}

TEST_P(BlobProgramsTest, AClientThatIsKilledReleasesItsPins) {
  RunningStore store(address(), {"--capacity", "1M", "--user-bytes", "2M"});
  const std::string pinned(500000, 'p');
  const std::string name = NameOfBlob(pinned);
  ASSERT_EQ(store.RunBlob({"put", "-"}, {.input = pinned}).exit_status, 0);
  Pinner first(store, name);
  Pinner second(store, name);
  EXPECT_THAT(Shown(store, name), HasSubstr(" owner 2 "));
  const std::string other(500000, 'o');
  const Ending refused = store.RunBlob({"put", "-"}, {.input = other});
  EXPECT_EQ(refused.exit_status, 18);
  EXPECT_THAT(refused.errors, HasSubstr("RESOURCE_EXHAUSTED: user "));
  EXPECT_THAT(refused.errors,
              HasSubstr("which is 524288 (half of --capacity)"));
  first.program().Signal(SIGKILL);
  second.program().Signal(SIGKILL);
  first.program().Wait();
  second.program().Wait();
  // The store notices a moment later.
  while (Shown(store, name).find(" owner 0 ") == std::string::npos) continue;
  EXPECT_EQ(store.RunBlob({"put", "-"}, {.input = other}).exit_status, 0);
  const std::string third(500000, 't');
  EXPECT_EQ(store.RunBlob({"put", "-"}, {.input = third}).exit_status, 0);
  EXPECT_EQ(store.RunBlob({"get", name}).exit_status, 15) << "it was evicted";
}

TEST_P(BlobProgramsTest, APinEndsWithTheStore) {
  RunningStore store(address());
  ASSERT_EQ(store.RunBlob({"put", "-"}, {.input = "x"}).exit_status, 0);
  Pinner pinner(store, NameOfBlob("x"));
  EXPECT_EQ(store.Stop(SIGTERM).exit_status, 0);
  const Ending ending = pinner.program().Wait();
  EXPECT_EQ(ending.exit_status, 24);
  EXPECT_THAT(ending.errors, HasSubstr("fdrpc-blob: UNAVAILABLE: "));
}

TEST_P(BlobProgramsTest, EvictsThoseThatWereUsedLeastRecently) {
  RunningStore store(address(), {"--capacity", "100K", "--user-bytes", "1M"});
  const auto content = [](char c) { return std::string(30 << 10, c); };
  for (const char c : {'a', 'b', 'c'}) {
    ASSERT_EQ(store.RunBlob({"put", "-"}, {.input = content(c)}).exit_status,
              0);
  }
  EXPECT_EQ(store.RunBlob({"get", NameOfBlob(content('a'))}).exit_status, 0);
  EXPECT_EQ(store.RunBlob({"put", "-"}, {.input = content('d')}).exit_status,
            0);
  EXPECT_EQ(store.RunBlob({"get", NameOfBlob(content('b'))}).exit_status, 15);
  for (const char c : {'a', 'c', 'd'}) {
    EXPECT_EQ(store.RunBlob({"get", NameOfBlob(content(c))}).exit_status, 0);
  }
}

TEST_P(BlobProgramsTest, WatchesWhatHappensToBlobs) {
  RunningStore store(address(), {"--capacity", "100K", "--user-bytes", "1M"});
  auto [read_end, write_end] = testing::Pipe();
  Program watch(store.BlobWords({"watch"}),
                {.standard_output = write_end.get()});
  write_end.Reset();
  EXPECT_EQ(Program::ReadLine(read_end.get()), "watching");
  const std::string a(40 << 10, 'a');
  const std::string b(40 << 10, 'b');
  const std::string c(40 << 10, 'c');
  for (const std::string& content : {a, b, c}) {
    ASSERT_EQ(store.RunBlob({"put", "-"}, {.input = content}).exit_status, 0);
  }
  ASSERT_EQ(store.RunBlob({"rm", NameOfBlob(b)}).exit_status, 0);
  for (const std::string& event :
       {"added " + NameOfBlob(a), "added " + NameOfBlob(b),
        "evicted " + NameOfBlob(a), "added " + NameOfBlob(c),
        "removed " + NameOfBlob(b)}) {
    EXPECT_THAT(Program::ReadLine(read_end.get()),
                StartsWith(event + " 40960 "));
  }
  EXPECT_EQ(store.Stop(SIGTERM).exit_status, 0);
  const Ending ending = watch.Wait();
  EXPECT_EQ(ending.exit_status, 24);
  EXPECT_THAT(ending.errors, HasSubstr("watch again"));
}

TEST_P(BlobProgramsTest, LimitsAUser) {
  RunningStore store(address(), {"--user-bytes", "100K", "--user-blobs", "2"});
  const Ending large =
      store.RunBlob({"put", "-"}, {.input = std::string(200000, 'x')});
  EXPECT_EQ(large.exit_status, 18);
  EXPECT_THAT(large.errors, HasSubstr("--user-bytes"));
  EXPECT_EQ(store.RunBlob({"put", "-"}, {.input = "1"}).exit_status, 0);
  EXPECT_EQ(store.RunBlob({"put", "-"}, {.input = "2"}).exit_status, 0);
  const Ending third = store.RunBlob({"put", "-"}, {.input = "3"});
  EXPECT_EQ(third.exit_status, 18);
  EXPECT_THAT(third.errors, HasSubstr("--user-blobs"));
  EXPECT_THAT(third.errors, HasSubstr("remove some first"));
  EXPECT_EQ(store.RunBlob({"rm", NameOfBlob("1")}).exit_status, 0);
  EXPECT_EQ(store.RunBlob({"put", "-"}, {.input = "3"}).exit_status, 0);
}

// By a client that does not know the rules of the fields.
TEST_P(BlobProgramsTest, RefusesDescriptorsOfTheWrongKindAndKeepsNone) {
  RunningStore store(address());
  const std::string proto = std::string(FDRPC_BLOBSTORE_TESTS) + "/loose.proto";
  const auto put = [&](const std::string& content) {
    return testing::Run({FDRPC_PROGRAM, "call", address(),
                         "fdrpc.blobstore.v1.BlobStore/Put", content, "--proto",
                         proto, "--import", FDRPC_PROTOS, "--import",
                         FDRPC_BLOBSTORE_TESTS});
  };
  const auto before = testing::TakeCensusOf(store.program().pid());
  for (const char* fd : {"r:/etc/passwd", "dir:/", "pipe:r", "memfd:unsealed",
                         "rw:/dev/null", "path:/etc/passwd"}) {
    const Ending refused =
        put("{\"content\":{\"$fd\":\"" + std::string(fd) + "\"}}");
    EXPECT_EQ(refused.exit_status, 13) << fd << ": " << refused.errors;
    EXPECT_THAT(refused.errors, HasSubstr("content")) << fd;
  }
  EXPECT_EQ(put("{}").exit_status, 13);
  EXPECT_EQ(testing::TakeCensusOfExpecting(store.program().pid(), before),
            before);
}

TEST_P(BlobProgramsTest, OtherUsersReadWhatEveryoneMay) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  RunningStore store(address(), {"--socket-mode", "0666"});
  dir_.OpenToAll();
  const std::string program = dir_.file("fdrpc-blob");
  std::filesystem::copy_file(FDRPC_BLOB_PROGRAM, program);
  const auto words_of_nobody = [&](const std::vector<std::string>& operands) {
    std::vector<std::string> words = {"setpriv", "--reuid",  "65534",
                                      "--regid", "65534",    "--clear-groups",
                                      program,   "--server", address()};
    words.insert(words.end(), operands.begin(), operands.end());
    return words;
  };
  const auto as_nobody = [&](const std::vector<std::string>& operands,
                             const std::string& input = "") {
    return testing::Run(words_of_nobody(operands), {.input = input});
  };
  ASSERT_EQ(store.RunBlob({"put", "-"}, {.input = "secret"}).exit_status, 0);
  ASSERT_EQ(
      store.RunBlob({"put", "-", "--everyone"}, {.input = "open"}).exit_status,
      0);
  EXPECT_EQ(as_nobody({"get", NameOfBlob("secret")}).exit_status, 15);
  EXPECT_EQ(as_nobody({"get", NameOfBlob("open")}).output, "open");
  EXPECT_EQ(as_nobody({"list"}).output,
            NameOfBlob("open") + " 4 0 everyone 0 memory\n");
  EXPECT_EQ(as_nobody({"rm", NameOfBlob("open")}).exit_status, 17);
  EXPECT_EQ(as_nobody({"put", "-"}, "secret").exit_status, 0);
  EXPECT_EQ(as_nobody({"get", NameOfBlob("secret")}).output, "secret");
  EXPECT_EQ(store.RunBlob({"rm", NameOfBlob("secret"), "--owner", "65534"})
                .exit_status,
            0);
  EXPECT_EQ(as_nobody({"get", NameOfBlob("secret")}).exit_status, 15);
  EXPECT_EQ(store.RunBlob({"get", NameOfBlob("secret")}).output, "secret");
  auto [read_end, write_end] = testing::Pipe();
  Program watch(words_of_nobody({"watch"}),
                {.standard_output = write_end.get()});
  write_end.Reset();
  EXPECT_EQ(Program::ReadLine(read_end.get()), "watching");
  EXPECT_EQ(store.RunBlob({"put", "-", "--everyone"}, {.input = "secret"})
                .exit_status,
            0);
  EXPECT_THAT(Program::ReadLine(read_end.get()),
              StartsWith("added " + NameOfBlob("secret") + " 6 0 everyone"))
      << "opened, and so one that it may read from now on";
}

INSTANTIATE_TEST_SUITE_P(Sockets, BlobProgramsTest,
                         ::testing::Values("unix:", "unix-seqpacket:",
                                           "unix-dgram:"));

class BlobProgramUseTest : public ::testing::Test {
 protected:
  testing::ExpectSameDescriptors census_;
  testing::TempDir dir_;
};

TEST_F(BlobProgramUseTest, OneCallNeedsNoConnection) {
  const std::string address = dir_.address("socket", "unix-dgram:");
  RunningStore store(address);
  ASSERT_EQ(store.RunBlob({"put", "-"}, {.input = "x"}).exit_status, 0);
  const Ending got = testing::Run(
      {FDRPC_PROGRAM, "call", "--connectionless", address,
       "fdrpc.blobstore.v1.BlobStore/Get",
       "{\"name\":\"" + NameOfBlob("x") + "\"}", "--proto",
       std::string(FDRPC_PROTOS) + "/fdrpc/blobstore/v1/blobstore.proto",
       "--import", FDRPC_PROTOS, "--save", "-"});
  EXPECT_EQ(got.output, "x") << got.errors;
}

TEST_F(BlobProgramUseTest, ClientsSayWhatFailed) {
  RunningStore store(dir_.address());
  const Ending missing = store.RunBlob({"put", dir_.file("none")});
  EXPECT_EQ(missing.exit_status, 1);
  EXPECT_THAT(missing.errors, HasSubstr(dir_.file("none")));
  EXPECT_EQ(store.RunBlob({"put", "/"}).exit_status, 1);
  const Ending empty = store.RunBlob({"put", "/dev/null"});
  EXPECT_EQ(empty.exit_status, 13);
  EXPECT_THAT(empty.errors, HasSubstr("empty"));
  EXPECT_EQ(store.RunBlob({"get", "name"}).exit_status, 13);
  EXPECT_EQ(store.RunBlob({"put", "/proc/self/status"}).exit_status, 0)
      << "a file without a size";
  ASSERT_EQ(store.RunBlob({"put", "-"}, {.input = "x"}).exit_status, 0);
  EXPECT_EQ(
      store.RunBlob({"get", NameOfBlob("x"), "-o", "/none/file"}).exit_status,
      1);
  const UniqueFd full(open("/dev/full", O_WRONLY | O_CLOEXEC));
  EXPECT_EQ(
      store.RunBlob({"get", NameOfBlob("x")}, {.standard_output = full.get()})
          .exit_status,
      1);
  EXPECT_EQ(
      store.RunBlob({"list"}, {.standard_output = full.get()}).exit_status, 1);
  store.Stop(SIGKILL);
  const Ending nobody = store.RunBlob({"list"});
  EXPECT_EQ(nobody.exit_status, 24);
  EXPECT_THAT(nobody.errors, HasSubstr("UNAVAILABLE"));
}

TEST_F(BlobProgramUseTest, ExplainTheirUse) {
  const std::string name = NameOfBlob("x");
  const Ending help = testing::Run({FDRPC_BLOB_PROGRAM, "--help"});
  EXPECT_EQ(help.exit_status, 0);
  EXPECT_THAT(help.output, StartsWith("usage: fdrpc-blob "));
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"list"},
      {"--server", "unix:s"},
      {"--server", "unix:s", "fetch"},
      {"--server", "unix:s", "put"},
      {"--server", "unix:s", "put", "a", "b"},
      {"--server", "unix:s", "list", "a"},
      {"--server", "unix:s", "watch", "a"},
      {"--server", "unix:s", "get", name, "--everyone"},
      {"--server", "unix:s", "stat", name, "-o", "file"},
      {"--server", "unix:s", "list", "--owner", "0"},
      {"--server", "unix:s", "get", name, "--owner", "root"},
      {"--server", "unix:s", "list", "--timeout", "5"},
      {"--server", "unix:s", "list", "--", "true"},
  };
  for (std::vector<std::string> words : wrong) {
    words.insert(words.begin(), FDRPC_BLOB_PROGRAM);
    const Ending ending = testing::Run(words);
    EXPECT_EQ(ending.exit_status, 2) << ::testing::PrintToString(words);
    EXPECT_THAT(ending.errors, HasSubstr("Try fdrpc-blob --help"));
  }
  EXPECT_EQ(testing::Run({FDRPC_BLOBSTORE_PROGRAM, "--help"}).exit_status, 0);
  const std::vector<std::vector<std::string>> wrong_stores = {
      {},
      {"--listen", "unix:s", "operand"},
      {"--listen", "unix:s", "--capacity", "lots"},
      {"--listen", "unix:s", "--user-bytes", "0"},
      {"--listen", "unix:s", "--user-blobs", "1K"},
      {"--listen", "unix:s", "--socket-mode", "999"},
      {"--listen", "unix:s", "--spill", ""},
      {"--listen", "unix:s", "--idle-timeout", "1s"},
  };
  for (std::vector<std::string> words : wrong_stores) {
    words.insert(words.begin(), FDRPC_BLOBSTORE_PROGRAM);
    const Ending ending = testing::Run(words);
    EXPECT_EQ(ending.exit_status, 2) << ::testing::PrintToString(words);
    EXPECT_THAT(ending.errors, HasSubstr("Try fdrpc-blobstore --help"));
  }
  const Ending none = testing::Run({FDRPC_BLOBSTORE_PROGRAM, "--listen", "x"});
  EXPECT_EQ(none.exit_status, 1);
  EXPECT_THAT(none.errors, HasSubstr("unix:/path"));
}

}  // namespace
}  // namespace fdrpc::blobstore
