// The program fdrpc against live servers.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "fdrpc/channel.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/services/tool/live_server.h"
#include "tests/services/tool/run_tool.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/sanitized.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ToolTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override { live_.Start(); }
  void TearDown() override { live_.Stop(); }

  Ending Call(const std::string& method, std::vector<std::string> rest,
              const std::string& input = "") {
    std::vector<std::string> words = {"call", live_.address(),
                                      "fdrpc.testing.TestService/" + method};
    words.insert(words.end(), rest.begin(), rest.end());
    return RunTool(std::move(words), input);
  }

  const ExpectSameDescriptors same_;
  LiveServer live_{GetParam()};
};

TEST_P(ToolTest, ListsServices) {
  EXPECT_EQ(Output(RunTool({"list", live_.address()})),
            "grpc.health.v1.Health\n"
            "fdrpc.testing.TestService\n"
            "described.Archive\n"
            "grpc.reflection.v1.ServerReflection\n");
  EXPECT_THAT(Output(RunTool({"list", "-m", live_.address()})),
              HasSubstr("fdrpc.testing.TestService\n"
                        "  Echo(fdrpc.testing.Text) returns "
                        "(fdrpc.testing.Text)\n"));
}

TEST_P(ToolTest, Describes) {
  EXPECT_THAT(Output(RunTool({"describe", live_.address()})),
              AllOf(HasSubstr("// Keeps logs.\nservice Archive {\n"
                              "  // Takes a log over.\n"),
                    HasSubstr("service TestService {")));
  EXPECT_THAT(
      Output(RunTool({"describe", live_.address(), "described.PutRequest",
                      "described.Archive/Put"})),
      AllOf(HasSubstr("message PutRequest {\n  // Open for reading.\n"
                      "  // And this:\n  //   is further in.\n"),
            HasSubstr("1 [(.fdrpc.fd_rules) = {"), HasSubstr("access: READ"),
            HasSubstr("\n\n// Takes a log over.\nrpc Put(")));
  EXPECT_THAT(Output(RunTool({"describe", live_.address(), "testing.proto"})),
              HasSubstr("import \"fdrpc/fd.proto\";"));
}

TEST_P(ToolTest, CallsUnaryMethods) {
  const std::string reply =
      "{\"text\":\"hi\",\"data\":\"\",\"number\":\"3\"}\n";
  EXPECT_EQ(Output(Call("Echo", {R"({"text": "hi", "number": 3})"})), reply);
  EXPECT_EQ(Output(Call("Echo", {"-"}, "{\"text\": \"hi\",\n\"number\": 3}\n")),
            reply);
  EXPECT_EQ(Output(Call("Echo", {})),
            "{\"text\":\"\",\"data\":\"\",\"number\":\"0\"}\n");
}

TEST_P(ToolTest, CallsStreamsOfReplies) {
  EXPECT_EQ(Output(Call("Watch", {R"({"text": "x", "number": 2})"})),
            "{\"text\":\"x\",\"data\":\"\",\"number\":\"0\"}\n"
            "{\"text\":\"x\",\"data\":\"\",\"number\":\"1\"}\n");
}

TEST_P(ToolTest, CallsStreamsOfRequests) {
  const std::string reply =
      "{\"text\":\"ab\",\"data\":\"\",\"number\":\"2\"}\n";
  EXPECT_EQ(Output(Call("Collect", {R"({"text":"a"})", R"({"text":"b"})"})),
            reply);
  // Lines of standard input, also a last one without its end.
  EXPECT_EQ(Output(Call("Collect", {}, "{\"text\":\"a\"}\n\n{\"text\":\"b\"}")),
            reply);
  EXPECT_EQ(Output(Call("Collect", {})),
            "{\"text\":\"\",\"data\":\"\",\"number\":\"0\"}\n");
}

TEST_P(ToolTest, CallsStreamsInBothDirections) {
  EXPECT_EQ(Output(Call("Chat", {"-"}, "{\"text\":\"a\"}\n{\"text\":\"b\"}\n")),
            "{\"text\":\"a\",\"data\":\"\",\"number\":\"0\"}\n"
            "{\"text\":\"b\",\"data\":\"\",\"number\":\"0\"}\n");
}

