// fdrpc show, and bad input of it and of fdrpc capture.
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/tool/live_server.h"
#include "tests/services/tool/run_tool.h"
#include "tests/services/tool/running_capture.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

TEST(CaptureWithoutReflectionTest, ShowsBytesUnlessTheFilesAreGiven) {
  LiveServer live("unix:", /*reflection=*/false);
  live.Start();
  RunningCapture capture(live.address(), "unix:");
  Output(RunTool({"call", "-p", FDRPC_TEST_PROTO, capture.address(), kEcho,
                  R"({"text":"hi"})"}));
  EXPECT_THAT(capture.StopAndShow(), HasSubstr("message of 4 bytes\n"));
  EXPECT_THAT(Output(RunTool({"show", capture.file(), "--json"})),
              HasSubstr("\"bytes\":\"CgJoaQ==\""));
  EXPECT_THAT(Output(RunTool({"show", "-p", FDRPC_TEST_PROTO, capture.file()})),
              HasSubstr("message {\"text\":\"hi\""));
}

TEST(ShowTest, SaysWhereAFileIsDamaged) {
  LiveServer live("unix:");
  live.Start();
  RunningCapture capture(live.address(), "unix:");
  Output(RunTool({"call", capture.address(), kEcho, "{}"}));
  const std::string shown = capture.StopAndShow();
  std::ifstream stream(capture.file(), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  const std::string file = capture.dir().file("damaged");
  const auto show = [&](const std::string& content) {
    std::ofstream(file, std::ios::binary) << content;
    return RunTool({"show", file});
  };
  // What is there is shown first.
  const Ending cut = show(bytes.substr(0, bytes.size() - 5));
  EXPECT_TRUE(shown.starts_with(cut.output));
  EXPECT_THAT(cut.output, HasSubstr(" -> call 1 message "));
  ExpectError(cut, 1, absl::StrCat(file, ": offset "));
  ExpectError(cut, 1, "the file ends within a block of ");
  std::string wrong = bytes;
  wrong[wrong.size() - 4] ^= 1;
  ExpectError(show(wrong), 1, "the two lengths of a block differ");
  ExpectError(show("text"), 1,
              "offset 0: this is not a recording of fdrpc capture");
  ExpectError(show(""), 1,
              "offset 0: this is not a recording of fdrpc capture");
}

TEST(CaptureMisuseTest, SaysInOneLineWhatIsWrong) {
  LiveServer live("unix:");
  live.Start();
  const std::string free = live.dir().address("free");
  const std::string file = live.dir().file("x");
  const struct {
    std::vector<std::string> words;
    int exit_status;
    const char* message;
  } cases[] = {
      {{"capture", live.address()}, 2, "--listen ADDRESS and --output FILE"},
      {{"capture", "-l", free, "-o", file}, 2, "capture: it takes an ADDRESS"},
      {{"capture", live.address(), "-l", "tcp:1", "-o", file}, 2, "tcp:1"},
      {{"capture", "fd:3", "-l", free, "-o", file}, 2, "fd:3"},
      {{"capture", live.address(), "-l", live.address(), "-o", file},
       2,
       "is the server's address; listen at another one"},
      {{"capture", free, "-l", live.address(), "-o", file},
       1,
       "a server listens there"},
      {{"capture", live.address(), "-l", free, "-o", "/no/such/file"},
       1,
       "/no/such/file"},
      {{"capture", live.address(), "-l", free, "-o", "/dev/full"},
       1,
       "/dev/full: writing"},
      {{"capture", live.address(), "-l", free, "-o", file, "-p", "no.proto"},
       1,
       "no.proto"},
      {{"show"}, 2, "show: it takes one FILE"},
      {{"show", "/no/such/file"}, 1, "/no/such/file"},
      {{"show", file, "--descriptor-set", "/no/such"}, 1, "/no/such"},
  };
  for (const auto& bad : cases) {
    SCOPED_TRACE(bad.message);
    ExpectError(RunTool(bad.words), bad.exit_status, bad.message);
  }
}

}  // namespace
}  // namespace fdrpc::testing
