// Descriptors in fields of every shape, in both directions, and as many as the
// receiver accepts: in all forms, and in every message of a stream.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "fdrpc/task.h"
#include "tests/calls/calls_fixture.h"
#include "tests/calls/exchange.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/ruled_parcel.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

// What both sides accept with one message over a connection.
constexpr int kMost = 300;
// What fits into a datagram.
constexpr int kMostOfDatagram = 252;

class BlockingShapes final : public ShapesService::Service {
 public:
  absl::Status Exchange(ServerContext&, Parcel<Unruled>& request,
                        Parcel<Unruled>& reply) override {
    reply = std::move(request);
    return absl::OkStatus();
  }
};

class CallbackShapes final : public ShapesService::AsyncService {
 public:
  void Exchange(
      AsyncServerUnary<Parcel<Unruled>, Parcel<Unruled>> call) override {
    Parcel<Unruled> reply = std::move(call.request());
    call.Finish(std::move(reply));
  }
};

class CoroutineShapes final : public ShapesService::CoService {
 public:
  Task<absl::Status> Exchange(ServerContext&, Parcel<Unruled>& request,
                              Parcel<Unruled>& reply) override {
    reply = std::move(request);
    co_return absl::OkStatus();
  }
  Task<absl::Status> ExchangeAll(
      ServerContext&,
      CoServerStream<Parcel<Unruled>, Parcel<Unruled>>& stream) override {
    while (std::optional<Parcel<Unruled>> request = co_await stream.Read()) {
      if (!co_await stream.Write(std::move(*request))) break;
    }
    co_return absl::OkStatus();
  }
};

// Singular, optional, repeated, map value, oneof, nested and recursive.
Parcel<Unruled> OfEveryShape(bool left) {
  Parcel<Unruled> parcel;
  FillWell(parcel);
  parcel.set_perhaps(FileWith("perhaps"));
  if (left) {
    parcel.clear_event();
    parcel.set_sealed(FileWith("sealed"));
  }
  Unruled& deep = *parcel->mutable_inner()->mutable_inner();
  parcel.Attach(deep.mutable_file(), FileWith("deep"));
  parcel.Attach(deep.add_pipes(), Pipe().first);
  parcel.Attach(&(*deep.mutable_sockets())["b"], SocketPair().first);
  return parcel;
}

Parcel<Unruled> WithPipes(int count) {
  Parcel<Unruled> parcel;
  const SharedFd file(FileWith("a"));
  for (int i = 0; i < count; ++i) parcel.add_pipes(file);
  return parcel;
}

// Which file is in which field.
std::map<std::string, uint64_t> FieldsAndFiles(const ParcelBase& parcel) {
  std::map<std::string, uint64_t> files;
  for (const DescriptorInfo& info : parcel.ListDescriptors()) {
    EXPECT_GE(info.fd, 0) << info.field;
    files[info.field] = info.inode;
  }
  return files;
}

// The status of a message with one more than the most.
void ExpectTooMany(const absl::Status& status, int most = kMost) {
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(std::to_string(most + 1) + " descriptors exceeds"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("limit of " + std::to_string(most)));
}

class DescriptorShapesTest : public CallsTest {
 protected:
  void SetUp() override {
    CallsTest::SetUp();
    EXPECT_TRUE(Echo(Script("echo x")).ok());  // makes the process's loop
  }

  int most() const { return connected() ? kMost : kMostOfDatagram; }
  // One more than most() is refused.
  void ExpectRefused(const absl::Status& status) const {
    if (connected()) return ExpectTooMany(status);
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("253 descriptors, and a datagram takes 252"));
  }

  // Calls a server of its own with those limits.
  template <typename Calls>
  void WithServer(const ServerOptions& server_options,
                  const ChannelOptions& channel_options, Calls calls) {
    const DescriptorCensus before = TakeCensus();
    {
      BlockingShapes blocking;
      CallbackShapes callback;
      CoroutineShapes coroutine;
      Server shapes(server_options);
      if (server_form().name().starts_with("Blocking")) {
        shapes.AddService(blocking);
      } else if (server_form().name().starts_with("Callback")) {
        shapes.AddService(callback);
      } else {
        shapes.AddService(coroutine);
      }
      Link link(link_kind(), shapes);
      absl::StatusOr<Channel> channel = link.NewChannel(channel_options);
      ASSERT_TRUE(channel.ok() && link.Open().ok());
      ASSERT_TRUE((server_form().in_loop() ? shapes.Start(loop_->loop())
                                           : shapes.Start())
                      .ok());
      ShapesService::Stub stub(*channel);
      calls(stub);
    }
    EXPECT_EQ(TakeCensusExpecting(before), before);
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, DescriptorShapesTest, AllForms(), FormsName);
INSTANTIATE_TEST_SUITE_P(Datagrams, DescriptorShapesTest, UnaryForms(),
                         FormsName);

TEST_P(DescriptorShapesTest, EachComesBackInItsField) {
  WithServer({}, {}, [this](ShapesService::Stub& stub) {
    for (const bool left : {false, true}) {
      Parcel<Unruled> request = OfEveryShape(left);
      const std::map<std::string, uint64_t> files = FieldsAndFiles(request);
      EXPECT_EQ(files.size(), 10u);
      absl::StatusOr<Parcel<Unruled>> reply =
          Exchange(form(), stub, std::move(request));
      ASSERT_TRUE(reply.ok()) << reply.status();
      EXPECT_EQ(FieldsAndFiles(*reply), files);
      EXPECT_EQ(reply->has_sealed(), left);
      EXPECT_EQ(reply->has_event(), !left);
    }
  });
}

