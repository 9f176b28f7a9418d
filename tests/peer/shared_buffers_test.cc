// Memory that is passed without a copy, over each link: in requests, replies
// and messages of streams, as any user, and from peers that could change it.

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fdrpc/alarm.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "fdrpc/shared_buffer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calls/link.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;
using Code = absl::StatusCode;

constexpr size_t kBytes = 200 << 10;

absl::StatusOr<SharedFd> MemoryWith(const std::string& text) {
  absl::StatusOr<SharedBuffer> buffer = SharedBuffer::Create(kBytes);
  if (!buffer.ok()) return buffer.status();
  // At both ends.
  std::memcpy(buffer->writable().data(), text.data(), text.size());
  std::memcpy(buffer->writable().last(text.size()).data(), text.data(),
              text.size());
  return buffer->Seal();
}

// The text of the memory, of `bytes` bytes.
absl::StatusOr<std::string> TextIn(UniqueFd memory, size_t bytes) {
  const absl::StatusOr<SharedBuffer> buffer =
      SharedBuffer::FromFd(std::move(memory));
  if (!buffer.ok()) return buffer.status();
  EXPECT_EQ(buffer->size(), kBytes);
  const auto text = [](absl::Span<const std::byte> part) {
    return std::string(reinterpret_cast<const char*>(part.data()), part.size());
  };
  EXPECT_EQ(text(buffer->data().first(bytes)),
            text(buffer->data().last(bytes)));
  return text(buffer->data().first(bytes));
}

// A server that reads the memory of its requests and makes that of its replies,
// and a channel to it.
class MemoryExchange {
 public:
  explicit MemoryExchange(Link::Kind kind)
      : streams_(kind != Link::Kind::kDatagrams), link_(kind, server_) {
    service_.put = [](ServerContext&, Parcel<Files>& request, Text& reply) {
      return Read(request, reply);
    };
    service_.put_all = [](ServerContext&, ServerReader<Parcel<Files>>& requests,
                          Text& reply) {
      absl::Status status;
      while (std::optional<Parcel<Files>> request = requests.Read()) {
        if (status.ok()) status = Read(*request, reply);
      }
      return status;
    };
    service_.get = [](ServerContext&, const Text& request,
                      Parcel<Files>& reply) {
      return Make(request.text(), reply);
    };
    service_.get_all = [](ServerContext&, const Text& request,
                          ServerWriter<Parcel<Files>>& replies) {
      for (int64_t i = 0; i < request.number(); ++i) {
        Parcel<Files> reply;
        absl::Status made = Make(request.text(), reply);
        if (!made.ok()) return made;
        replies.Write(std::move(reply));
      }
      return absl::OkStatus();
    };
    server_.AddService(service_);
    EXPECT_TRUE(server_.AwaitConnections().ok());
    EXPECT_TRUE(link_.Open().ok());
    EXPECT_TRUE(server_.Start().ok());
    absl::StatusOr<Channel> channel = link_.NewChannel();
    EXPECT_TRUE(channel.ok()) << channel.status();
    stub_.emplace(*channel);
  }

  absl::StatusOr<std::string> Put(SharedFd memory) {
    absl::StatusOr<Text> reply = stub_->Put(Request(std::move(memory)));
    if (!reply.ok()) return reply.status();
    return reply->text();
  }
  absl::StatusOr<std::string> Get(const std::string& text) {
    absl::StatusOr<Parcel<Files>> reply = stub_->Get(TextOf(text));
    if (!reply.ok()) return reply.status();
    return TextIn(reply->take_first(), text.size());
  }
  // The same with `count` messages of a stream.
  absl::StatusOr<std::string> PutAll(const SharedFd& memory, int count) {
    auto call = stub_->PutAll();
    for (int i = 0; i < count && call.Write(Request(memory)); ++i) {
    }
    absl::StatusOr<Text> reply = call.Finish();
    if (!reply.ok()) return reply.status();
    return reply->text();
  }
  absl::Status GetAll(const std::string& text, int count) {
    auto call = stub_->GetAll(TextOf(text, count));
    while (std::optional<Parcel<Files>> reply = call.Read()) {
      EXPECT_EQ(*TextIn(reply->take_first(), text.size()), text);
      --count;
    }
    EXPECT_EQ(count, 0);
    return call.Finish();
  }

  void ExpectServed() {
    absl::StatusOr<SharedFd> memory = MemoryWith("hello");
    ASSERT_TRUE(memory.ok()) << memory.status();
    EXPECT_EQ(*Put(*memory), "hello");
    EXPECT_EQ(*Put(*memory), "hello") << "it can be sent again";
    EXPECT_EQ(*Get("reply"), "reply");
    if (!streams_) return;
    EXPECT_EQ(*PutAll(*memory, 5), "hello");
    EXPECT_EQ(GetAll("reply", 5), absl::OkStatus());
  }

