// fork(2) in a process with channels and servers: the child's calls fail
// clearly, and the parent continues unharmed.

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "base/sanitizers.h"
#include "fdrpc/channel.h"
#include "fdrpc/loop.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "gtest/gtest.h"
#include "tests/integration/fork_fixture.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/raw_peer.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(Over, ForkTest, kAllSchemes, SchemeName);

TEST_P(ForkTest, AChildsCallsFailAndTheParentsGoOn) {
  ExpectSameDescriptors census;
  Serve(service_);
  ExpectInChild([&] {
    if (!Inherited(stub_->Echo(Text()).status())) return 1;
    if (!Inherited(stub_->Watch(Text()).Finish())) return 2;
    if (!Inherited(channel_->WaitForReady(absl::Seconds(1)))) return 3;
    if (channel_->state() != ChannelState::kShutdown) return 4;
    // What the child inherited can be destroyed, and a new channel works.
    LetGo();
    if (!NewStub().Echo(Text()).ok()) return 5;
    server_->Shutdown();
    server_->Wait();
    if (!Inherited(server_->HandOver().status())) return 6;
    server_.reset();
    return 0;
  });
  absl::StatusOr<Text> reply = stub_->Echo(Text());
  EXPECT_TRUE(reply.ok()) << reply.status();
  EXPECT_TRUE(NewStub().Echo(Text()).ok())
      << "the parent's socket file is gone";
  LetGo();
  server_.reset();
}

TEST_P(ForkTest, AStreamInProgressEndsInTheChildAndGoesOnInTheParent) {
  Serve(service_);
  auto chat = std::make_unique<ClientStream<Text, Text>>(stub_->Chat());
  auto files =
      std::make_unique<ClientWriter<Parcel<Files>, Text>>(stub_->PutAll());
  ASSERT_TRUE(chat->Write(Text()));
  ASSERT_TRUE(chat->Read().has_value());
  ASSERT_TRUE(chat->Write(Text()));
  ExpectInChild([&] {
    // Not even what has arrived, which belongs to the parent.
    if (chat->Read().has_value()) return 1;
    if (chat->Write(Text())) return 2;
    chat->WritesDone();
    if (!Inherited(chat->Finish())) return 3;
    Parcel<Files> file;
    file.set_first(FileWith("x"));
    if (files->Write(std::move(file))) return 4;
    chat.reset();
    // Without any information about its end.
    files.reset();
    LetGo();
    return 0;
  });
  EXPECT_TRUE(chat->Read().has_value());
  EXPECT_TRUE(chat->Write(Text()));
  EXPECT_TRUE(chat->Read().has_value());
  EXPECT_TRUE(chat->Finish().ok());
  Parcel<Files> file;
  file.set_first(FileWith("x"));
  EXPECT_TRUE(files->Write(std::move(file)));
  EXPECT_EQ(files->Finish().value().number(), 1);
}

TEST_P(ForkTest, AChildSendsNothingAndEndsNothingOnTheParentsConnection) {
  RawListener listener(dir_.file("socket"), GetParam());
  Connect();
  std::future<std::unique_ptr<ClientStream<Text, Text>>> begun =
      std::async(std::launch::async, [&] {
        return std::make_unique<ClientStream<Text, Text>>(stub_->Chat());
      });
  RawPeer server = listener.Accept();
  ASSERT_TRUE(server.Send(RawHello().Bytes()));
  ASSERT_TRUE(server.ReadType(RawFrame::kOpen).has_value());
  std::unique_ptr<ClientStream<Text, Text>> chat = begun.get();
  ExpectInChild([&] {
    chat->Write(Text());
    chat.reset();
    LetGo();
    return 0;
  });
  EXPECT_FALSE(server.Readable());
  ASSERT_TRUE(server.Send(
      {.type = RawFrame::kMessage, .call = 1, .flags = RawFrame::kHasMessage}));
  EXPECT_TRUE(chat->Read().has_value());
  EXPECT_TRUE(chat->Write(Text()));
  EXPECT_TRUE(server.ReadType(RawFrame::kMessage).has_value());
}

