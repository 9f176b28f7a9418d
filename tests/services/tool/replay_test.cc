// fdrpc replay of what fdrpc capture has recorded.
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "fdrpc/channel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/tool/live_server.h"
#include "tests/services/tool/run_tool.h"
#include "tests/services/tool/running_capture.h"
#include "tests/support/raw_peer.h"

namespace fdrpc::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class ReplayTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    live_.Start();
    capture_.emplace(live_.address(), GetParam());
  }

  void Call(const std::string& method, std::vector<std::string> rest,
            int exit_status = 0) {
    rest.insert(rest.begin(),
                {"call", "-p", FDRPC_TEST_PROTO, capture_->address(),
                 "fdrpc.testing.TestService/" + method});
    EXPECT_EQ(RunTool(std::move(rest)).exit_status, exit_status) << method;
  }
  void StopRecording() { EXPECT_EQ(capture_->Stop().exit_status, 0); }
  Ending Replay(const std::string& address,
                std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"replay", capture_->file(), address});
    return RunTool(std::move(options));
  }

  LiveServer live_{GetParam()};
  std::optional<RunningCapture> capture_;
};

TEST_P(ReplayTest, MakesAllKindsOfCallsAgain) {
  Call("Echo", {R"({"text":"hi"})", "-m", "show=x"});
  Call("Echo", {"-m", "status=5"}, 15);
  Call("Watch", {R"({"text":"w","number":2})"});
  Call("Collect", {R"({"text":"a"})", R"({"text":"b"})"});
  Call("Chat", {R"({"text":"c1"})", R"({"text":"c2"})"});
  Call("Get", {R"({"text":"content","number":1})"});
  Call("GetAll", {R"({"text":"content","number":2})"});
  Call("Exchange", {R"({"files":[{"$fd":"memfd:abc"}]})"});
  Call("PutAll", {R"({"files":[{"$fd":"memfd:abc"}]})", "{}"});
  // With reflection, which is a stream in both directions.
  Output(RunTool({"list", "-m", capture_->address()}));
  StopRecording();
  const std::string replayed = Output(Replay(live_.address()));
  EXPECT_THAT(
      replayed,
      AllOf(ContainsRegex("connection [0-9]+ call 1 fdrpc.testing.TestService/"
                          "Exchange: skipped: its requests have descriptors; "
                          "--fd gives one"),
            HasSubstr("\n8 calls as recorded, 0 different, 2 skipped\n")));
  EXPECT_EQ(Output(Replay(live_.address(), {"--fd", "memfd:xyz"})),
            "10 calls as recorded, 0 different, 0 skipped\n");
  // The kind is compared.
  const Ending other = Replay(live_.address(), {"--fd", "r:/dev/null"});
  EXPECT_EQ(other.exit_status, 4);
  EXPECT_THAT(other.output,
              AllOf(HasSubstr("Exchange: reply 1 is {\"files\":[{\"$fd\":"
                              "\"character device\""),
                    HasSubstr("recorded {\"files\":[{\"$fd\":\"memfd\""),
                    HasSubstr("\n9 calls as recorded, 1 different")));
}

TEST_P(ReplayTest, KeepsTheOrderOfConcurrentCalls) {
  {
    const absl::StatusOr<Channel> channel =
        Channel::Connect(capture_->address());
    ASSERT_TRUE(channel.ok());
    TestService::Stub stub(*channel);
    // Each needs the answer to the one before it.
    auto chat = stub.Chat();
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(chat.Write(TextOf("chat", i)));
      ASSERT_EQ(chat.Read()->number(), i);
      ASSERT_TRUE(stub.Echo(TextOf("echo", i)).ok());
    }
    chat.WritesDone();
    EXPECT_FALSE(chat.Read().has_value());
    EXPECT_TRUE(chat.Finish().ok());
    // This one is cancelled.
    auto cancelled = stub.Chat();
    ASSERT_TRUE(cancelled.Write(TextOf("x")));
    ASSERT_TRUE(cancelled.Read().has_value());
    cancelled.Cancel();
    EXPECT_FALSE(cancelled.Finish().ok());
  }
  StopRecording();
  EXPECT_EQ(Output(Replay(live_.address())),
            "5 calls as recorded, 0 different, 0 skipped\n");
}