 private:
  static Parcel<Files> Request(SharedFd memory) {
    Parcel<Files> request;
    request.set_first(std::move(memory));
    return request;
  }
  static absl::Status Read(Parcel<Files>& request, Text& reply) {
    absl::StatusOr<std::string> text = TextIn(request.take_first(), 5);
    if (!text.ok()) return text.status();
    reply.set_text(*text);
    return absl::OkStatus();
  }
  static absl::Status Make(const std::string& text, Parcel<Files>& reply) {
    absl::StatusOr<SharedFd> memory = MemoryWith(text);
    if (!memory.ok()) return memory.status();
    reply.set_first(*std::move(memory));
    return absl::OkStatus();
  }

  const bool streams_;
  FakeService service_;
  Server server_;
  Link link_;
  std::optional<TestService::Stub> stub_;
};

class PassedMemoryTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  // The process's loop stays.
  static void SetUpTestSuite() { ASSERT_TRUE(Alarm::Create().ok()); }
  ExpectSameDescriptors census_;
};
INSTANTIATE_TEST_SUITE_P(Over, PassedMemoryTest,
                         ::testing::ValuesIn(Link::kWithDatagrams),
                         [](const auto& info) { return NameOf(info.param); });

TEST_P(PassedMemoryTest, TravelsInMessagesOfEveryKind) {
  MemoryExchange exchange(GetParam());
  for (int i = 0; i < 3; ++i) exchange.ExpectServed();
}

TEST_P(PassedMemoryTest, TravelsBetweenProgramsOfAnUnprivilegedUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  std::fflush(nullptr);
  const int failed = InChild([] {
    BecomeUnprivileged();
    EXPECT_TRUE(Alarm::Create().ok());
    const DescriptorCensus before = TakeCensus();
    {
      MemoryExchange exchange(GetParam());
      exchange.ExpectServed();
    }
    EXPECT_EQ(TakeCensusExpecting(before), before);
    std::fflush(nullptr);
    return HasFailure() ? 1 : 0;
  });
  EXPECT_EQ(failed, 0);
}

TEST_P(PassedMemoryTest, ThatItsSenderCouldChangeFailsOnlyTheCall) {
  MemoryExchange exchange(GetParam());
  constexpr int kSizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;
  struct Wrong {
    size_t bytes;
    size_t allocated;
    int seals;
    const char* why;
  };
  for (const Wrong& wrong :
       {Wrong{kBytes, kBytes, 0, "can still be changed"},
        Wrong{kBytes, kBytes, F_SEAL_WRITE, "can still be changed"},
        Wrong{kBytes, kBytes, kSizeSeals, "can still be written to"},
        Wrong{kBytes, kBytes, kSizeSeals | 0x10 /* F_SEAL_FUTURE_WRITE */,
              "can still be written to"},
        Wrong{kBytes, 4096, kSizeSeals | F_SEAL_WRITE, "has holes"},
        Wrong{size_t{1} << 40, 4096, kSizeSeals | F_SEAL_WRITE, "may have"},
        Wrong{0, 0, kSizeSeals | F_SEAL_WRITE, "is empty"}}) {
    UniqueFd memory(
        memfd_create("its sender's", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    ASSERT_EQ(ftruncate(memory.get(), static_cast<off_t>(wrong.bytes)), 0);
    if (wrong.allocated > 0) {
      ASSERT_EQ(
          fallocate(memory.get(), 0, 0, static_cast<off_t>(wrong.allocated)),
          0);
    }
    ASSERT_EQ(fcntl(memory.get(), F_ADD_SEALS, wrong.seals), 0);
    const absl::Status status =
        exchange.Put(SharedFd(std::move(memory))).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(wrong.why));
  }
  EXPECT_EQ(exchange.Put(SharedFd(FileWith("file"))).status().code(),
            Code::kInvalidArgument);
  exchange.ExpectServed();
}

TEST_P(PassedMemoryTest, WhichThereIsNotFailsOnlyTheCallsThatNeedIt) {
  MemoryExchange exchange(GetParam());
  exchange.ExpectServed();
  const SharedFd memory = *MemoryWith("hello");
  for (const auto& [failing, error] :
       {std::pair("memfd_create", EMFILE), std::pair("memfd_create", ENFILE),
        std::pair("fallocate", ENOSPC), std::pair("map_file", ENOMEM)}) {
    {
      const FaultInjection faults(
          [failing = std::string_view(failing), error = error](
              std::string_view name, size_t) {
            return FaultInjection::Fault{.error = name == failing ? error : 0};
          });
      EXPECT_EQ(exchange.Get("reply").status().code(), Code::kResourceExhausted)
          << failing;
      const absl::StatusOr<std::string> put = exchange.Put(memory);
      // Its receiver only maps it.
      EXPECT_EQ(put.status().code(), std::string_view(failing) == "map_file"
                                         ? Code::kResourceExhausted
                                         : Code::kOk)
          << failing;
    }
    exchange.ExpectServed();
  }
}

}  // namespace
}  // namespace fdrpc::testing
