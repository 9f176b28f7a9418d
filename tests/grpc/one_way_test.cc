// One-way calls, which are unary ones in gRPC.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/grpc/channel.h"
#include "fdrpc/grpc/forwarding_service.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "google/protobuf/empty.pb.h"
#include "notes.fdrpc.h"
#include "tests/grpc/served_over_grpc.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

class KeptNotes final : public Notes::Service {
 public:
  absl::Status Keep(ServerContext&, const Note& note) override {
    if (note.text().empty()) return absl::InvalidArgumentError("no text");
    kept.set_value(note.text());
    return absl::OkStatus();
  }

  std::promise<std::string> kept;  // one note
};

class OneWayOverGrpc : public ::testing::Test {
 protected:
  OneWayOverGrpc() {
    server_.AddService(notes_);
    over_grpc_.emplace(server_);
    EXPECT_TRUE(server_.Start().ok());
  }

  static Note NoteOf(const std::string& text) {
    Note note;
    note.set_text(text);
    return note;
  }
  Notes::Stub Stub() const {
    return Notes::Stub(grpc::Channel(over_grpc_->channel()));
  }
  std::string Kept() { return notes_.kept.get_future().get(); }
  // With a client of gRPC's.
  ::grpc::Status KeepByGrpc(const Note& note) {
    ::grpc::TemplatedGenericStub<Note, google::protobuf::Empty> stub(
        over_grpc_->channel());
    ::grpc::ClientContext context;
    google::protobuf::Empty reply;
    std::promise<::grpc::Status> done;
    stub.UnaryCall(
        &context, "/fdrpc.testing.Notes/Keep", {}, &note, &reply,
        [&](::grpc::Status status) { done.set_value(std::move(status)); });
    return done.get_future().get();
  }

  KeptNotes notes_;
  Server server_;
  std::optional<ServedOverGrpc> over_grpc_;
};

TEST_F(OneWayOverGrpc, EndsWithTheReply) {
  EXPECT_EQ(Stub().Keep(NoteOf("blocking")), absl::OkStatus());
  EXPECT_EQ(Kept(), "blocking");
}

TEST_F(OneWayOverGrpc, InACallback) {
  std::promise<absl::Status> done;
  Stub().async().Keep(NoteOf("callback"), {}, [&](absl::Status status) {
    done.set_value(std::move(status));
  });
  EXPECT_EQ(done.get_future().get(), absl::OkStatus());
  EXPECT_EQ(Kept(), "callback");
}

TEST_F(OneWayOverGrpc, InACoroutine) {
  std::promise<absl::Status> done;
  const auto run = [](Notes::Stub stub,
                      std::promise<absl::Status>& done) -> Task<void> {
    const absl::Status status = co_await stub.co().Keep(NoteOf("coroutine"));
    done.set_value(status);
  };
  Spawn(run(Stub(), done));
  EXPECT_EQ(done.get_future().get(), absl::OkStatus());
  EXPECT_EQ(Kept(), "coroutine");
}

// Which one over a socket does not.
TEST_F(OneWayOverGrpc, ReturnsTheHandlersStatus) {
  EXPECT_TRUE(absl::IsInvalidArgument(Stub().Keep(Note())));
}

TEST_F(OneWayOverGrpc, OfAClientOfGrpcsOwn) {
  const ::grpc::Status status = KeepByGrpc(NoteOf("grpc"));
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Kept(), "grpc");
  EXPECT_EQ(KeepByGrpc(Note()).error_code(),
            ::grpc::StatusCode::INVALID_ARGUMENT);
}

// From a socket to gRPC.
TEST_F(OneWayOverGrpc, ThroughAForwardingService) {
  const TempDir dir;
  const std::string address = "unix:" + dir.path() + "/socket";
  Server gateway;
  gateway.AddService(std::make_unique<grpc::ForwardingService>(
      *Note::descriptor()->file()->service(0),
      grpc::Channel(over_grpc_->channel())));
  ASSERT_TRUE(gateway.Listen(address).ok());
  ASSERT_TRUE(gateway.Start().ok());
  const Notes::Stub stub(*Channel::Connect(address));
  EXPECT_EQ(stub.Keep(NoteOf("forwarded")), absl::OkStatus());
  EXPECT_EQ(Kept(), "forwarded");
}

}  // namespace
}  // namespace fdrpc::testing