TEST_P(ReplayTest, ReportsWhatIsDifferent) {
  Call("Echo", {R"({"text":"hi"})"});
  Call("Watch", {R"({"text":"w","number":2})"});
  Call("Collect", {R"({"text":"a"})"});
  Call("Put", {R"({"text":"same"})"});
  StopRecording();

  FakeService service;
  service.echo = [](ServerContext&, const Text&, Text& reply) {
    reply.set_text("ho");
    return absl::OkStatus();
  };
  service.watch = [](ServerContext&, const Text& request,
                     ServerWriter<Text>& replies) {
    for (int i = 0; i < 3; ++i) {
      if (!replies.Write(TextOf(request.text(), i))) break;
    }
    return absl::OkStatus();
  };
  service.collect = [](ServerContext&, ServerReader<Text>&, Text&) {
    return absl::NotFoundError("two\nlines");
  };
  Server server;
  server.AddService(service);
  const std::string address = live_.dir().address("other", GetParam());
  ASSERT_TRUE(server.Listen(address).ok());
  ASSERT_TRUE(server.Start().ok());
  const Ending ending = Replay(address);
  EXPECT_EQ(ending.exit_status, 4) << ending.errors;
  EXPECT_EQ(ending.errors, "");
  EXPECT_EQ(
      ending.output,
      "connection 1 call 1 fdrpc.testing.TestService/Echo: reply 1 is "
      R"({"text":"ho","data":"","number":"0"}, recorded )"
      R"({"text":"hi","data":"","number":"0"})"
      "\nconnection 2 call 1 fdrpc.testing.TestService/Watch: has more than "
      R"(the 2 recorded replies: {"text":"w","data":"","number":"2"})"
      "\nconnection 3 call 1 fdrpc.testing.TestService/Collect: status "
      "NOT_FOUND: two\\nlines, recorded OK\n"
      "1 calls as recorded, 3 different, 0 skipped\n");
}

TEST_P(ReplayTest, TakesTheRecordedTimes) {
  Call("Echo", {"{}"});
  Call("Echo", {"{}"});
  StopRecording();
  // From the first record to the last request.
  double span = 0;
  const std::vector<std::string> lines =
      absl::StrSplit(Output(RunTool({"show", capture_->file()})), '\n');
  for (const std::string& line : lines) {
    if (line.find(" call 1 message") == std::string::npos) continue;
    if (line.find("->") == std::string::npos) continue;
    ASSERT_TRUE(absl::SimpleAtod(line.substr(0, 12), &span));
  }
  ASSERT_GT(span, 0);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(Output(Replay(live_.address(), {"--timing"})),
            "2 calls as recorded, 0 different, 0 skipped\n");
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - begin;
  EXPECT_GE(took.count(), span);
}

