// The log of a service: lines, the last ones, the journal, files and followers.
#include "services/host/service_log.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/host/log_follower.h"
#include "tests/support/service_manager.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::host {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TempDir;

constexpr pid_t kPid = 4711;

// Takes lines at once, or as many as it is let.
class Reader {
 public:
  explicit Reader(bool takes = true) : takes_(takes) {}

  ServiceLog::Write Write() {
    return [this](const v1::LogLine& line, ServiceLog::Written written) {
      lines_.push_back(line);
      if (takes_) {
        written(true);
      } else {
        written_ = std::move(written);
      }
    };
  }
  ServiceLog::Finish Finish() {
    return [this](absl::Status status) { status_ = std::move(status); };
  }
  // Of the line that it has not taken.
  void Answer(bool taken) { std::exchange(written_, nullptr)(taken); }

  std::vector<std::string> texts() const {
    std::vector<std::string> texts;
    for (const v1::LogLine& line : lines_) texts.push_back(line.text());
    return texts;
  }
  const std::vector<v1::LogLine>& lines() const { return lines_; }
  const std::optional<absl::Status>& status() const { return status_; }

 private:
  const bool takes_;
  std::vector<v1::LogLine> lines_;
  ServiceLog::Written written_;
  std::optional<absl::Status> status_;
};

std::vector<v1::LogLine> LastLines(ServiceLog& log, size_t most = 1000) {
  Reader reader;
  log.Follow(most, /*follow=*/false, reader.Write(), reader.Finish());
  EXPECT_EQ(reader.status(), absl::OkStatus());
  return reader.lines();
}

std::vector<std::string> LastTexts(ServiceLog& log, size_t most = 1000) {
  std::vector<std::string> texts;
  for (const v1::LogLine& line : LastLines(log, most)) {
    texts.push_back(line.text());
  }
  return texts;
}

ServiceLog::Options InMemory() {
  return {.name = "store",
          .settings = {.destination = v1::Log::DESTINATION_NONE},
          .directory = ""};
}

TEST(ServiceLogTest, KeepsLines) {
  ServiceLog log(InMemory());
  const auto before = static_cast<uint64_t>(absl::ToUnixMicros(absl::Now()));
  log.Append(kPid, "one\ntw");
  log.Append(kPid, "o\n\nthr");
  EXPECT_THAT(LastTexts(log), ElementsAre("one", "two", ""));
  log.End(kPid);
  EXPECT_THAT(LastTexts(log), ElementsAre("one", "two", "", "thr"));
  log.End(kPid);
  EXPECT_THAT(LastTexts(log, 2), ElementsAre("", "thr"));
  EXPECT_THAT(LastTexts(log, 0), IsEmpty());
  for (const v1::LogLine& line : LastLines(log)) {
    EXPECT_EQ(line.pid(), kPid);
    EXPECT_GE(line.time_us(), before);
    EXPECT_FALSE(line.truncated());
  }
}

TEST(ServiceLogTest, KeepsTheLinesOfProcessesApart) {
  ServiceLog log(InMemory());
  log.Append(1, "a");
  log.Append(2, "b");
  log.Append(1, "a\n");
  log.Append(2, "b\n");
  EXPECT_THAT(LastTexts(log), ElementsAre("aa", "bb"));
}

TEST(ServiceLogTest, CutsLongLines) {
  ServiceLog log(InMemory());
  const std::string most(ServiceLog::kMostOfLine, 'x');
  log.Append(kPid, most);
  log.Append(kPid, "\n");
  log.Append(kPid, absl::StrCat(most, most, "y"));
  log.Append(kPid, "\nz\n");
  EXPECT_THAT(LastTexts(log), ElementsAre(most, most, most, "y", "z"));
  std::vector<bool> cut;
  for (const v1::LogLine& line : LastLines(log)) {
    cut.push_back(line.truncated());
  }
  EXPECT_THAT(cut, ElementsAre(false, true, true, false, false));
}

TEST(ServiceLogTest, KeepsAnyBytes) {
  ServiceLog log(InMemory());
  const std::string bytes("\0\xff\r\x1b", 4);
  log.Append(kPid, bytes + "\n");
  EXPECT_THAT(LastTexts(log), ElementsAre(bytes));
}

