// fdrpc capture between live clients and servers, and fdrpc show of its
// recordings.
#include <fcntl.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "fdrpc/channel.h"
#include "fdrpc/channel_to_client.h"
#include "fdrpc/offered_services.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/tool/live_server.h"
#include "tests/services/tool/run_tool.h"
#include "tests/services/tool/running_capture.h"
#include "tests/support/raw_peer.h"
#include "tests/support/sanitized.h"

namespace fdrpc::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

int CountOf(const std::string& part, const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, part);
  return static_cast<int>(parts.size()) - 1;
}

// The most memory that a process has had.
int PeakKilobytes(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  const std::string text(std::istreambuf_iterator<char>(status), {});
  int peak = -1;
  EXPECT_TRUE(absl::SimpleAtoi(
      text.substr(
          text.find("VmHWM:") + 6,
          text.find("kB", text.find("VmHWM:")) - text.find("VmHWM:") - 6),
      &peak));
  return peak;
}

// More than all sockets and queues on the way hold, of 60,000 bytes each.
constexpr uint32_t kMostRequests = 4000;

// The schemes of the server and of the capture.
class CaptureTest
    : public ::testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  void SetUp() override {
    live_.Start();
    capture_.emplace(live_.address(), GetParam().second);
  }

  // A call through the capture, whose output is that of a direct one.
  void ExpectSameCall(const std::string& method,
                      const std::vector<std::string>& rest) {
    const auto call = [&](const std::string& address) {
      std::vector<std::string> words = {"call", address,
                                        "fdrpc.testing.TestService/" + method};
      words.insert(words.end(), rest.begin(), rest.end());
      return Output(RunTool(words));
    };
    EXPECT_EQ(call(capture_->address()), call(live_.address())) << method;
  }

  LiveServer live_{GetParam().first};
  std::optional<RunningCapture> capture_;
};

TEST_P(CaptureTest, PassesAllKindsOfCallsOnAndRecordsThem) {
  ExpectSameCall("Echo", {R"({"text":"hi"})", "-m", "show=x", "-t", "5s"});
  ExpectSameCall("Watch", {R"({"text":"w","number":2})"});
  ExpectSameCall("Collect", {R"({"text":"a"})", R"({"text":"b"})"});
  ExpectSameCall("Chat", {R"({"text":"c1"})", R"({"text":"c2"})"});
  ExpectSameCall(
      "Exchange",
      {R"({"files":[{"$fd":"memfd:abc"}],"first":{"$fd":"dir:/"}})"});
  ExpectSameCall("Get", {R"({"text":"content","number":1})", "--save", "-"});
  const std::string shown = capture_->StopAndShow();
  EXPECT_THAT(shown,
              AllOf(ContainsRegex("connection [0-9]+ -> process [0-9]+, user "),
                    ContainsRegex("-> call [0-9]+ fdrpc.testing.TestService/"
                                  "Echo, timeout 4.9[0-9]*s, show=x\n"),
                    HasSubstr(" message {\"text\":\"hi\",\"data\":\"\","
                              "\"number\":\"0\"}\n"),
                    ContainsRegex("<- call [0-9]+ headers, head=1\n"),
                    ContainsRegex("status OK after [0-9.]+.s, tail-bin=YWJj\n"),
                    HasSubstr("message {\"text\":\"w\",\"data\":\"\","
                              "\"number\":\"1\"}\n"),
                    HasSubstr("message {\"text\":\"ab\","),
                    HasSubstr(" half-close\n")));
  EXPECT_THAT(
      shown,
      AllOf(HasSubstr("{\"files\":[{\"$fd\":\"memfd\",\"access\":\"reading and "
                      "writing\",\"size\":3}],\"first\":{\"$fd\":"
                      "\"directory\",\"access\":\"reading\"},"),
            HasSubstr("descriptor 1: memfd, reading and writing, 3 bytes\n"),
            HasSubstr("descriptor 2: directory, reading\n"),
            HasSubstr("end: the client has ended it\n")));
  // Its request and its reply.
  EXPECT_EQ(CountOf("descriptor 2: directory", shown), 2);

  // The same as JSON. Reflection is recorded, too.
  const std::string json = Output(RunTool({"show", "-j", capture_->file()}));
  EXPECT_EQ(CountOf("\"event\":\"status\"", json),
            CountOf(" status OK", shown));
  EXPECT_THAT(
      json,
      AllOf(ContainsRegex(
                "\\{\"time\":\"20[^\"]*Z\",\"event\":\"message\","
                "\"connection\":[0-9]+,\"from\":\"client\",\"call\":[0-9]+,"
                "\"method\":\"fdrpc.testing.TestService/Exchange\","
                "\"message\":.*\"descriptors\":\\[\\{\"\\$fd\":\"memfd\","),
            HasSubstr("\"status\":\"OK\"")));
}