TEST_P(ReplayTest, SaysWhichTimesCannotBeKept) {
  Call("Echo", {"{}"});
  StopRecording();
  std::ifstream file(capture_->file(), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  // The upper half of the time of the last packet, which is that of the end.
  const size_t time = bytes.rfind("FDRR") - 16;
  const auto replay = [&](uint32_t by) {
    std::string changed = bytes;
    uint32_t high = 0;
    changed.copy(reinterpret_cast<char*>(&high), sizeof(high), time);
    high += by;
    changed.replace(time, 4, reinterpret_cast<const char*>(&high), 4);
    std::ofstream(capture_->file(), std::ios::binary) << changed;
    // Without the times, it does not matter.
    EXPECT_EQ(Output(Replay(live_.address())),
              "1 calls as recorded, 0 different, 0 skipped\n");
    return Replay(live_.address(), {"--timing"});
  };
  ExpectError(replay(1u << 15), 1, "call 0 they go on by 39");
  ExpectError(replay(-1u), 1, "call 0 they go back by ");
}

TEST_P(ReplayTest, ReportsARequestThatIsNoMessage) {
  {
    RawPeer peer = RawPeer::Connect(capture_->path(), GetParam());
    peer.Send(RawHello().Bytes() + MethodFrame(1, kEcho).Bytes() +
              OpenFrame(1, 1, "\xff").Bytes());
    EXPECT_EQ(peer.ReadStatus().code, 13u);
  }
  Call("Echo", {"{}"});
  StopRecording();
  const Ending ending = Replay(live_.address());
  EXPECT_EQ(ending.exit_status, 4) << ending.errors;
  EXPECT_EQ(ending.output,
            "connection 1 call 1 fdrpc.testing.TestService/Echo: a recorded "
            "request cannot be sent: the message is no fdrpc.testing.Text\n"
            "1 calls as recorded, 1 different, 0 skipped\n");
}

TEST_P(ReplayTest, WaitsForNoDeadlineThatIsFar) {
  Call("Echo", {"{}", "-t", "100000h"});
  StopRecording();
  FakeService service;
  service.echo = [](ServerContext& context, const Text&, Text&) {
    while (!context.IsCancelled()) std::this_thread::yield();
    return absl::OkStatus();
  };
  Server server;
  server.AddService(service);
  const std::string address = live_.dir().address("other", GetParam());
  ASSERT_TRUE(server.Listen(address).ok());
  ASSERT_TRUE(server.Start().ok());
  const Ending ending = Replay(address, {"-t", "50ms"});
  EXPECT_EQ(ending.exit_status, 4) << ending.errors;
  EXPECT_THAT(ending.output, HasSubstr("status DEADLINE_EXCEEDED"));
}

TEST_P(ReplayTest, EndsIfThereIsNoServer) {
  Call("Echo", {"{}"});
  StopRecording();
  ExpectError(Replay(live_.dir().address("none", GetParam())), 24,
              "UNAVAILABLE: ");
}

INSTANTIATE_TEST_SUITE_P(, ReplayTest, kAllSchemes, SchemeName);

TEST(ReplayWithoutSchemaTest, AsksTheServerOrSkips) {
  LiveServer silent("unix:", /*reflection=*/false);
  silent.Start();
  RunningCapture capture(silent.address(), "unix:");
  Output(RunTool({"call", "-p", FDRPC_TEST_PROTO, capture.address(), kEcho,
                  R"({"text":"x"})"}));
  EXPECT_EQ(capture.Stop().exit_status, 0);
  const auto replay = [&](std::vector<std::string> rest) {
    rest.insert(rest.begin(), {"replay", capture.file()});
    return RunTool(std::move(rest));
  };
  ExpectError(replay({silent.address()}), 22,
              "give its .proto files with --proto");
  EXPECT_EQ(Output(replay({silent.address(), "-p", FDRPC_TEST_PROTO})),
            "1 calls as recorded, 0 different, 0 skipped\n");
  LiveServer telling("unix:");
  telling.Start();
  EXPECT_EQ(Output(replay({telling.address()})),
            "1 calls as recorded, 0 different, 0 skipped\n");
  const std::string empty = silent.dir().file("empty.proto");
  std::ofstream(empty) << "syntax = \"proto3\";\n";
  EXPECT_THAT(Output(replay({silent.address(), "-p", empty})),
              AllOf(HasSubstr("skipped: its method is not known"),
                    HasSubstr("0 calls as recorded, 0 different, 1 skipped")));
}

TEST(ReplayMisuseTest, SaysInOneLineWhatIsWrong) {
  LiveServer live("unix:");
  live.Start();
  const std::string garbage = live.dir().file("garbage");
  std::ofstream(garbage) << "garbage";
  const std::string& address = live.address();
  const struct {
    std::vector<std::string> words;
    int exit_status;
    const char* message;
  } cases[] = {
      {{"replay", garbage}, 2, "replay: it takes a FILE and an ADDRESS"},
      {{"replay", garbage, "tcp:1"}, 2, "tcp:1"},
      {{"replay", garbage, address}, 1, "offset 0: this is not a recording"},
      {{"replay", "/no/such", address}, 1, "/no/such"},
      {{"replay", garbage, address, "--fd", "x"}, 2, "is not a descriptor"},
      {{"replay", garbage, address, "--fd", "r:/no/such"}, 1, "r:/no/such"},
      {{"replay", garbage, address, "--fd", "pipe:r"}, 2, "--fd pipe:r: "},
      {{"replay", garbage, address, "-t", "soon"}, 2, "\"soon\" is not a time"},
  };
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.message);
    ExpectError(RunTool(bad.words), bad.exit_status, bad.message);
  }
}

}  // namespace
}  // namespace fdrpc::testing
