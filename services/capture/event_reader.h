#ifndef FDRPC_SERVICES_CAPTURE_EVENT_READER_H_
#define FDRPC_SERVICES_CAPTURE_EVENT_READER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/descriptor_info.h"
#include "fdrpc/metadata.h"
#include "services/capture/record.h"
#include "services/capture/recording_reader.h"

namespace fdrpc {
struct FrameHeader;
}

namespace fdrpc::capture {

// What a recording says, at the level of calls.
struct Event {
  enum class Kind {
    kConnected,  // client
    kOpen,       // a call begins: method, one_way, timeout_ns, metadata
    kMessage,    // a whole one: message, descriptors
    kHalfClose,  // of a stream of requests
    kHeaders,    // metadata
    kStatus,     // a call ends: status, metadata (its trailers), duration_ns
    kCancel,     // by the client: duration_ns
    kNote,       // another thing that is worth a line: text
    kEnded,      // the connection: text
    kSchema,     // message: a google.protobuf.FileDescriptorSet
  };

  Kind kind = Kind::kNote;
  uint64_t time_ns = 0;  // since 1970
  Direction direction = Direction::kNone;
  uint32_t connection = 0;  // 0: a call without a connection
  // Of a call; its id, and "package.Service/Method".
  uint32_t call = 0;
  std::string method;
  bool one_way = false;
  std::optional<uint64_t> timeout_ns;
  Metadata metadata;
  std::string message;
  std::vector<DescriptorInfo> descriptors;
  absl::Status status;
  uint64_t duration_ns = 0;
  std::string text;
  ConnectedContent client;
};

// Reads a recording as events.
class EventReader {
 public:
  explicit EventReader(RecordingReader reader) : reader_(std::move(reader)) {}

  // Empty at the end; errors of RecordingReader::Next(). What the recorded
  // processes have done wrong is a note.
  absl::StatusOr<std::optional<Event>> Next();

 private:
  struct Call {
    std::string method;
    uint64_t begin_ns = 0;
    bool has_one_request = false;
    // The parts of a message, of each side.
    std::string parts[2];
    std::vector<DescriptorInfo> part_descriptors[2];
  };
  struct Connection {
    std::map<uint32_t, std::string> methods;
    std::map<uint32_t, Call> calls;
  };

  void OnRecord(const Record& record);
  void OnConnected(const Record& record);
  void OnFrame(const Record& record, const FrameHeader& header,
               std::string_view payload);
  void OnDatagram(const Record& record);
  absl::Status OnOpen(const Record& record, const FrameHeader& header,
                      std::string_view payload, const std::string& method);
  absl::Status OnFrameOfCall(const Record& record, const FrameHeader& header,
                             std::string_view payload, Call& call);
  absl::Status OnStatus(const Record& record, const FrameHeader& header,
                        std::string_view payload, Call& call);
  void OnPiece(const Record& record, uint32_t id, Call& call,
               std::string_view piece, bool more);
  // The event of a record, which Next() returns later.
  Event& Add(const Record& record, Event::Kind kind);
  Event& AddOfCall(const Record& record, Event::Kind kind, uint32_t id,
                   const Call& call);
  void AddNote(const Record& record, std::string text);

  RecordingReader reader_;
  std::deque<Event> events_;
  std::map<uint32_t, Connection> connections_;
  // Those in datagrams, by their key and number.
  std::map<std::pair<uint64_t, uint64_t>, uint32_t> datagram_calls_;
  uint32_t last_datagram_call_ = 0;
};

}  // namespace fdrpc::capture

#endif  // FDRPC_SERVICES_CAPTURE_EVENT_READER_H_