// The service's calls, for the test to end.
class HeldService final : public TestService::AsyncService {
 public:
  void Echo(AsyncServerUnary<Text, Text> call) override {
    echo.set_value(std::move(call));
  }
  void Watch(AsyncServerWriter<Text, Text> call) override {
    watch.set_value(std::move(call));
  }

  std::promise<AsyncServerUnary<Text, Text>> echo;
  std::promise<AsyncServerWriter<Text, Text>> watch;
};

TEST_P(ForkTest, TheCallsOfAServerAreTheParents) {
  HeldService held;
  server_ = std::make_unique<Server>();
  server_->AddService(held);
  ASSERT_TRUE(server_->Listen(dir_.address("socket", GetParam())).ok());
  ASSERT_TRUE(server_->Start().ok());
  Connect();
  std::future<absl::StatusOr<Text>> reply =
      std::async(std::launch::async, [&] { return stub_->Echo(Text()); });
  auto watch = stub_->Watch(Text());
  std::optional<AsyncServerUnary<Text, Text>> echoed =
      held.echo.get_future().get();
  std::optional<AsyncServerWriter<Text, Text>> watched =
      held.watch.get_future().get();
  Text from;
  from.set_text("the child");
  ExpectInChild([&] {
    echoed->Finish(from);
    echoed.reset();
    watched->Write(from, [](bool) {});
    // Not even that it was released.
    watched.reset();
    server_.reset();
    return 0;
  });
  from.set_text("the parent");
  echoed->Finish(from);
  EXPECT_EQ(reply.get().value().text(), "the parent");
  std::promise<bool> written;
  watched->Write(from, [&](bool good) { written.set_value(good); });
  EXPECT_TRUE(written.get_future().get());
  watched->Finish(absl::OkStatus());
  EXPECT_EQ(watch.Read().value().text(), "the parent");
  EXPECT_FALSE(watch.Read().has_value());
  EXPECT_TRUE(watch.Finish().ok());
  echoed.reset();
  watched.reset();
}

TEST_P(ForkTest, AChildKeepsWhatARequestBroughtUntilItEnds) {
  ExpectSameDescriptors census;
  auto [reads, writes] = Pipe();
  auto [gate, opens] = Pipe();
  std::promise<pid_t> forked;
  service_.put = [&, opened = opens.get(), awaited = gate.get()](
                     ServerContext&, Parcel<Files>& request, Text&) {
    const int number = request.first();
    forked.set_value(Fork([=] {
      alarm(kLongSeconds);
      close(opened);
      char byte;
      if (read(awaited, &byte, 1) != 0) return 1;
      // After the call has ended in the parent.
      return write(number, "x", 1) == 1 ? 0 : 2;
    }));
    return absl::OkStatus();
  };
  Serve(service_);
  Parcel<Files> request;
  request.set_first(std::move(writes));
  ASSERT_TRUE(stub_->Put(std::move(request)).ok());
  opens.Reset();
  EXPECT_EQ(ExitCode(forked.get_future().get()), 0);
  EXPECT_EQ(ReadRest(reads.get()), "x");  // and then the end
  LetGo();
  server_.reset();
}

TEST_P(ForkTest, AProgramThatIsExecutedInheritsNothing) {
  // The test's environment may have opened some.
  const DescriptorCensus before = TakeCensus();
  Serve(service_);
  std::promise<void> called;
  stub_->async().Echo(Text(), {},
                      [&](absl::StatusOr<Text>) { called.set_value(); });
  called.get_future().get();
  auto [out, in] = Pipe();
  const pid_t child = Fork();
  if (child == 0) {
    dup2(in.get(), STDOUT_FILENO);
    execl("/bin/ls", "ls", "/proc/self/fd", nullptr);
    _exit(1);
  }
  in.Reset();
  std::istringstream open(ReadRest(out.get()));
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  std::set<int> more;
  for (int number; open >> number;) {
    if (!before.contains(number)) more.insert(number);
  }
  // The directory that it lists.
  EXPECT_LE(more.size(), 1u);
}

