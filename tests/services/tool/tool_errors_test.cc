// The program fdrpc when something is missing or wrong.
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"
#include "tests/services/tool/live_server.h"
#include "tests/services/tool/run_tool.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

TEST(ToolWithoutReflection, SaysWhatToDoAndTakesProtoFiles) {
  LiveServer live("unix:", /*reflection=*/false);
  live.Start();
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"list", live.address()},
        {"describe", live.address()},
        {"call", live.address(), kEcho, "{}"}}) {
    ExpectError(RunTool(words), 22, "give its .proto files with --proto");
  }
  const std::string protos = FDRPC_TEST_PROTO;
  EXPECT_EQ(Output(RunTool({"list", "--proto", protos})),
            "fdrpc.testing.TestService\n");
  EXPECT_THAT(Output(RunTool({"describe", "--proto", protos})),
              HasSubstr("// Descriptors in both directions."));
  EXPECT_THAT(
      Output(RunTool({"call", "-p", "testing.proto", "-I",
                      protos.substr(0, protos.rfind('/')), live.address(),
                      kExchange, R"({"files": [{"$fd": "memfd:x"}]})"})),
      HasSubstr("{\"$fd\":\"memfd\""));

  google::protobuf::FileDescriptorSet set;
  Text::descriptor()->file()->CopyTo(set.add_file());
  const std::string file = live.dir().file("set");
  std::ofstream(file) << set.SerializeAsString();
  EXPECT_THAT(Output(RunTool({"call", "--descriptor-set", file, live.address(),
                              kEcho, R"({"text":"x"})"})),
              HasSubstr("\"text\":\"x\""));
}

TEST(ToolWithBadInput, SaysInOneLineWhatIsWrong) {
  LiveServer live("unix:");
  live.Start();
  const std::string& address = live.address();
  const std::string no_proto = live.dir().file("broken.proto");
  std::ofstream(no_proto) << "syntax = \"proto3\";\nmessage {}\n";
  const std::string garbage = live.dir().file("garbage");
  std::ofstream(garbage) << "garbage";
  const struct {
    std::vector<std::string> words;
    int exit_status;
    const char* message;
  } cases[] = {
      {{}, 2, "the command is missing"},
      {{"frob"}, 2, "there is no command frob; fdrpc help lists them"},
      {{"list"}, 2, "list: it takes one ADDRESS"},
      {{"list", "--frob"}, 2, "there is no option --frob; try fdrpc list"},
      {{"list", "tcp:1"}, 2, "tcp:1"},
      {{"list", "unix:/no/such"}, 24, "UNAVAILABLE: "},
      {{"list", address, "--timeout", "soon"}, 2, "\"soon\" is not a time"},
      {{"list", "-p", "no.proto"}, 1, "no.proto: cannot be read"},
      {{"list", "-p", no_proto}, 1, "broken.proto:2:9: "},
      {{"list", "--descriptor-set", garbage}, 1, "is not a descriptor set"},
      {{"list", "--descriptor-set", "/no/such"}, 1, "No such file"},
      {{"list", "-I", "."}, 2, "--import needs a --proto FILE"},
      {{"describe"}, 2, "the ADDRESS is missing"},
      {{"describe", address, "x.Y"}, 15, "there is no symbol x.Y"},
      {{"call", address}, 2, "a METHOD"},
      {{"call", address, "Echo"}, 2, "write package.Service/Method"},
      {{"call", address, "x.Y/Z"}, 15, "there is no service x.Y; there are: "},
      {{"call", address, "fdrpc.testing.TestService/Frob"},
       15,
       "has no method Frob; it has: Echo Exchange"},
      {{"call", address, kEcho, "{", "}"}, 2, "takes one request, and 2"},
      {{"call", address, kEcho, "{"},
       2,
       "not the JSON of a fdrpc.testing.Text"},
      {{"call", address, kEcho, R"({"frob": 1})"}, 2, "frob"},
      {{"call", address, kEcho, "{}", "-m", "x"}, 2, "is not KEY=VALUE"},
      {{"call", address, kEcho, "{}", "-m", "X=1"}, 13, "X"},
      {{"call", address, kEcho, "{}", "-m", "x-bin=*"}, 2, "is base64"},
      {{"call", address, kEcho, R"({"text": {"$fd": "stdin"}})"}, 2, "Text"},
      {{"call", address, kExchange, R"({"first": {"$fd": "r:/no/such"}})"},
       1,
       "field first: r:/no/such"},
      {{"call", address, kExchange, R"({"first": {"$fd": "x"}})"},
       2,
       "\"x\" is not a descriptor: write r:PATH"},
      {{"call", address, kExchange, R"({"first": {"$fd": 1.5}})"},
       2,
       "the descriptor at byte 10"},
      {{"call", address, kExchange, R"({"first": {"$fd": 77777}})"},
       1,
       "fd:77777"},
      {{"call", address, kExchange, R"({"first": {"slot": 1}})"},
       2,
       "field first takes a descriptor"},
      {{"health"}, 2, "an ADDRESS"},
      {{"health", "unix:/no/such"}, 24, "UNAVAILABLE"},
      {{"completion", "csh"}, 2, "bash, zsh or fish"},
      {{"bench", address}, 2, "a METHOD"},
      {{"bench", address, kEcho, "{}", "-c", "0"}, 2, "--concurrency 0 is not"},
      {{"bench", address, kEcho, "{}", "-r", "x"}, 2, "--rate x is not"},
      {{"bench", address, kEcho, "{", "-n", "1"}, 2, "not the JSON of a"},
      {{"bench", address, "fdrpc.testing.TestService/Chat"}, 2, "has a stream"},
      {{"bench", address, kEcho, "-n", "1", "--html", "/no/such/file"},
       1,
       "/no/such/file cannot be written"},
      {{"ps", "x"}, 2, "ps: \"x\" is not the address of a server: unix:"},
      {{"ps", "unix:"}, 2, "ps: \"unix:\" is not the address of a server"},
      {{"ps", "unix:no/such"}, 1, "no/such"},
      {{"init"}, 2, "init: it takes one NAME"},
      {{"init", "../x"}, 2, "\"../x\" is not a name"},
  };
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.words.empty() ? "" : bad.words.back());
    ExpectError(RunTool(bad.words), bad.exit_status, bad.message);
  }
  ExpectError(RunTool({"call", address, "fdrpc.testing.TestService/Collect"},
                      "{}\n\n{\"frob\":1}\n"),
              2, "request 3: ");
  EXPECT_THAT(RunTool({"call", address, kGet, R"({"number": 1})", "--exec",
                       "no_such_command"})
                  .exit_status,
              127);
}

}  // namespace
}  // namespace fdrpc::testing