TEST_P(CaptureTest, PassesLargeMessagesAndManyDescriptorsOn) {
  // Pieces, which are sealed on packet sockets, and sets that are split.
  const std::string text(1'500'000, 'x');
  const std::string file = live_.dir().file("request");
  std::ofstream(file) << "{\"text\":\"" << text << "\"}";
  const Ending ending = RunTool({"call", capture_->address(), kEcho, "-"}, [&] {
    std::ifstream stream(file);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }());
  EXPECT_THAT(Output(ending), HasSubstr(text));
  EXPECT_EQ(CountOf("$fd", Output(RunTool({"call", capture_->address(), kGet,
                                           R"({"text":"y","number":300})"}))),
            300);
  const std::string shown = capture_->StopAndShow();
  EXPECT_EQ(CountOf(text, shown), 2);
  EXPECT_THAT(shown, HasSubstr("descriptor 300: "));
}

TEST_P(CaptureTest, SeesAllCallsOfAFastClient) {
  // Which would have moved to rings in shared memory.
  const std::string calls = kSanitized ? "500" : "5000";
  Output(RunTool({"bench", capture_->address(), kEcho, R"({"text":"fast"})",
                  "-n", calls, "-c", "2"}));
  EXPECT_THAT(absl::StrCat(CountOf("<- call", capture_->StopAndShow())),
              Not("0"));
  const std::string json = Output(RunTool({"show", "-j", capture_->file()}));
  EXPECT_EQ(absl::StrCat(CountOf("\"text\":\"fast\"", json) / 2), calls);
}