TEST_P(ToolTest, RepliesComeAsTheyArrive) {
  auto [read_end, write_end] = Pipe();
  auto [input_end, requests] = Pipe();
  Program chat({"/bin/bash", "-c",
                absl::StrCat("exec " FDRPC_PROGRAM " call ", live_.address(),
                             " fdrpc.testing.TestService/Chat <&",
                             fcntl(input_end.get(), F_DUPFD, 100))},
               {.standard_output = write_end.get()});
  close(100);
  for (const char* text : {"{\"text\":\"a\"}\n", "{\"text\":\"b\"}\n"}) {
    ASSERT_GT(write(requests.get(), text, strlen(text)), 0);
    EXPECT_THAT(Program::ReadLine(read_end.get()),
                HasSubstr(std::string(text, 10)));
  }
  requests = UniqueFd();
  EXPECT_EQ(chat.Wait().exit_status, 0);
}

TEST_P(ToolTest, SendsDescriptorsAndSaysWhatArrives) {
  const std::string in = live_.dir().file("in.txt");
  std::ofstream(in) << "content";
  const std::string out = live_.dir().file("out.txt");
  EXPECT_EQ(
      Output(Call("Exchange",
                  {absl::StrCat(
                      R"({"files": [{"$fd": "r:)", in, R"("}, {"$fd":"w:)", out,
                      R"("}, { "$fd" : "memfd:{\"$fd\"}" }],
                          "first": {"$fd": "dir:)",
                      live_.dir().path(), R"("}, "text": "{\"$fd\": 7}"})")})),
      absl::StrCat(
          R"({"files":[{"$fd":"regular file","access":"reading","size":7,)",
          R"("path":")", in, R"("},{"$fd":"regular file","access":"writing",)",
          R"("size":0,"path":")", out,
          R"("},{"$fd":"memfd","access":"reading and writing","size":7,)",
          "\"path\":\"/memfd:fdrpc (deleted)\"}],",
          R"("first":{"$fd":"directory",)", R"("access":"reading","path":")",
          live_.dir().path(), R"("},"text":"{\"$fd\": 7}"})", "\n"));
}

TEST_P(ToolTest, SendsStandardInputInheritedDescriptorsAndPipes) {
  const int inherited = dup(FileWith("inherited").get());
  EXPECT_THAT(Output(Call("Exchange",
                          {absl::StrCat(R"({"files": [{"$fd": "stdin"}, )",
                                        R"({"$fd": )", inherited, "}]}"),
                           "--save", "files[1]=-"},
                          "input")),
              "inherited");
  close(inherited);
  // The server gets one end of a pipe; what it reads comes from standard input.
  EXPECT_THAT(
      Output(Call("Put",
                  {R"({"files": [{"$fd": "pipe:r"}, {"$fd": "pipe:w"}],)"
                   R"("text": "pipes"})"},
                  "fed")),
      AllOf(HasSubstr("{\"text\":\"fed\","), HasSubstr("written\n")));
}

TEST_P(ToolTest, SavesReceivedDescriptorsAndGivesThemToCommands) {
  const std::string request = R"({"text": "content", "number": 2})";
  const std::string file = live_.dir().file("saved");
  EXPECT_THAT(Output(Call("Get", {request, "--save", file})),
              HasSubstr("{\"files\":[{\"$fd\":"));
  std::ifstream saved(file);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(saved), {}), "content");
  EXPECT_EQ(Output(Call("Get", {request, "--save", "-"})), "content");
  EXPECT_THAT(Output(Call("Get", {request, "--exec",
                                  "cat <&4; echo \"[$FDRPC_FIELDS]\""})),
              HasSubstr("}],\"text\":\"\"}\ncontent[files[0] files[1]]\n"));
  EXPECT_EQ(Call("GetAll", {request, "-x", "cat <&3; exit 7"}).exit_status, 7);
  ExpectError(Call("Get", {request, "--save", "first=x"}), 1,
              "no descriptor in field first; it has: files[0] files[1]");
  ExpectError(Call("Get", {request, "--save", "/no/such/file"}), 1,
              "/no/such/file");
}

