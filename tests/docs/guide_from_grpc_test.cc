// Compiles and runs the snippets of docs/guide/from-grpc.md, and checks its
// table of types.
#include <type_traits>
#include <utility>

#include "fdrpc/in_process_server.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"

// The snippets name parameters that they do not use.
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {

class SummarizingJournal final : public guide::Journal::Service {
 public:
#include "from_grpc_service.inc"
};

TEST(GuideFromGrpcTest, TheSameMethodOnBothSides) {
  SummarizingJournal service;
  InProcessServer server(service);
  guide::Journal::Stub journal(server.channel());
  const guide::SummarizeRequest request;
#include "from_grpc_call.inc"
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->entries(), 3u);
}

using guide::Entry;
using guide::FollowRequest;
using guide::SummarizeRequest;
using guide::Summary;

template <typename Call, typename Expected>
constexpr bool kIs = std::is_same_v<Call, Expected>;

// What a stub returns.
using Stub = guide::Journal::Stub;
using Async = decltype(std::declval<Stub&>().async());
using Co = decltype(std::declval<Stub&>().co());
static_assert(kIs<decltype(std::declval<Stub&>().Summarize(
                      std::declval<const SummarizeRequest&>())),
                  absl::StatusOr<Summary>>);
static_assert(kIs<decltype(std::declval<Stub&>().Follow(
                      std::declval<const FollowRequest&>())),
                  ClientReader<Entry>>);
static_assert(kIs<decltype(std::declval<Stub&>().Append()),
                  ClientWriter<Entry, Summary>>);
static_assert(
    kIs<decltype(std::declval<Stub&>().Filter()), ClientStream<Entry, Entry>>);
static_assert(kIs<decltype(std::declval<Async&>().Follow(
                      std::declval<const FollowRequest&>())),
                  AsyncClientReader<Entry>>);
static_assert(kIs<decltype(std::declval<Async&>().Append()),
                  AsyncClientWriter<Entry, Summary>>);
static_assert(kIs<decltype(std::declval<Async&>().Filter()),
                  AsyncClientStream<Entry, Entry>>);
static_assert(kIs<decltype(std::declval<Co&>().Follow(
                      std::declval<const FollowRequest&>())),
                  CoClientReader<Entry>>);
static_assert(kIs<decltype(std::declval<Co&>().Append()),
                  CoClientWriter<Entry, Summary>>);
static_assert(
    kIs<decltype(std::declval<Co&>().Filter()), CoClientStream<Entry, Entry>>);

// What a handler gets.
class Blocking : public guide::Journal::Service {
 public:
  absl::Status Summarize(ServerContext&, const SummarizeRequest&,
                         Summary&) override {
    return {};
  }
  absl::Status Follow(ServerContext&, const FollowRequest&,
                      ServerWriter<Entry>&) override {
    return {};
  }
  absl::Status Append(ServerContext&, ServerReader<Entry>&, Summary&) override {
    return {};
  }
  absl::Status Filter(ServerContext&, ServerStream<Entry, Entry>&) override {
    return {};
  }
};
class Callbacks : public guide::Journal::AsyncService {
 public:
  void Summarize(AsyncServerUnary<SummarizeRequest, Summary> call) override {
    call.Finish(Summary());
  }
  void Follow(AsyncServerWriter<FollowRequest, Entry> call) override {
    call.Finish(absl::OkStatus());
  }
  void Append(AsyncServerReader<Entry, Summary> call) override {
    call.Finish(Summary());
  }
  void Filter(AsyncServerStream<Entry, Entry> call) override {
    call.Finish(absl::OkStatus());
  }
};
class Coroutines : public guide::Journal::CoService {
 public:
  Task<absl::Status> Summarize(ServerContext&, const SummarizeRequest&,
                               Summary&) override {
    co_return absl::OkStatus();
  }
  Task<absl::Status> Follow(ServerContext&, const FollowRequest&,
                            CoServerWriter<Entry>&) override {
    co_return absl::OkStatus();
  }
  Task<absl::Status> Append(ServerContext&, CoServerReader<Entry>&,
                            Summary&) override {
    co_return absl::OkStatus();
  }
  Task<absl::Status> Filter(ServerContext&,
                            CoServerStream<Entry, Entry>&) override {
    co_return absl::OkStatus();
  }
};

TEST(GuideFromGrpcTest, HandlersOfEachFormHaveTheTypesOfTheTable) {
  Blocking blocking;
  Callbacks callbacks;
  Coroutines coroutines;
  for (Service* service :
       {static_cast<Service*>(&blocking), static_cast<Service*>(&callbacks),
        static_cast<Service*>(&coroutines)}) {
    InProcessServer server(*service);
    Stub journal(server.channel());
    EXPECT_TRUE(journal.Summarize(SummarizeRequest()).ok());
    EXPECT_TRUE(journal.Follow(FollowRequest()).Finish().ok());
    EXPECT_TRUE(journal.Append().Finish().ok());
    EXPECT_TRUE(journal.Filter().Finish().ok());
  }
}

}  // namespace
}  // namespace fdrpc::testing
