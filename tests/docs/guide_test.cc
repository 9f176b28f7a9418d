// Compiles and runs the snippets of docs/guide/, which the build has written
// into files of their own.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "fdrpc/shared_buffer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "jobs.fdrpc.h"
#include "tests/docs/guide_snippets.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

// Snippets name parameters that they do not use.
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {

class ContextService final : public guide::Store::Service {
 public:
#include "context.inc"

 private:
  static UniqueFd Find(const std::string& name) { return FileWith(name); }
};

absl::Status Serve(const std::string& address,
                   const std::function<absl::Status()>& client) {
#include "server.inc"
  const absl::Status status = client();
#include "shutdown.inc"
  return status;
}

absl::Status Call(const std::string& address, const std::string& path,
                  std::string& content) {
#include "call.inc"
  content = ReadRest(notes.get());
  return absl::OkStatus();
}

TEST(GuideTest, AStoreAndItsClientShareAFile) {
  ExpectSameDescriptors census;
  TempDir dir;
  std::ofstream(dir.file("notes")) << "content";
  std::string content;
  const absl::Status status = Serve(dir.address(), [&] {
    return Call(dir.address(), dir.file("notes"), content);
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(content, "content");
}

TEST(GuideTest, RulesAreEnforcedAndDescriptorsListed) {
  ExpectSameDescriptors census;
  Parcel<guide::Job> parcel;
  EXPECT_EQ(parcel.PrepareToSend().code(), absl::StatusCode::kInvalidArgument);
  parcel.set_program(UniqueFd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)));
  parcel.add_inputs(Pipe().first);
  std::ostringstream log;
#include "list_descriptors.inc"
  EXPECT_THAT(log.str(),
              ::testing::AllOf(
                  ::testing::StartsWith(
                      "guide.Job.program: a regular file for reading, inode "),
                  ::testing::HasSubstr(
                      "guide.Job.inputs[0]: a pipe or FIFO for reading")));
  EXPECT_EQ(parcel.PrepareToSend(), absl::OkStatus());
  parcel.CloseDescriptors();
  parcel.add_inputs(UniqueFd(open("/", O_RDONLY | O_CLOEXEC)));
  EXPECT_FALSE(parcel.PrepareToSend().ok());
}

TEST(GuideTest, NestedFieldsTakeDescriptors) {
  ExpectSameDescriptors census;
  UniqueFd notes = FileWith("content");
  const int attached = notes.get();
  const uint64_t size = 7;
#include "nested.inc"
  EXPECT_EQ(number, attached);
  EXPECT_EQ(again.get(), attached);
}

void Render(absl::Span<std::byte> memory) {
  std::fill(memory.begin(), memory.end(), std::byte{7});
}

absl::Status SendBuffer(size_t bytes, Parcel<guide::File>& file) {
#include "buffer_send.inc"
  return absl::OkStatus();
}

absl::Status ReceiveBuffer(
    Parcel<guide::File>& file,
    const std::function<void(absl::Span<const std::byte>)>& Show) {  // NOLINT
#include "buffer_receive.inc"
  return absl::OkStatus();
}

TEST(GuideTest, MemoryIsPassed) {
  ExpectSameDescriptors census;
  Parcel<guide::File> sent;
  ASSERT_TRUE(SendBuffer(5000, sent).ok());
  Parcel<guide::File> received;
  received.set_content(UniqueFd(fcntl(sent.content(), F_DUPFD_CLOEXEC, 0)));
  size_t seen = 0;
  const auto show = [&](absl::Span<const std::byte> memory) {
    seen = static_cast<size_t>(
        std::count(memory.begin(), memory.end(), std::byte{7}));
  };
  const absl::Status status = ReceiveBuffer(received, show);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(seen, 5000u);
}

absl::Status ShowState(const Channel& channel,
                       const std::function<void(bool)>& show_available,
                       std::future<void> shown) {
#include "state.inc"
  shown.wait();
  return absl::OkStatus();
}

TEST(GuideTest, AChannelShowsWhetherItsServerIsThere) {
  TempDir dir;
  std::promise<void> shown;
  const absl::Status status = Serve(dir.address(), [&] {
    return ShowState(
        *Channel::Connect(dir.address()),
        [&](bool available) {
          EXPECT_TRUE(available);
          shown.set_value();
        },
        shown.get_future());
  });
  EXPECT_TRUE(status.ok()) << status;
}

absl::Status CallWithKeepAlive(const std::string& address) {
#include "keepalive.inc"
  if (!channel.ok()) return channel.status();
  return guide::Store::Stub(*channel).Get(guide::GetRequest()).status();
}

TEST(GuideTest, KeepAliveLeavesCallsAlone) {
  TempDir dir;
  const absl::Status status =
      Serve(dir.address(), [&] { return CallWithKeepAlive(dir.address()); });
  EXPECT_TRUE(status.ok()) << status;
}

TEST(GuideTest, CallOptionsAndContextMeet) {
  ExpectSameDescriptors census;
  TempDir dir;
  ContextService service;
  Server server;
  server.AddService(service);
  ASSERT_TRUE(server.Listen(dir.address()).ok());
  ASSERT_TRUE(server.Start().ok());
  absl::StatusOr<Channel> channel = Channel::Connect(dir.address());
  ASSERT_TRUE(channel.ok());
  guide::Store::Stub store(*channel);
  guide::GetRequest request;
  request.add_names("a name");
#include "options.inc"
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(ReadRest(reply->files(0)), "a name");
  EXPECT_EQ(received.trailers.Get("served-request"), "4711");
  server.Shutdown();
  server.Wait();
}

}  // namespace
}  // namespace fdrpc::testing