TEST_P(ToolTest, SendsMetadataAndShowsWhatComesBack) {
  const Ending ending =
      Call("Echo", {"-v", "-m", "show=a=b", "--metadata", "k-bin=YWJj"});
  EXPECT_EQ(ending.exit_status, 0);
  EXPECT_THAT(ending.output, HasSubstr("\"text\":\"a=b\",\"data\":\"YWJj\""));
  EXPECT_EQ(ending.errors,
            "header: head: 1\ntrailer: tail-bin: YWJj\nstatus: OK\n");
}

TEST_P(ToolTest, EndsWithTheStatusOfTheCall) {
  // Each of them over one transport, and one of them over the others.
  const int last = GetParam() == std::string("unix:@") ? 16 : 1;
  for (int code = 1; code <= last; ++code) {
    ExpectError(
        Call("Echo",
             {"-p", FDRPC_TEST_PROTO, "-m", absl::StrCat("status=", code)}),
        10 + code,
        absl::StrCat(
            absl::StatusCodeToString(static_cast<absl::StatusCode>(code)),
            ": two\\nlines"));
  }
  ExpectError(Call("Echo", {"-t", "20ms", "-m", "wait=1"}), 14,
              "DEADLINE_EXCEEDED");
}

TEST_P(ToolTest, TellsHealth) {
  const auto health = [this](std::vector<std::string> rest) {
    rest.insert(rest.begin(), {"health", live_.address()});
    return RunTool(std::move(rest));
  };
  EXPECT_EQ(Output(health({})), "SERVING\n");
  live_.health().SetHealth("a.B", Health::kNotServing);
  Ending ending = health({"a.B"});
  EXPECT_EQ(ending.output, "NOT_SERVING\n");
  EXPECT_EQ(ending.exit_status, 3);
  ending = health({"a.C"});
  EXPECT_EQ(ending.output, "SERVICE_UNKNOWN\n");
  EXPECT_EQ(ending.exit_status, 3);

  auto [read_end, write_end] = Pipe();
  Program watch({FDRPC_PROGRAM, "health", "--watch", live_.address(), "a.B"},
                {.standard_output = write_end.get()});
  EXPECT_EQ(Program::ReadLine(read_end.get()), "NOT_SERVING");
  live_.health().SetHealth("a.B", Health::kServing);
  EXPECT_EQ(Program::ReadLine(read_end.get()), "SERVING");
  live_.Stop();
  ExpectError(watch.Wait(), 24, "watch again");
}

TEST_P(ToolTest, ShowsServersOfThisMachine) {
  const bool abstract = live_.address().find('@') != std::string::npos;
  const std::string line = absl::StrFormat("%7d [a-z0-9_-]+ +[^ ]+ +%s\n",
                                           getpid(), live_.address());
  const std::string known = Output(RunTool({"ps"}));
  EXPECT_EQ(known.find(live_.address() + "\n") != std::string::npos, !abstract);
  const std::string all = Output(RunTool({"ps", "--all"}));
  EXPECT_THAT(all, ::testing::ContainsRegex(line));
  // This process's own connection. Through a door it would have no address.
  const Channel channel = *Channel::Connect(live_.address());
  ASSERT_TRUE(TestService::Stub(channel).Echo(Text()).ok());
  const std::string clients = Output(RunTool({"ps", "--all", "--clients"}));
  EXPECT_EQ(
      clients.find(absl::StrFormat("%s\n          client %7d ", live_.address(),
                                   getpid())) != std::string::npos,
      GetParam() != std::string("unix-dgram:"));
  // Not of others, which may be those of other tests.
  EXPECT_THAT(Output(RunTool({"ps", "-s", live_.address()})),
              ::testing::ContainsRegex(
                  absl::StrCat("^[^\n]*\n", line,
                               "          grpc.health.v1.Health\n"
                               "          fdrpc.testing.TestService\n")));
}

TEST(ToolPsTest, ShowsWhereASocketWithARelativePathIs) {
  const TempDir first;
  const TempDir second;
  const auto served_in = [](const TempDir& dir) {
    return std::make_unique<ServerProcess>(
        "unix:relative.sock",
        [&](FakeService&) { EXPECT_EQ(chdir(dir.path().c_str()), 0); });
  };
  const auto one = served_in(first);
  const auto two = served_in(second);
  const std::string output = Output(RunTool({"ps"}));
  for (const TempDir* dir : {&first, &second}) {
    EXPECT_THAT(output, HasSubstr(" unix:" + dir->path() + "/relative.sock\n"));
  }
}