TEST_P(CaptureTest, AHostileClientEndsItsOwnConnectionAlone) {
  const std::string scheme = absl::StrCat(
      std::vector<std::string>(absl::StrSplit(GetParam().second, ':'))[0], ":");
  if (GetParam().second != scheme) GTEST_SKIP() << "raw peers take paths";
  Channel channel = *Channel::Connect(capture_->address());
  TestService::Stub stub(channel);
  EXPECT_TRUE(stub.Echo(TextOf("before")).ok());

  // Not frames; a frame that is too large; descriptors that no frame announces.
  RawPeer garbage = RawPeer::Connect(capture_->path(), scheme);
  garbage.Send(std::string(64, '\xff'));
  EXPECT_TRUE(garbage.ReachesEnd());
  RawPeer large = RawPeer::Connect(capture_->path(), scheme);
  large.TrySend(RawFrame{.type = 4, .call = 1, .length = 1u << 31}.Bytes());
  EXPECT_TRUE(large.ReachesEnd());
  RawPeer set = RawPeer::Connect(capture_->path(), scheme);
  const UniqueFd file = FileWith("");
  set.TrySend(RawHello().Bytes(), {file.get()});
  EXPECT_TRUE(set.ReachesEnd());
  // Frames that only the server sees through.
  RawPeer wrong = RawPeer::Connect(capture_->path(), scheme);
  wrong.Send(RawHello().Bytes());
  wrong.Send(RawFrame{.type = RawFrame::kStatus, .call = 1});
  EXPECT_TRUE(wrong.ReachesEnd());
  // One that does not read: the capture stops reading from it, too.
  RawPeer silent = RawPeer::Connect(capture_->path(), scheme);
  silent.Send(RawHello().Bytes() + MethodFrame(1, kEcho).Bytes());
  const std::string request = absl::StrCat(
      "\x12", std::string("\xe0\xd4\x03", 3),  // data: 60,000 bytes
      std::string(60'000, 'd'));
  uint32_t calls = 0;
  std::string left;
  bool stuck = false;
  while (!stuck && calls < kMostRequests) {
    if (left.empty()) left = OpenFrame(++calls, 1, request).Bytes();
    ssize_t sent = silent.TrySend(left);
    if (sent < 0) {
      // The capture has its turn.
      EXPECT_TRUE(stub.Echo(TextOf("between")).ok());
      EXPECT_TRUE(stub.Echo(TextOf("between")).ok());
      sent = silent.TrySend(left);
    }
    stuck = sent < 0;
    if (!stuck) left.erase(0, static_cast<size_t>(sent));
  }
  EXPECT_TRUE(stuck);
  if (!kSanitized) {
    EXPECT_LT(PeakKilobytes(capture_->pid()), 100'000);
  }

  EXPECT_TRUE(stub.Echo(TextOf("after")).ok());
  channel = *Channel::Connect(live_.address());
  const std::string shown = capture_->StopAndShow();
  EXPECT_THAT(shown, AllOf(HasSubstr("end: from the client: "),
                           HasSubstr("a mistake: "),
                           HasSubstr("end: the recording has ended"),
                           HasSubstr("{\"text\":\"after\"")));
}

TEST_P(CaptureTest, ClientsAreToldOfAServerThatIsGone) {
  live_.Stop();
  ExpectError(RunTool({"call", capture_->address(), kEcho, "-p",
                       FDRPC_TEST_PROTO, "-t", "2s"}),
              24, "UNAVAILABLE");
  const Ending ending = capture_->Stop();
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(ending.errors,
              ContainsRegex("fdrpc: connection 1: there is no connection to "
                            "the server: [^\n]+\n"));
  EXPECT_THAT(Output(RunTool({"show", capture_->file()})),
              HasSubstr("end: there is no connection to the server: "));
}

TEST_P(CaptureTest, RecordsCallsBack) {
  FakeService back;
  OfferedServices offered({&back});
  FakeService server_service;
  server_service.echo = [](ServerContext& context, const Text& request,
                           Text& reply) {
    const absl::StatusOr<Channel> client = ChannelToClient(context);
    if (!client.ok()) return client.status();
    absl::StatusOr<Text> answer = TestService::Stub(*client).Echo(
        TextOf(absl::StrCat("back to ", request.text())));
    if (!answer.ok()) return answer.status();
    reply = *answer;
    return absl::OkStatus();
  };
  Server server;
  server.AddService(server_service);
  const std::string address = live_.dir().address("back");
  ASSERT_TRUE(server.Listen(address).ok());
  ASSERT_TRUE(server.Start().ok());
  RunningCapture capture(address, GetParam().second, {"-p", FDRPC_TEST_PROTO});
  {
    const absl::StatusOr<Channel> channel =
        Channel::Connect(capture.address(), {.offer = offered});
    ASSERT_TRUE(channel.ok());
    const absl::StatusOr<Text> reply =
        TestService::Stub(*channel).Echo(TextOf("you"));
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(reply->text(), "back to you");
  }
  EXPECT_THAT(
      capture.StopAndShow(),
      AllOf(HasSubstr("connection 2 -> calls back over connection 1\n"),
            HasSubstr("connection 2 -> call 1 fdrpc.testing.TestService/Echo"),
            HasSubstr("connection 2 -> call 1 message {\"text\":\"back to "
                      "you\""),
            HasSubstr("connection 2 <- call 1 status OK")));
}

std::vector<std::pair<const char*, const char*>> Pairs() {
  if (kSanitized) return {{"unix:", "unix-dgram:"}};
  return {{"unix:", "unix:"},
          {"unix-seqpacket:", "unix-seqpacket:"},
          {"unix-dgram:", "unix-dgram:"},
          {"unix:@", "unix:@"},
          {"unix:", "unix-seqpacket:"},
          {"unix-seqpacket:", "unix-dgram:"},
          {"unix-dgram:", "unix:"}};
}
std::string NameOfPair(
    const ::testing::TestParamInfo<std::pair<const char*, const char*>>& info) {
  return absl::StrReplaceAll(
      absl::StrCat(info.param.first, "And", info.param.second),
      {{":", ""}, {"@", "Abstract"}, {"-", ""}});
}
INSTANTIATE_TEST_SUITE_P(, CaptureTest, ::testing::ValuesIn(Pairs()),
                         NameOfPair);

TEST(CaptureFileTest, IsForItsOwnerAloneAndSoIsTheSocket) {
  LiveServer live("unix:");
  live.Start();
  RunningCapture capture(live.address(), "unix:");
  struct stat info;
  ASSERT_EQ(stat(capture.file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(capture.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST(CaptureOutputTest, GoesThroughAPipeWhileItRecords) {
  LiveServer live("unix:");
  live.Start();
  const TempDir dir;
  auto [recording, to_recording] = Pipe();
  auto [lines, to_lines] = Pipe();
  const Program capture({FDRPC_PROGRAM, "capture", live.address(), "-l",
                         dir.address(), "-o", "-"},
                        {.standard_output = to_recording.get()});
  to_recording = UniqueFd();
  const UniqueFd inherited(fcntl(recording.get(), F_DUPFD, 100));
  const Program show(
      {"/bin/bash", "-c",
       absl::StrCat("exec " FDRPC_PROGRAM " show - <&", inherited.get())},
      {.standard_output = to_lines.get()});
  to_lines = UniqueFd();
  EXPECT_THAT(Output(RunTool({"call", "-w", "-p", FDRPC_TEST_PROTO,
                              dir.address(), kEcho, R"({"text":"live"})"})),
              HasSubstr("live"));
  std::string line;
  while (line.find("status OK") == std::string::npos) {
    line = Program::ReadLine(lines.get());
    ASSERT_NE(line, "");
  }
}

TEST(CaptureOutputTest, AnInterruptEndsItWhenNobodyReads) {
  LiveServer live("unix:");
  live.Start();
  const TempDir dir;
  auto [recording, to_recording] = Pipe();
  Program capture({FDRPC_PROGRAM, "capture", live.address(), "-l",
                   dir.address(), "-o", "-"},
                  {.standard_output = to_recording.get()});
  to_recording = UniqueFd();
  const Channel channel = *Channel::Connect(dir.address());
  TestService::Stub stub(channel);
  ASSERT_TRUE(stub.Echo(Text(), {.wait_for_ready = true}).ok());
  // Until the pipe is full, when the capture waits and passes nothing on.
  const Text large = TextOf(std::string(10'000, 'x'));
  while (stub.Echo(large, {.timeout = absl::Milliseconds(500)}).ok()) {
  }
  capture.Signal(SIGINT);
  const Ending ending = capture.Wait();
  EXPECT_EQ(ending.exit_status, 1);
  EXPECT_THAT(ending.errors,
              HasSubstr("standard output: its reader takes nothing; the "
                        "recording is cut off"));
}

}  // namespace
}  // namespace fdrpc::testing