TEST(ServiceLogTest, KeepsTheLastOnesOnly) {
  ServiceLog::Options options = InMemory();
  options.max_lines = 3;
  options.max_bytes = 100;
  ServiceLog log(options);
  log.Append(kPid, "1\n2\n3\n4\n");
  EXPECT_THAT(LastTexts(log), ElementsAre("2", "3", "4"));
  const std::string half(50, 'x');
  log.Append(kPid, absl::StrCat(half, "\n", half, "\n"));
  EXPECT_THAT(LastTexts(log), ElementsAre(half, half));
  log.Append(kPid, "5\n");
  EXPECT_THAT(LastTexts(log), ElementsAre(half, "5"));
}

TEST(ServiceLogTest, HasLinesOfTheHost) {
  ServiceLog log(InMemory());
  log.Append(kPid, "unfin");
  log.Say("starts again in 100ms");
  const std::vector<v1::LogLine> lines = LastLines(log);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0].text(), "fdrpc-host: starts again in 100ms");
  EXPECT_EQ(lines[0].pid(), getpid());
}

TEST(ServiceLogFollowersTest, GetThePastAndTheFuture) {
  Reader all, future;
  ServiceLog log(InMemory());
  log.Append(kPid, "1\n2\n3\n");
  log.Follow(2, /*follow=*/true, all.Write(), all.Finish());
  log.Follow(0, /*follow=*/true, future.Write(), future.Finish());
  log.Append(kPid, "4\n5\n");
  EXPECT_THAT(all.texts(), ElementsAre("2", "3", "4", "5"));
  EXPECT_THAT(future.texts(), ElementsAre("4", "5"));
  EXPECT_EQ(all.status(), std::nullopt);
}

TEST(ServiceLogFollowersTest, GetOneLineAtATime) {
  Reader past(/*takes=*/false), reader(/*takes=*/false);
  ServiceLog log(InMemory());
  log.Append(kPid, "1\n2\n");
  log.Follow(9, /*follow=*/false, past.Write(), past.Finish());
  log.Follow(9, /*follow=*/true, reader.Write(), reader.Finish());
  log.Append(kPid, "3\n");
  EXPECT_THAT(reader.texts(), ElementsAre("1"));
  reader.Answer(true);
  reader.Answer(true);
  EXPECT_THAT(reader.texts(), ElementsAre("1", "2", "3"));
  past.Answer(true);
  EXPECT_THAT(past.texts(), ElementsAre("1", "2"));
  EXPECT_EQ(past.status(), std::nullopt);
  past.Answer(true);
  EXPECT_EQ(past.status(), absl::OkStatus());
}