// The report of `fdrpc bench --json` on so many calls, all of which succeeded.
void ExpectReportOf(int calls, const std::string& json) {
  google::protobuf::Struct result;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &result).ok());
  EXPECT_EQ(result.fields().at("calls").number_value(), calls);
  EXPECT_EQ(result.fields().at("failed").number_value(), 0);
  EXPECT_GT(result.fields().at("rate").number_value(), 0);
  double counted = 0;
  for (const auto& bucket :
       result.fields().at("histogram").list_value().values()) {
    counted += bucket.struct_value().fields().at("calls").number_value();
  }
  EXPECT_EQ(counted, calls);
}

TEST_P(ToolTest, MeasuresCalls) {
  const std::string html = live_.dir().file("report.html");
  const std::string json =
      Output(RunTool({"bench", live_.address(), kEcho, R"({"text":"x"})", "-n",
                      "60", "-c", "2", "-C", "2", "--json", "--html", html}));
  // In a program with the thread sanitizer, Protocol Buffers' headers lay maps
  // out differently than its library does.
  if (!kThreadSanitizer) ExpectReportOf(60, json);
  std::ifstream file(html);
  const std::string page(std::istreambuf_iterator<char>(file), {});
  EXPECT_THAT(page, AllOf(HasSubstr("<polyline"), HasSubstr("<rect "),
                          HasSubstr("</html>")));
  EXPECT_EQ(page.find("http"), std::string::npos);

  EXPECT_THAT(Output(RunTool({"bench", live_.address(), kExchange,
                              R"({"first": {"$fd": "memfd:x"}})", "-n", "5",
                              "-r", "1000"})),
              AllOf(HasSubstr("calls            5\n"),
                    HasSubstr("rate asked for   1000.0 calls/s\n")));
}

TEST(ToolBench, UsesAsManyConnectionsAsItIsTold) {
  LiveServer live("unix:");
  live.Start();
  Output(RunTool({"bench", live.address(), kEcho, "{}", "-n", "5"}));
  EXPECT_EQ(live.most_connections(), 1u);
}

// Under a sanitizer, where a process takes long to start, two of them.
std::vector<const char*> Schemes() {
  if (kSanitized) return {"unix:@", "unix-dgram:"};
  return {"unix:", "unix:@", "unix-dgram:", "unix-seqpacket:"};
}
std::string NameOfScheme(const ::testing::TestParamInfo<const char*>& info) {
  std::string name;
  for (const char* c = info.param; *c != '\0'; ++c) {
    if (*c == '@') name += "Abstract";
    if (absl::ascii_isalpha(*c)) name += *c;
  }
  return name;
}
INSTANTIATE_TEST_SUITE_P(, ToolTest, ::testing::ValuesIn(Schemes()),
                         NameOfScheme);

TEST(ToolBench, CountsErrorsByTheirStatus) {
  LiveServer live("unix:");
  live.Start();
  const Ending ending = RunTool({"bench", live.address(), kEcho, "{}", "-n",
                                 "3", "-t", "1ns", "-p", FDRPC_TEST_PROTO});
  EXPECT_THAT(ending.output, HasSubstr("DEADLINE_EXCEEDED 3\n"));
  ExpectError(ending, 14, "3 calls have failed, the first one with: ");
}

TEST(ToolOverInheritedSocket, Calls) {
  LiveServer live("unix:");
  live.Start();
  auto [ours, theirs] = SocketPair();
  ASSERT_TRUE(live.server().ServeConnection(std::move(ours)).ok());
  const int inherited = dup(theirs.get());
  theirs = UniqueFd();
  EXPECT_THAT(Output(RunTool({"call", absl::StrCat("fd:", inherited), kEcho,
                              R"({"text":"x"})"})),
              HasSubstr("\"text\":\"x\""));
  close(inherited);
}

}  // namespace
}  // namespace fdrpc::testing
