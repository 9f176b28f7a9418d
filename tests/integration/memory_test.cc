// How much a client and a server, as two processes, hold for each other while
// one of them sends far more than the other reads.

#include <sys/mman.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "fdrpc/channel.h"
#include "fdrpc/client_stream.h"
#include "fdrpc/server_stream.h"
#include "gtest/gtest.h"
#include "tests/support/raw_peer.h"
#include "tests/support/resident_growth.h"
#include "tests/support/sanitized.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

constexpr size_t kMessageBytes = 64u << 10;
// Under a sanitizer, resident memory is mostly the sanitizer's: there the
// streams only run.
constexpr int kMessages = (kSanitized ? 32u << 20 : 512u << 20) / kMessageBytes;

// How many messages a writer can be ahead of its reader: the window of 256 KiB
// lets four begin; the writer has handed over one before there is credit for
// it; and the reader may have taken one that it has not counted yet.
constexpr int kAhead = 6;

// How much a process may grow. It holds at most a window and a message (0.4
// MiB), what the connection queues (1 MiB), a frame that is being received (1
// MiB), and one message in several forms (serialised, parsed, the handler's:
// 0.2 MiB). The socket's buffers belong to the kernel. Three times that, for
// what an allocator keeps for each thread; the streams have 512 MiB each.
constexpr int64_t kMostStreamGrowthKib = 8 << 10;

// Counters of one process that another can read. Made before the fork.
struct Counts {
  // Messages that the server's writer has handed over, by stream.
  std::atomic<int> flowing = 0;
  std::atomic<int> unread = 0;
};
static_assert(std::atomic<int>::is_always_lock_free);

Counts& NewSharedCounts() {
  void* memory = mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(memory, MAP_FAILED);
  return *new (memory) Counts;
}

// How much the server's Collect reads: that many messages, then more when Echo
// says.
class Allowance {
 public:
  void Set(int64_t messages) {
    const std::lock_guard lock(mu_);
    messages_ = messages;
    changed_.notify_all();
  }
  void AwaitMoreThan(int64_t read) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return messages_ > read; });
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  int64_t messages_ = 0;
};

Text LargeMessage() {
  Text message;
  message.set_data(std::string(kMessageBytes, 'x'));
  return message;
}

class MemoryTest : public ::testing::TestWithParam<const char*> {
 protected:
  ~MemoryTest() override { munmap(&counts_, sizeof(counts_)); }

  // In the server's process.
  void Prepare(FakeService& service) {
    service.watch = [this](ServerContext&, const Text& request,
                           ServerWriter<Text>& replies) {
      std::atomic<int>& written =
          request.text() == "unread" ? counts_.unread : counts_.flowing;
      const Text reply = LargeMessage();
      for (int i = 0; i < request.number() && replies.Write(reply); ++i) {
        ++written;
      }
      return absl::OkStatus();
    };
    auto allowance = std::make_shared<Allowance>();
    service.echo = [allowance](ServerContext&, const Text& request, Text&) {
      if (request.number() > 0) allowance->Set(request.number());
      return absl::OkStatus();
    };
    service.collect = [allowance](ServerContext&, ServerReader<Text>& requests,
                                  Text& reply) {
      Text request;
      int64_t read = 0;
      for (; allowance->AwaitMoreThan(read), requests.Read(request); ++read) {
      }
      reply.set_number(read);
      return absl::OkStatus();
    };
  }