TEST(ServiceLogFollowersTest, AreDroppedIfTheyDoNotRead) {
  Reader slow(/*takes=*/false), other;
  ServiceLog log(InMemory());
  log.Follow(0, /*follow=*/true, slow.Write(), slow.Finish());
  log.Follow(0, /*follow=*/true, other.Write(), other.Finish());
  for (size_t i = 0; i <= LogFollower::kMostWaiting; ++i) {
    EXPECT_EQ(slow.status(), std::nullopt);
    log.Append(kPid, "x\n");
  }
  EXPECT_EQ(slow.status(), std::nullopt);
  log.Append(kPid, "x\n");
  ASSERT_NE(slow.status(), std::nullopt);
  EXPECT_EQ(slow.status()->code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(slow.status()->message(),
            "2048 lines were not read in time, and are lost: ask for them "
            "again");
  slow.Answer(true);  // it is late
  EXPECT_THAT(slow.texts(), SizeIs(1));
  EXPECT_THAT(other.texts(), SizeIs(LogFollower::kMostWaiting + 2));
}

TEST(ServiceLogFollowersTest, AreBoundedInBytes) {
  Reader slow(/*takes=*/false);
  ServiceLog log(InMemory());
  log.Follow(0, /*follow=*/true, slow.Write(), slow.Finish());
  const std::string line(ServiceLog::kMostOfLine, 'x');
  for (size_t i = 0; i <= LogFollower::kMostWaitingBytes / line.size(); ++i) {
    log.Append(kPid, line + "\n");
    EXPECT_EQ(slow.status(), std::nullopt);
  }
  log.Append(kPid, line + "\n");
  EXPECT_NE(slow.status(), std::nullopt);
}

TEST(ServiceLogFollowersTest, AreForgotten) {
  Reader gone(/*takes=*/false), unfollowed(/*takes=*/false), other;
  ServiceLog log(InMemory());
  log.Follow(0, /*follow=*/true, gone.Write(), gone.Finish());
  const uint64_t id =
      log.Follow(0, /*follow=*/true, unfollowed.Write(), unfollowed.Finish());
  log.Follow(0, /*follow=*/true, other.Write(), other.Finish());
  log.Append(kPid, "1\n2\n");
  gone.Answer(false);
  log.Unfollow(id);
  log.Unfollow(id);
  log.Append(kPid, "3\n");
  unfollowed.Answer(true);
  EXPECT_THAT(gone.texts(), ElementsAre("1"));
  EXPECT_EQ(gone.status(), std::nullopt);
  EXPECT_THAT(unfollowed.texts(), ElementsAre("1"));
  EXPECT_EQ(unfollowed.status(), std::nullopt);
  EXPECT_THAT(other.texts(), ElementsAre("1", "2", "3"));
}

TEST(ServiceLogFollowersTest, MayUnfollowWhileTheyGetALine) {
  ServiceLog log(InMemory());
  uint64_t id = 0;
  int lines = 0;
  id = log.Follow(
      0, /*follow=*/true,
      [&](const v1::LogLine&, const ServiceLog::Written&) {
        ++lines;
        log.Unfollow(id);
      },
      [](const absl::Status&) { FAIL(); });
  log.Append(kPid, "1\n2\n");
  EXPECT_EQ(lines, 1);
}

TEST(ServiceLogFollowersTest, EndWithTheLog) {
  Reader reader, slow(/*takes=*/false);
  {
    ServiceLog log(InMemory());
    log.Follow(0, /*follow=*/true, reader.Write(), reader.Finish());
    log.Follow(0, /*follow=*/true, slow.Write(), slow.Finish());
    log.Append(kPid, "1\n2\n");
  }
  EXPECT_EQ(reader.status(),
            absl::UnavailableError("the service store is not hosted any more"));
  EXPECT_EQ(slow.status(), std::nullopt);
  slow.Answer(true);
  slow.Answer(true);
  EXPECT_THAT(slow.texts(), ElementsAre("1", "2"));
  EXPECT_EQ(slow.status(), reader.status());
}

// systemd's journal.
class FakeJournal {
 public:
  explicit FakeJournal(const std::string& path)
      : socket_(testing::BoundSocket(SOCK_DGRAM, path)) {}

  // The fields of the next entry, if one has been sent.
  std::map<std::string, std::string> Read() {
    std::string datagram(1 << 16, '\0');
    const ssize_t size =
        recv(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (size < 0) return {};
    datagram.resize(static_cast<size_t>(size));
    std::map<std::string, std::string> fields;
    while (!datagram.empty()) {
      const size_t end = datagram.find('\n');
      const size_t equals = datagram.substr(0, end).find('=');
      if (equals != std::string::npos) {
        fields[datagram.substr(0, equals)] =
            datagram.substr(equals + 1, end - equals - 1);
        datagram.erase(0, end + 1);
        continue;
      }
      const std::string name = datagram.substr(0, end);
      uint64_t length = 0;
      for (size_t i = 8; i > 0; --i) {
        length = length << 8 | static_cast<uint8_t>(datagram[end + i]);
      }
      fields[name] = datagram.substr(end + 9, length);
      EXPECT_EQ(datagram.at(end + 9 + length), '\n');
      datagram.erase(0, end + 10 + length);
    }
    return fields;
  }
  std::string ReadMessage() { return Read()["MESSAGE"]; }

 private:
  UniqueFd socket_;
};

TEST(ServiceLogJournalTest, GetsTheLines) {
  TempDir dir;
  FakeJournal journal(dir.file("journal"));
  ServiceLog log({.name = "store",
                  .settings = {},
                  .directory = dir.path(),
                  .journal_socket = dir.file("journal")});
  log.Append(kPid, "hello=\x01 world\n<3>it fails\n<9>text\n\n");
  EXPECT_EQ(journal.Read(),
            (std::map<std::string, std::string>{{"MESSAGE", "hello=\x01 world"},
                                                {"PRIORITY", "6"},
                                                {"SYSLOG_IDENTIFIER", "store"},
                                                {"SYSLOG_PID", "4711"},
                                                {"OBJECT_PID", "4711"}}));
  auto fields = journal.Read();
  EXPECT_EQ(fields["MESSAGE"], "it fails");
  EXPECT_EQ(fields["PRIORITY"], "3");
  EXPECT_EQ(journal.ReadMessage(), "<9>text");
  EXPECT_EQ(journal.Read()["MESSAGE"], "");
  EXPECT_THAT(journal.Read(), IsEmpty());
  EXPECT_THAT(LastTexts(log),
              ElementsAre("hello=\x01 world", "<3>it fails", "<9>text", ""));
  EXPECT_FALSE(std::filesystem::exists(dir.file("store.log")));
}

TEST(ServiceLogJournalTest, TakesTheLongestLine) {
  TempDir dir;
  FakeJournal journal(dir.file("journal"));
  ServiceLog log({.name = "store",
                  .settings = {},
                  .directory = "",
                  .journal_socket = dir.file("journal")});
  const std::string line(ServiceLog::kMostOfLine, 'x');
  log.Append(kPid, line + "\n");
  EXPECT_EQ(journal.ReadMessage(), line);
}

TEST(ServiceLogJournalTest, IsNotWaitedFor) {
  TempDir dir;
  FakeJournal journal(dir.file("journal"));
  ServiceLog log({.name = "store",
                  .settings = {},
                  .directory = "",
                  .journal_socket = dir.file("journal"),
                  .max_lines = 10'000});
  // Until its queue is full, and three more.
  int sent = 0;
  const auto last = [&] { return LastTexts(log, 1).front(); };
  do {
    log.Append(kPid, absl::StrCat(sent++, "\n"));
    ASSERT_LT(sent, 5000);
  } while (!last().starts_with("fdrpc-host: "));
  EXPECT_EQ(
      last(),
      absl::StrCat("fdrpc-host: from here on lines are kept in memory "
                   "only: the journal at ",
                   dir.file("journal"), ": Resource temporarily unavailable"));
  log.Append(kPid, "a\nb\n");
  EXPECT_EQ(last(), "b");
  for (int i = 0; i < sent - 1; ++i) {
    EXPECT_EQ(journal.ReadMessage(), absl::StrCat(i));
  }
  EXPECT_THAT(journal.Read(), IsEmpty());
  log.Append(kPid, "c\nd\n");
  EXPECT_EQ(journal.ReadMessage(), "fdrpc-host: here 3 lines are missing");
  EXPECT_EQ(journal.ReadMessage(), "c");
  EXPECT_EQ(journal.ReadMessage(), "d");
}

TEST(ServiceLogJournalTest, MayBeRestarted) {
  TempDir dir;
  std::optional<FakeJournal> journal(dir.file("journal"));
  ServiceLog log({.name = "store",
                  .settings = {.destination = v1::Log::DESTINATION_JOURNAL},
                  .directory = "",
                  .journal_socket = dir.file("journal")});
  log.Append(kPid, "1\n");
  EXPECT_EQ(journal->ReadMessage(), "1");
  journal.reset();
  log.Append(kPid, "2\n");  // refused
  ASSERT_EQ(unlink(dir.file("journal").c_str()), 0);
  log.Append(kPid, "3\n");  // not found
  EXPECT_THAT(
      LastTexts(log),
      ElementsAre("1", "2", EndsWith("/journal: Connection refused"), "3"));
  journal.emplace(dir.file("journal"));
  log.Append(kPid, "4\n");
  EXPECT_EQ(journal->ReadMessage(), "fdrpc-host: here 2 lines are missing");
  EXPECT_EQ(journal->ReadMessage(), "4");
}

// A log in files of a directory.
class ServiceLogFileTest : public ::testing::Test {
 protected:
  ServiceLog::Options Options() const {
    return {.name = "store",
            .settings = {.destination = v1::Log::DESTINATION_FILE},
            .directory = dir_.path(),
            .journal_socket = dir_.file("no-journal")};
  }
  std::string path(const std::string& suffix = "") const {
    return dir_.file("store.log" + suffix);
  }
  // The texts of a file's lines, whose times and process ids are checked.
  std::vector<std::string> TextsIn(const std::string& suffix = "") const {
    std::ifstream file(path(suffix));
    std::vector<std::string> texts;
    for (std::string line; std::getline(file, line);) {
      const std::vector<std::string> parts =
          absl::StrSplit(line, absl::MaxSplits(' ', 2));
      EXPECT_THAT(parts, SizeIs(3)) << line;
      if (parts.size() != 3) continue;
      absl::Time time;
      std::string error;
      EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, parts[0], &time, &error))
          << error;
      texts.push_back(parts[2]);
    }
    return texts;
  }

  TempDir dir_;
};

TEST_F(ServiceLogFileTest, HasTheLines) {
  ServiceLog log(Options());
  log.Append(kPid, "one\n<3>two\n");
  log.Append(kPid, "unfinished");
  EXPECT_THAT(TextsIn(), ElementsAre("one", "<3>two"));
  std::ifstream file(path());
  std::string line;
  std::getline(file, line);
  EXPECT_THAT(line, AllOf(HasSubstr("Z 4711 one"), SizeIs(27 + 9)));
}

TEST_F(ServiceLogFileTest, IsUsedWithoutAJournal) {
  ServiceLog::Options options = Options();
  options.settings.destination = v1::Log::DESTINATION_AUTOMATIC;
  ServiceLog log(options);
  log.Append(kPid, "one\n");
  EXPECT_THAT(TextsIn(), ElementsAre("one"));
}

TEST_F(ServiceLogFileTest, IsContinued) {
  { ServiceLog(Options()).Append(kPid, "one\n"); }
  { ServiceLog(Options()).Append(kPid, "two\n"); }
  EXPECT_THAT(TextsIn(), ElementsAre("one", "two"));
}

TEST_F(ServiceLogFileTest, IsRotated) {
  ServiceLog::Options options = Options();
  options.settings.max_size = 80;  // two lines of 35 bytes
  options.settings.files = 2;
  ServiceLog log(options);
  log.Append(kPid, "11\n12\n");
  EXPECT_FALSE(std::filesystem::exists(path(".1")));
  log.Append(kPid, "21\n22\n31\n");
  EXPECT_THAT(TextsIn(), ElementsAre("31"));
  EXPECT_THAT(TextsIn(".1"), ElementsAre("21", "22"));
  EXPECT_THAT(TextsIn(".2"), ElementsAre("11", "12"));
  log.Append(kPid, "32\n41\n");
  EXPECT_THAT(TextsIn(), ElementsAre("41"));
  EXPECT_THAT(TextsIn(".1"), ElementsAre("31", "32"));
  EXPECT_THAT(TextsIn(".2"), ElementsAre("21", "22"));
  EXPECT_FALSE(std::filesystem::exists(path(".3")));
  // One that is larger than the file may be.
  const std::string large(100, 'x');
  log.Append(kPid, large + "\n51\n");
  EXPECT_THAT(TextsIn(), ElementsAre("51"));
  EXPECT_THAT(TextsIn(".1"), ElementsAre(large));
}

TEST_F(ServiceLogFileTest, IsMadeAnewIfItIsRemoved) {
  ServiceLog log(Options());
  log.Append(kPid, "1\n");
  ASSERT_EQ(rename(path().c_str(), path(".moved").c_str()), 0);
  log.Append(kPid, "2\n");  // as logrotate expects
  EXPECT_THAT(TextsIn(".moved"), ElementsAre("1", "2"));
  ASSERT_EQ(unlink(path(".moved").c_str()), 0);
  log.Append(kPid, "3\n");
  EXPECT_THAT(TextsIn(), ElementsAre("3"));
}

TEST_F(ServiceLogFileTest, WaitsForItsDirectory) {
  ServiceLog::Options options = Options();
  options.directory = dir_.file("logs");
  ServiceLog log(options);
  log.Append(kPid, "1\n2\n");
  EXPECT_THAT(LastTexts(log),
              ElementsAre("1",
                          absl::StrCat("fdrpc-host: from here on lines are "
                                       "kept in memory only: ",
                                       dir_.file("logs"),
                                       "/store.log: No such file or directory"),
                          "2"));
  ASSERT_EQ(mkdir(options.directory.c_str(), 0700), 0);
  log.Append(kPid, "3\n");
  EXPECT_THAT(TextsIn(), IsEmpty());
  std::ifstream file(options.directory + "/store.log");
  std::string gap, line;
  std::getline(file, gap);
  std::getline(file, line);
  EXPECT_THAT(gap, EndsWith("fdrpc-host: here 2 lines are missing"));
  EXPECT_THAT(line, EndsWith(" 3"));
}

TEST_F(ServiceLogFileTest, SurvivesAFullDisk) {
  ServiceLog log(Options());
  log.Append(kPid, "11\n");
  const auto size = std::filesystem::file_size(path());
  {
    // A limit has the same effect: the next line fits in half.
    signal(SIGXFSZ, SIG_IGN);
    rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit full = {.rlim_cur = size + size / 2,
                         .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &full);
    log.Append(kPid, "12\n13\n");
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_DFL);
  }
  EXPECT_THAT(TextsIn(), ElementsAre("11"));
  EXPECT_THAT(
      LastTexts(log),
      ElementsAre("11", "12", EndsWith("/store.log: File too large"), "13"));
  log.Append(kPid, "14\n");
  EXPECT_THAT(TextsIn(),
              ElementsAre("11", "fdrpc-host: here 2 lines are missing", "14"));
}

TEST_F(ServiceLogFileTest, IsNoLinkAndNoPipe) {
  ASSERT_EQ(symlink("elsewhere", path().c_str()), 0);
  ServiceLog log(Options());
  log.Append(kPid, "1\n");
  EXPECT_FALSE(std::filesystem::exists(dir_.file("elsewhere")));
  ASSERT_EQ(unlink(path().c_str()), 0);
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  const UniqueFd pipe(open(path().c_str(), O_RDONLY | O_NONBLOCK));
  log.Append(kPid, "2\n");
  char byte;
  EXPECT_EQ(read(pipe.get(), &byte, 1), 0);
  EXPECT_THAT(
      LastTexts(log),
      ElementsAre("1", EndsWith("Too many levels of symbolic links"), "2"));
}

TEST_F(ServiceLogFileTest, IsNotAnotherNameOfAFile) {
  const std::string precious = dir_.file("precious");
  std::ofstream(precious) << "as it was";
  ASSERT_EQ(link(precious.c_str(), path().c_str()), 0);
  ServiceLog log(Options());
  log.Append(kPid, "1\n");
  EXPECT_THAT(LastTexts(log),
              Contains(HasSubstr("has another name: remove it")));
  std::ifstream file(precious);
  std::string content;
  std::getline(file, content);
  EXPECT_EQ(content, "as it was");
}

TEST_F(ServiceLogFileTest, NeedsADirectory) {
  ServiceLog::Options options = Options();
  options.directory = "";
  ServiceLog log(options);
  log.Append(kPid, "1\n");
  EXPECT_THAT(LastTexts(log),
              ElementsAre("fdrpc-host: its log cannot be a file, as the host "
                          "has no log directory",
                          "1"));
}

TEST_F(ServiceLogFileTest, CanBeChosenLater) {
  ServiceLog log(Options());
  log.Append(kPid, "1\n");
  log.Configure({.destination = v1::Log::DESTINATION_NONE});
  log.Append(kPid, "2\n");
  log.Configure({.destination = v1::Log::DESTINATION_FILE});
  log.Append(kPid, "3\n");
  EXPECT_THAT(TextsIn(), ElementsAre("1", "3"));
  EXPECT_THAT(LastTexts(log), ElementsAre("1", "2", "3"));
}

}  // namespace
}  // namespace fdrpc::host
