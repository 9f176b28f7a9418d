// The files of recordings.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/capture/event_reader.h"
#include "services/capture/recording_reader.h"
#include "services/capture/recording_writer.h"
#include "tests/support/files.h"
#include "tests/support/raw_frame.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using capture::Direction;
using capture::Event;
using capture::EventReader;
using capture::Record;
using capture::RecordingReader;
using capture::RecordingWriter;
using capture::RecordKind;
using ::testing::HasSubstr;

class RecordingTest : public ::testing::Test {
 protected:
  RecordingWriter NewWriter() {
    absl::StatusOr<RecordingWriter> writer =
        RecordingWriter::Create(file_, "unix:/x");
    EXPECT_TRUE(writer.ok()) << writer.status();
    return *std::move(writer);
  }
  std::string Bytes() const {
    std::ifstream stream(file_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }
  void Rewrite(const std::string& bytes) const {
    std::ofstream(file_, std::ios::binary) << bytes;
  }
  // All records up to the end or the first mistake, which is the result.
  absl::Status ReadAll(std::vector<Record>& records) const {
    absl::StatusOr<RecordingReader> reader = RecordingReader::Open(file_);
    if (!reader.ok()) return reader.status();
    while (true) {
      absl::StatusOr<std::optional<Record>> record = reader->Next();
      if (!record.ok()) return record.status();
      if (!record->has_value()) return absl::OkStatus();
      records.push_back(**std::move(record));
    }
  }
  std::vector<Event> Events() const {
    absl::StatusOr<RecordingReader> reader = RecordingReader::Open(file_);
    EXPECT_TRUE(reader.ok());
    EventReader events(*std::move(reader));
    std::vector<Event> all;
    while (true) {
      absl::StatusOr<std::optional<Event>> event = events.Next();
      EXPECT_TRUE(event.ok()) << event.status();
      if (!event.ok() || !event->has_value()) return all;
      all.push_back(**std::move(event));
    }
  }
  static void AddFrame(RecordingWriter& writer, Direction direction,
                       const RawFrame& frame) {
    writer.Add(RecordKind::kFrame, direction, 1, {}, frame.Bytes());
  }

  const TempDir dir_;
  const std::string file_ = dir_.file("recording");
};

TEST_F(RecordingTest, ReadsWhatWasWritten) {
  RecordingWriter writer = NewWriter();
  DescriptorInfo file;
  file.kind = DescriptorKind::kRegularFile;
  file.access = DescriptorAccess::kWrite;
  file.nonblocking = true;
  file.size = uint64_t{1} << 40;
  file.device = 7;
  file.inode = 9;
  writer.Add(RecordKind::kFrame, Direction::kFromClient, 3, {file, {}}, "head",
             "payload");
  // In several packets.
  const std::string large(1'000'001, 'x');
  writer.Add(RecordKind::kFrame, Direction::kFromServer, 3, {file}, large);
  writer.Add(RecordKind::kEnded, Direction::kNone, 0xffffffff, {}, "");
  ASSERT_TRUE(writer.Flush().ok());

  std::vector<Record> records;
  ASSERT_TRUE(ReadAll(records).ok());
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].kind, RecordKind::kFrame);
  EXPECT_EQ(records[0].direction, Direction::kFromClient);
  EXPECT_EQ(records[0].connection, 3u);
  EXPECT_EQ(records[0].content, "headpayload");
  ASSERT_EQ(records[0].descriptors.size(), 2u);
  const DescriptorInfo& read = records[0].descriptors[0];
  EXPECT_EQ(read.kind, file.kind);
  EXPECT_EQ(read.access, file.access);
  EXPECT_TRUE(read.nonblocking);
  EXPECT_EQ(read.size, file.size);
  EXPECT_EQ(read.device, 7u);
  EXPECT_EQ(read.inode, 9u);
  EXPECT_EQ(records[1].content, large);
  EXPECT_EQ(records[1].descriptors.size(), 1u);
  EXPECT_GE(records[1].time_ns, records[0].time_ns);
  EXPECT_EQ(records[2].kind, RecordKind::kEnded);
  EXPECT_EQ(records[2].connection, 0xffffffff);
}

TEST_F(RecordingTest, AFileThatWasThereIsForItsOwnerAlone) {
  Rewrite("former content");
  ASSERT_EQ(chmod(file_.c_str(), 0644), 0);
  std::ifstream opened_before(file_, std::ios::binary);
  RecordingWriter writer = NewWriter();
  struct stat info;
  ASSERT_EQ(stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(info.st_size, 0);
  ASSERT_TRUE(writer.Flush().ok());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(opened_before), {}),
            "former content");
}