TEST_P(DescriptorShapesTest, AsManyAsTheServerAccepts) {
  WithServer(
      {.max_request_descriptors = kMost}, {},
      [this](ShapesService::Stub& stub) {
        for (const int count : {0, 1, 252, 253, 254, kMost}) {
          if (!connected() && count > kMostOfDatagram) break;
          const auto reply = Exchange(form(), stub, WithPipes(count));
          ASSERT_TRUE(reply.ok()) << count << ": " << reply.status();
          EXPECT_EQ(reply->pipes_size(), count);
        }
        ExpectRefused(Exchange(form(), stub, WithPipes(most() + 1)).status());
        EXPECT_TRUE(Exchange(form(), stub, WithPipes(most())).ok());
      });
}

TEST_P(DescriptorShapesTest, AsManyAsTheClientAccepts) {
  if (!connected()) {
    GTEST_SKIP() << "a datagram's most is the same in both directions";
  }
  WithServer(
      {}, {.max_reply_descriptors = kMost}, [this](ShapesService::Stub& stub) {
        EXPECT_TRUE(Exchange(form(), stub, WithPipes(kMost)).ok());
        ExpectTooMany(Exchange(form(), stub, WithPipes(kMost + 1)).status());
        EXPECT_TRUE(Exchange(form(), stub, WithPipes(kMost)).ok());
      });
}

class StreamShapesTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  template <typename Calls>
  void WithServer(const ServerOptions& server_options,
                  const ChannelOptions& channel_options, Calls calls) {
    CoroutineShapes service;
    Server shapes(server_options);
    shapes.AddService(service);
    Link link(GetParam(), shapes);
    absl::StatusOr<Channel> channel = link.NewChannel(channel_options);
    ASSERT_TRUE(channel.ok() && link.Open().ok() && shapes.Start().ok());
    ShapesService::Stub stub(*channel);
    calls(stub);
  }
  // Sends `count` descriptors in the last of some messages.
  static absl::Status Exchange(ShapesService::Stub& stub, int count) {
    auto call = stub.ExchangeAll();
    for (const int sent : {0, kMost, 1, 252, 253, 254, count}) {
      if (!call.Write(WithPipes(sent))) break;
      const std::optional<Parcel<Unruled>> reply = call.Read();
      if (!reply.has_value()) break;
      EXPECT_EQ(reply->pipes_size(), sent);
    }
    return call.Finish();
  }

  ExpectSameDescriptors census_;
};
INSTANTIATE_TEST_SUITE_P(Over, StreamShapesTest,
                         ::testing::ValuesIn(Link::kAll),
                         [](const auto& kind) { return NameOf(kind.param); });

TEST_P(StreamShapesTest, EachComesBackInEveryMessage) {
  WithServer({}, {}, [](ShapesService::Stub& stub) {
    auto call = stub.ExchangeAll();
    for (int i = 0; i < 20; ++i) {
      Parcel<Unruled> request = OfEveryShape(i % 2 == 0);
      const std::map<std::string, uint64_t> files = FieldsAndFiles(request);
      ASSERT_TRUE(call.Write(std::move(request)));
      const std::optional<Parcel<Unruled>> reply = call.Read();
      ASSERT_TRUE(reply.has_value());
      EXPECT_EQ(FieldsAndFiles(*reply), files);
    }
    EXPECT_EQ(call.Finish(), absl::OkStatus());
  });
}

TEST_P(StreamShapesTest, AsManyAsTheServerAccepts) {
  WithServer({.max_request_descriptors = kMost}, {},
             [](ShapesService::Stub& stub) {
               EXPECT_EQ(Exchange(stub, kMost), absl::OkStatus());
               ExpectTooMany(Exchange(stub, kMost + 1));
             });
}

TEST_P(StreamShapesTest, AsManyAsTheClientAccepts) {
  WithServer({}, {.max_reply_descriptors = kMost},
             [](ShapesService::Stub& stub) {
               EXPECT_EQ(Exchange(stub, kMost), absl::OkStatus());
               ExpectTooMany(Exchange(stub, kMost + 1));
             });
}

TEST_P(StreamShapesTest, AsManyAsIsTheDefault) {
  constexpr int kDefault = 1024;
  ASSERT_EQ(ServerOptions().max_request_descriptors, uint32_t{kDefault});
  ASSERT_EQ(ChannelOptions().max_reply_descriptors, uint32_t{kDefault});
  WithServer({}, {}, [](ShapesService::Stub& stub) {
    for (const int count : {kDefault - 1, kDefault}) {
      EXPECT_EQ(Exchange(stub, count), absl::OkStatus());
      const auto reply = stub.Exchange(WithPipes(count));
      ASSERT_TRUE(reply.ok()) << reply.status();
      EXPECT_EQ(reply->pipes_size(), count);
    }
    ExpectTooMany(Exchange(stub, kDefault + 1), kDefault);
    ExpectTooMany(stub.Exchange(WithPipes(kDefault + 1)).status(), kDefault);
  });
}

}  // namespace
}  // namespace fdrpc::testing