  static Text Request(int messages, const std::string& text = "") {
    Text request;
    request.set_number(messages);
    request.set_text(text);
    return request;
  }
  ClientReader<Text> Watch(int messages, const std::string& stream) {
    return stub_.Watch(Request(messages, stream));
  }
  // Until the count has not changed during many other calls, which also receive
  // whatever there is.
  int AwaitStandstill(const std::atomic<int>& written) {
    for (int before = written;; before = written) {
      for (int i = 0; i < 50; ++i) EXPECT_TRUE(stub_.Echo(Text()).ok());
      if (written == before) return before;
    }
  }
  // A short stream in each direction first, so that code and buffers are
  // resident.
  void WarmUp() {
    auto replies = Watch(100, "flowing");
    while (replies.Read().has_value()) {
    }
    EXPECT_TRUE(replies.Finish().ok());
    EXPECT_TRUE(stub_.Echo(Request(200)).ok());
    auto requests = stub_.Collect();
    const Text request = LargeMessage();
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(requests.Write(request));
    EXPECT_EQ(requests.Finish()->number(), 100);
    counts_.flowing = 0;
  }
  void ExpectBounded(const ResidentGrowth& client,
                     const ResidentGrowth& server) {
    if (kSanitized) GTEST_SKIP() << "resident memory is the sanitizer's here";
    EXPECT_LT(client.Kib(), kMostStreamGrowthKib);
    EXPECT_LT(server.Kib(), kMostStreamGrowthKib);
  }

  Counts& counts_ = NewSharedCounts();
  TempDir dir_;
  ServerProcess server_{dir_.address("socket", GetParam()),
                        [this](FakeService& service) { Prepare(service); }};
  TestService::Stub stub_{
      *Channel::Connect(dir_.address("socket", GetParam()))};
};

INSTANTIATE_TEST_SUITE_P(Over, MemoryTest, kAllSchemes, SchemeName);

TEST_P(MemoryTest, IsBoundedWhenTheClientReadsSlowly) {
  WarmUp();
  const ResidentGrowth client(getpid()), server(server_.pid());
  auto replies = Watch(kMessages, "flowing");
  Text reply;
  int read = 0;
  for (; replies.Read(reply); ++read) {
    ASSERT_LE(counts_.flowing, read + kAhead);
    if (read % 2000 == 0) {
      ASSERT_LE(AwaitStandstill(counts_.flowing), read + kAhead);
    }
  }
  EXPECT_TRUE(replies.Finish().ok());
  EXPECT_EQ(read, kMessages);
  ExpectBounded(client, server);
}

TEST_P(MemoryTest, IsBoundedWhenTheServerReadsSlowly) {
  WarmUp();
  const ResidentGrowth client(getpid()), server(server_.pid());
  std::atomic<int> written = 0;
  int64_t arrived = 0;
  std::thread writer([&] {
    auto requests = stub_.Collect();
    const Text request = LargeMessage();
    while (written < kMessages && requests.Write(request)) ++written;
    const absl::StatusOr<Text> reply = requests.Finish();
    if (reply.ok()) arrived = reply->number();
  });
  for (int allowed = 200; allowed < kMessages; allowed += 2000) {
    EXPECT_TRUE(stub_.Echo(Request(allowed)).ok());
    EXPECT_LE(AwaitStandstill(written), allowed + kAhead);
  }
  EXPECT_TRUE(stub_.Echo(Request(2 * kMessages)).ok());
  writer.join();
  EXPECT_EQ(arrived, kMessages);
  ExpectBounded(client, server);
}

TEST_P(MemoryTest, OfAnUnreadStreamIsBoundedBesideOneThatFlows) {
  WarmUp();
  const ResidentGrowth client(getpid()), server(server_.pid());
  auto unread = Watch(kMessages, "unread");
  ASSERT_TRUE(unread.Read().has_value());
  const int ahead = AwaitStandstill(counts_.unread);
  EXPECT_LE(ahead, 1 + kAhead);
  auto flowing = Watch(kMessages, "flowing");
  Text reply;
  int read = 0;
  while (flowing.Read(reply)) ++read;
  EXPECT_EQ(read, kMessages);
  EXPECT_EQ(counts_.unread, ahead);
  unread.Cancel();
  EXPECT_EQ(unread.Finish().code(), absl::StatusCode::kCancelled);
  ExpectBounded(client, server);
}

}  // namespace
}  // namespace fdrpc::testing