TEST_F(RecordingTest, IsWrittenOverNoFileThatALinkLeadsTo) {
  Rewrite("content");
  const std::string link = dir_.file("link");
  ASSERT_EQ(symlink(file_.c_str(), link.c_str()), 0);
  EXPECT_THAT(std::string(RecordingWriter::Create(link, "").status().message()),
              HasSubstr("is a link; name the file itself"));
  EXPECT_EQ(Bytes(), "content");
  ASSERT_EQ(unlink(file_.c_str()), 0);
  EXPECT_EQ(RecordingWriter::Create(link, "").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(RecordingTest, DoesNotBecomeAnotherUsers) {
  if (geteuid() != 0) GTEST_SKIP() << "takes a second user";
  const std::string link = dir_.file("link");
  const std::string pipe = dir_.file("pipe");
  ASSERT_EQ(symlink("/dev/null", link.c_str()), 0);
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const UniqueFd reader(open(pipe.c_str(), O_RDONLY | O_NONBLOCK));
  Rewrite("content");
  for (const std::string& name : {link, pipe, file_}) {
    if (name != file_) {
      EXPECT_TRUE(RecordingWriter::Create(name, "").ok());
    }
    ASSERT_EQ(lchown(name.c_str(), 12345, 12345), 0);
    const absl::Status status = RecordingWriter::Create(name, "").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << name;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(name + " belongs to user 12345"));
  }
  EXPECT_EQ(Bytes(), "content");
}

TEST_F(RecordingTest, APipeHasToHaveAReader) {
  ASSERT_EQ(mkfifo(file_.c_str(), 0600), 0);
  EXPECT_THAT(
      std::string(RecordingWriter::Create(file_, "").status().message()),
      HasSubstr("nobody has it open for reading"));
}

TEST_F(RecordingTest, IsCutOffIfNobodyReadsItAtTheStop) {
  auto [reader, to_reader] = Pipe();
  auto [stop, to_stop] = Pipe();
  absl::StatusOr<RecordingWriter> writer = RecordingWriter::Create(
      absl::StrCat("/dev/fd/", to_reader.get()), "", stop.get());
  ASSERT_TRUE(writer.ok()) << writer.status();
  // Less than the pipe takes.
  writer->Add(RecordKind::kEnded, Direction::kNone, 1, {}, "end");
  ASSERT_EQ(write(to_stop.get(), "x", 1), 1);
  EXPECT_TRUE(writer->Flush().ok());
  writer->Add(RecordKind::kFrame, Direction::kFromServer, 1, {},
              std::string(300'000, 'x'));
  const absl::Status status = writer->Flush();
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("is cut off"));
}

TEST_F(RecordingTest, ATimeThatIsNoTimeIsDamage) {
  RecordingWriter writer = NewWriter();
  writer.Add(RecordKind::kEnded, Direction::kNone, 1, {}, "end");
  ASSERT_TRUE(writer.Flush().ok());
  std::string bytes = Bytes();
  bytes.replace(bytes.find("FDRR") - 16, 4, "\xff\xff\xff\xff");
  Rewrite(bytes);
  std::vector<Record> records;
  EXPECT_THAT(std::string(ReadAll(records).message()),
              HasSubstr("a packet has a time after the year 2261"));
}

TEST_F(RecordingTest, SaysWhereItIsCutOff) {
  RecordingWriter writer = NewWriter();
  AddFrame(writer, Direction::kFromClient, RawHello().Frame());
  writer.Add(RecordKind::kFrame, Direction::kFromServer, 1, {},
             std::string(300'000, 'x'));
  ASSERT_TRUE(writer.Flush().ok());
  const std::string bytes = Bytes();
  std::vector<Record> whole;
  ASSERT_TRUE(ReadAll(whole).ok());
  ASSERT_EQ(whole.size(), 2u);
  for (size_t size = 0; size < bytes.size(); size += size < 400 ? 1 : 9973) {
    Rewrite(bytes.substr(0, size));
    std::vector<Record> records;
    const absl::Status status = ReadAll(records);
    EXPECT_LT(records.size(), whole.size()) << size;
    if (status.ok()) continue;  // between two records
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << size;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat(file_, ": offset ")));
  }
}

TEST_F(RecordingTest, NoDamageDoesHarm) {
  RecordingWriter writer = NewWriter();
  AddFrame(writer, Direction::kFromClient, RawHello().Frame());
  AddFrame(writer, Direction::kFromClient, MethodFrame(1, "a.B/C"));
  AddFrame(writer, Direction::kFromClient, OpenFrame(1, 1, "request"));
  AddFrame(writer, Direction::kFromServer, StatusFrame(1, 5, "text"));
  ASSERT_TRUE(writer.Flush().ok());
  const std::string bytes = Bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const uint8_t change : {0x01, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      Rewrite(damaged);
      absl::StatusOr<RecordingReader> reader = RecordingReader::Open(file_);
      ASSERT_TRUE(reader.ok());
      EventReader events(*std::move(reader));
      absl::StatusOr<std::optional<Event>> event = events.Next();
      for (int n = 0; event.ok() && event->has_value(); ++n) {
        ASSERT_LT(n, 100);
        event = events.Next();
      }
      if (!event.ok()) {
        EXPECT_EQ(event.status().code(), absl::StatusCode::kDataLoss);
      }
    }
  }
}

TEST_F(RecordingTest, SkipsWhatOtherProgramsAdd) {
  RecordingWriter writer = NewWriter();
  writer.Add(RecordKind::kEnded, Direction::kNone, 1, {}, "why");
  ASSERT_TRUE(writer.Flush().ok());
  // An unknown block, and a packet of another interface.
  Rewrite(Bytes() + Bytes32(0xbad) + Bytes32(16) + "abcd" + Bytes32(16) +
          Bytes32(1) + Bytes32(20) + Bytes16(1) + Bytes16(0) + Bytes32(0) +
          Bytes32(20) + Bytes32(6) + Bytes32(36) + Bytes32(1) + Bytes32(0) +
          Bytes32(0) + Bytes32(4) + Bytes32(4) + "abcd" + Bytes32(36));
  std::vector<Record> records;
  const absl::Status status = ReadAll(records);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(records.size(), 1u);
}

TEST_F(RecordingTest, JoinsThePiecesOfMessages) {
  RecordingWriter writer = NewWriter();
  AddFrame(writer, Direction::kFromClient, MethodFrame(1, "a.B/C"));
  RawFrame open = OpenFrame(7, 1, "one ");
  open.flags = RawFrame::kHasMessage | RawFrame::kMore;
  AddFrame(writer, Direction::kFromClient, open);
  AddFrame(writer, Direction::kFromServer, PingFrame(3));
  AddFrame(writer, Direction::kFromClient,
           {.type = RawFrame::kMessage,
            .call = 7,
            .flags = RawFrame::kHasMessage | RawFrame::kHalfClose,
            .payload = "two"});
  AddFrame(writer, Direction::kFromServer, ReplyFrame(7, "reply"));
  // Of a call that has ended.
  AddFrame(writer, Direction::kFromServer, ReplyFrame(7, "reply"));
  ASSERT_TRUE(writer.Flush().ok());
  const std::vector<Event> events = Events();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].kind, Event::Kind::kOpen);
  EXPECT_EQ(events[0].method, "a.B/C");
  EXPECT_EQ(events[1].kind, Event::Kind::kMessage);
  EXPECT_EQ(events[1].message, "one two");
  EXPECT_EQ(events[1].call, 7u);
  EXPECT_EQ(events[2].message, "reply");
  EXPECT_EQ(events[3].kind, Event::Kind::kStatus);
  EXPECT_TRUE(events[3].status.ok());
}

TEST_F(RecordingTest, MistakesOfTheRecordedProcessesAreNotes) {
  RecordingWriter writer = NewWriter();
  AddFrame(writer, Direction::kFromClient, OpenFrame(1, 5, "unnamed"));
  AddFrame(writer, Direction::kFromServer, CancelFrame(1));
  AddFrame(writer, Direction::kFromClient, {.type = 0xf0});
  writer.Add(RecordKind::kFrame, Direction::kFromClient, 1, {}, "short");
  writer.Add(RecordKind::kDatagram, Direction::kFromClient, 0, {}, "FDRCshort");
  ASSERT_TRUE(writer.Flush().ok());
  std::vector<std::string> notes;
  for (const Event& event : Events()) {
    EXPECT_EQ(event.kind, Event::Kind::kNote);
    notes.push_back(event.text);
  }
  EXPECT_THAT(notes,
              ::testing::ElementsAre(
                  HasSubstr("a method that was not named"),
                  HasSubstr("a mistake: "), HasSubstr("unknown type 240"),
                  "a frame is cut off", HasSubstr("a mistake: ")));
}

}  // namespace
}  // namespace fdrpc::testing