// The allocators of GCC 12's sanitizers do not survive fork(2) while other
// threads run, because their locks stay held.
#if !defined(ABSL_HAVE_THREAD_SANITIZER) && \
    !defined(ABSL_HAVE_ADDRESS_SANITIZER)

TEST_P(ForkTest, AThreadThatHoldsALockInTheParentStopsNoChild) {
  Serve(service_);
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!stop) EXPECT_TRUE(stub_->Echo(Text()).ok());
    });
  }
  for (int i = 0; i < 50; ++i) {
    auto chat = std::make_unique<ClientStream<Text, Text>>(stub_->Chat());
    EXPECT_TRUE(chat->Write(Text()));
    ExpectInChild([&] {
      if (!Inherited(stub_->Echo(Text()).status())) return 1;
      if (channel_->state() != ChannelState::kShutdown) return 2;
      chat.reset();
      server_->Shutdown();
      server_.reset();
      return 0;
    });
    EXPECT_TRUE(chat->Read().has_value());
    EXPECT_TRUE(chat->Finish().ok());
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_P(ForkTest, CallbacksAndCoroutinesOfAChildLearnIt) {
  for (const bool own_loop : {false, true}) {
    std::optional<Loop> loop;
    std::thread runs;
    if (own_loop) {
      loop = *Loop::Create();
      runs = std::thread([&] { loop->Run(); });
    }
    TempDir dir;
    Server server;
    server.AddService(service_);
    ASSERT_TRUE(server.Listen(dir.address("socket", GetParam())).ok());
    ASSERT_TRUE(server.Start().ok());
    std::optional<TestService::Stub> stub(
        *Channel::Connect(dir.address("socket", GetParam()), {.loop = loop}));
    auto chat =
        std::make_unique<AsyncClientStream<Text, Text>>(stub->async().Chat());
    // One that waits at the fork belongs to the parent.
    std::promise<bool> read;
    const pid_t parent = getpid();
    chat->Read([&](std::optional<Text> text) {
      if (getpid() != parent) _exit(10);
      read.set_value(text.has_value());
    });
    ExpectInChild([&] {
      std::promise<absl::Status> echoed;
      stub->async().Echo(Text(), {}, [&](absl::StatusOr<Text> reply) {
        echoed.set_value(reply.status());
      });
      if (!Inherited(echoed.get_future().get())) return 1;
      std::promise<absl::Status> finished;
      chat->Finish([&](absl::Status status) { finished.set_value(status); });
      if (!Inherited(finished.get_future().get())) return 2;
      const bool as_expected =
          BlockOn([](TestService::Stub stub) -> Task<bool> {
            auto reply = co_await stub.co().Echo(Text());
            auto other = stub.co().Watch(Text());
            absl::Status status = co_await other.Finish();
            co_return Inherited(reply.status()) && Inherited(status);
          }(*stub));
      if (!as_expected) return 3;
      // A new one works, but not in the parent's loop.
      const absl::StatusOr<Channel> anew =
          Channel::Connect(dir.address("socket", GetParam()), {.loop = loop});
      if (own_loop) {
        if (!Inherited(anew.status())) return 4;
      } else {
        std::promise<absl::Status> again;
        TestService::Stub(*anew).async().Echo(Text(), {},
                                              [&](absl::StatusOr<Text> reply) {
                                                again.set_value(reply.status());
                                              });
        if (!again.get_future().get().ok()) return 5;
      }
      chat.reset();
      stub.reset();
      return 0;
    });
    std::promise<bool> written;
    chat->Write(Text(), [&](bool good) { written.set_value(good); });
    EXPECT_TRUE(written.get_future().get());
    EXPECT_TRUE(read.get_future().get());
    std::promise<absl::Status> finished;
    chat->WritesDone();
    chat->Finish([&](absl::Status status) { finished.set_value(status); });
    EXPECT_TRUE(finished.get_future().get().ok());
    chat.reset();
    stub.reset();
    if (own_loop) {
      loop->Stop();
      runs.join();
    }
  }
}

#endif

}  // namespace
}  // namespace fdrpc::testing
