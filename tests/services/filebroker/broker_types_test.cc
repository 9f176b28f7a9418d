// fdrpc-filebroker and fdrpc-open as processes over each type of socket, and
// one or the other killed.
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "fdrpc/channel.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/filebroker/broker.h"
#include "tests/services/filebroker/tree.h"
#include "tests/services/program/program.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/schemes.h"

namespace fdrpc::filebroker {
namespace {

using testing::Broker;
using testing::Ending;
using ::testing::HasSubstr;
using testing::Program;
using testing::ProgramOptions;

class BrokerTypesTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::string address() const {
    return tree_.around().address("socket", GetParam());
  }
  Ending OpenProgram(const std::vector<std::string>& words,
                     const std::string& input = "") const {
    std::vector<std::string> all = {FDRPC_OPEN_PROGRAM, "--server", address()};
    all.insert(all.end(), words.begin(), words.end());
    return testing::Run(all, {.input = input});
  }
  static v1::OpenRequest Request(const std::string& path) {
    v1::OpenRequest request;
    request.set_path(path);
    request.set_access(v1::ACCESS_READ);
    return request;
  }

  testing::ExpectSameDescriptors census_;
  testing::Tree tree_;
};

INSTANTIATE_TEST_SUITE_P(Types, BrokerTypesTest, testing::kAllSchemes,
                         testing::SchemeName);

TEST_P(BrokerTypesTest, TheClientProgramUsesFilesAndDirectories) {
  tree_.MakeDirectory("dir");
  Broker broker(tree_, {address()});
  const std::string content(1 << 20, 'x');
  EXPECT_EQ(OpenProgram({"--mode", "write", "--create", "dir/file"}, content)
                .exit_status,
            0);
  EXPECT_EQ(OpenProgram({"dir/file"}).output, content);
  EXPECT_THAT(OpenProgram({"--list", "dir"}).output, HasSubstr("file"));
  EXPECT_EQ(OpenProgram({"--rename", "dir/file", "moved"}).exit_status, 0);
  EXPECT_EQ(OpenProgram({"moved"}).output, content);
  EXPECT_EQ(OpenProgram({"--unlink", "moved"}).exit_status, 0);
  EXPECT_EQ(OpenProgram({"moved"}).exit_status, 15);
  EXPECT_EQ(OpenProgram({"../outside"}).exit_status, 17);
  EXPECT_EQ(broker.Stop(SIGTERM).exit_status, 0);
}

TEST_P(BrokerTypesTest, WhatAKilledBrokerGaveEndsAndItsFilesStay) {
  tree_.Write("file", "content");
  std::optional<Broker> broker(std::in_place, tree_,
                               std::vector<std::string>{address()});
  const absl::StatusOr<Channel> channel = Channel::Connect(address());
  ASSERT_TRUE(channel.ok()) << channel.status();
  v1::FileBroker::Stub stub(*channel);
  absl::StatusOr<Parcel<v1::OpenReply>> file = stub.Open(Request("file"));
  ASSERT_TRUE(file.ok()) << file.status();
  v1::OpenDirectoryRequest root;
  root.set_path(".");
  absl::StatusOr<Parcel<v1::OpenDirectoryReply>> opened =
      stub.OpenDirectory(root);
  ASSERT_TRUE(opened.ok()) << opened.status();
  absl::StatusOr<v1::Directory::Stub> directory = opened->take_directory();
  ASSERT_TRUE(directory.ok()) << directory.status();
  v1::WatchRequest all;
  all.set_path(".");
  auto events = directory->Watch(all);
  ASSERT_TRUE(events.Read().has_value());  // it has started

  EXPECT_EQ(broker->Stop(SIGKILL).signal, SIGKILL);
  EXPECT_FALSE(events.Read().has_value());
  EXPECT_EQ(events.Finish().code(), absl::StatusCode::kUnavailable);
  // A directory is that of a connection.
  EXPECT_EQ(directory->Open(Request("file")).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(testing::ReadRest(file->file()), "content");

  // The next one is reached by the same channel.
  broker.emplace(tree_, std::vector<std::string>{address()});
  const auto again = stub.Open(
      Request("file"), {.timeout = absl::Seconds(60), .wait_for_ready = true});
  EXPECT_TRUE(again.ok()) << again.status();
}

// The descriptors of a process whose names begin like that.
size_t DescriptorsOf(pid_t pid, const std::string& prefix = "") {
  size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(
           absl::StrCat("/proc/", pid, "/fd"))) {
    std::error_code closed;
    const std::string name =
        std::filesystem::read_symlink(file.path(), closed).string();
    if (!closed && name.starts_with(prefix)) ++count;
  }
  return count;
}

TEST_P(BrokerTypesTest, AClientThatIsKilledLeavesNothingInTheBroker) {
  Broker broker(tree_, {address()});
  const pid_t pid = broker.program().pid();
  const size_t sockets = DescriptorsOf(pid, "socket:");
  const auto watch = [this] {
    auto [read_end, write_end] = testing::Pipe();
    Program client({FDRPC_OPEN_PROGRAM, "--server", address(), "--watch", "."},
                   ProgramOptions{.standard_output = write_end.get()});
    write_end.Reset();
    EXPECT_EQ(Program::ReadLine(read_end.get()), "watching");
    client.Signal(SIGKILL);
    EXPECT_EQ(client.Wait().signal, SIGKILL);
  };
  // The first one makes what all watches share. The broker hears of the end of
  // a connection a moment later.
  watch();
  while (DescriptorsOf(pid, "socket:") > sockets) {
  }
  const size_t before = DescriptorsOf(pid);
  for (int i = 0; i < 5; ++i) watch();
  while (DescriptorsOf(pid) > before) {
  }
  EXPECT_EQ(OpenProgram({"--list", "."}).exit_status, 0);
  EXPECT_EQ(broker.Stop(SIGTERM).exit_status, 0);
}

}  // namespace
}  // namespace fdrpc::filebroker
