// How GoogleTest prints fdrpc's types.

#include <chrono>
#include <initializer_list>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "fdrpc/call_options.h"
#include "fdrpc/method.h"
#include "fdrpc/server_context.h"
#include "fdrpc/server_stream.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::PrintToString;

TEST(PrintToTest, DescriptorsAreNumbers) {
  UniqueFd fd = FileWith("");
  const std::string number = absl::StrCat("descriptor ", fd.get());
  EXPECT_EQ(PrintToString(fd), number);
  EXPECT_EQ(PrintToString(std::optional<UniqueFd>()), "(nullopt)");
  const SharedFd shared(std::move(fd));
  EXPECT_EQ(PrintToString(shared), number);
  EXPECT_EQ(PrintToString(AttachedFd(shared)), number);
  EXPECT_EQ(PrintToString(UniqueFd()), "no descriptor");
  EXPECT_EQ(PrintToString(SharedFd()), "no descriptor");
  EXPECT_EQ(PrintToString(AttachedFd()), "no descriptor");
}

TEST(PrintToTest, ParcelsAreMessagesAndDescriptors) {
  Parcel<Files> parcel;
  parcel->set_text("hello");
  EXPECT_EQ(PrintToString(parcel),
            absl::StrCat("Parcel of fdrpc.testing.Files {",
                         parcel->ShortDebugString(), "}"));
  parcel.set_first(FileWith(""));
  parcel.add_files(FileWith(""));
  const std::string first = absl::StrCat("descriptor ", parcel.first());
  EXPECT_THAT(PrintToString(parcel),
              AllOf(HasSubstr("files { slot: 2 } first { slot: 1 } text"),
                    EndsWith(absl::StrCat("} with ", first, ", descriptor ",
                                          parcel.files(0)))));
  const UniqueFd taken = parcel.take_files(0);
  EXPECT_THAT(PrintToString(parcel),
              EndsWith(absl::StrCat(" with ", first, ", no descriptor")));
  ASSERT_FALSE(parcel.PrepareToSend().ok());
  EXPECT_THAT(PrintToString(std::optional(std::move(parcel))),
              AllOf(HasSubstr("{ slot: 1 }"), EndsWith("\"hello\"})"),
                    Not(HasSubstr("parcel:"))));
}

TEST(PrintToTest, DescriptorsOfAPreparedParcelHaveTheirPlace) {
  Parcel<Files> parcel;
  parcel.add_files(FileWith(""));
  const int number = parcel.files(0);
  ASSERT_TRUE(parcel.PrepareToSend().ok());
  EXPECT_EQ(PrintToString(parcel.descriptors()),
            absl::StrCat("{ descriptor ", number,
                         " of field fdrpc.testing.Files.files[0] }"));
}

TEST(PrintToTest, MetadataIsKeysAndValues) {
  EXPECT_EQ(PrintToString(Metadata()), "{}");
  const Metadata metadata = {{"user", "me"}, {"trace-bin", {'\0', 'x'}}};
  EXPECT_EQ(PrintToString(metadata), "{user: \"me\", trace-bin: \"\\x00x\"}");
  EXPECT_EQ(PrintToString(ReplyMetadata{.headers = {}, .trailers = metadata}),
            "headers {}, trailers {user: \"me\", trace-bin: \"\\x00x\"}");
}

TEST(PrintToTest, OptionsAreWhatWasSet) {
  EXPECT_EQ(PrintToString(CallOptions()), "CallOptions{.timeout = inf}");
  EXPECT_EQ(PrintToString(Timeout(std::chrono::milliseconds(1500))), "1.5s");
  std::stop_source stop;
  ReplyMetadata metadata;
  CallOptions options = {.timeout = absl::Seconds(2),
                         .wait_for_ready = true,
                         .metadata = {{"a", "b"}},
                         .cancellation = stop.get_token(),
                         .reply_metadata = &metadata};
  EXPECT_EQ(PrintToString(options),
            "CallOptions{.timeout = 2s, .wait_for_ready = true, .metadata = "
            "{a: \"b\"}, .cancellation = a token, .reply_metadata = a place "
            "for it}");
  stop.request_stop();
  EXPECT_EQ(PrintToString(CallOptions{.cancellation = stop.get_token()}),
            "CallOptions{.timeout = inf, .cancellation = a token that is "
            "stopped}");
}

TEST(PrintToTest, MethodsAreTheirNames) {
  EXPECT_EQ(PrintToString(Method{.full_name = "a.B/C", .one_way = true}),
            "a.B/C (unary, one-way)");
  EXPECT_EQ(PrintToString(Method{.full_name = "a.B/D",
                                 .kind = MethodKind::kBidirectional}),
            "a.B/D (bidirectional)");
}

// For a call that was made by somebody and has been cancelled.
class CancelledContext final : public ServerContext {
 public:
  const Metadata& metadata() const override { return metadata_; }
  const PeerCredentials& peer() const override { return peer_; }
  absl::StatusOr<UniqueFd> OpenPeerPidfd() const override {
    return absl::UnimplementedError("");
  }
  absl::Duration time_remaining() const override { return absl::Seconds(3); }
  bool IsCancelled() const override { return true; }
  absl::Status cancellation_reason() const override {
    return absl::CancelledError("by the client");
  }
  std::stop_token cancellation() const override { return {}; }
  Metadata& headers() override { return metadata_; }
  void SendHeaders() override {}
  Metadata& trailers() override { return metadata_; }

 private:
  Metadata metadata_ = {{"a", "b"}};
  PeerCredentials peer_ = {.uid = 1, .gid = 2, .pid = 3};
};

TEST(PrintToTest, ContextsAreWhatTheHandlerKnowsOfTheCall) {
  CancelledContext context;
  EXPECT_EQ(PrintToString(static_cast<ServerContext&>(context)),
            "call of user 1, group 2, process 3, metadata {a: \"b\"}, time "
            "left 3s, cancelled: CANCELLED: by the client");
  EXPECT_EQ(PrintToString(PeerCredentials()), "user -1, group -1, process 0");
}

}  // namespace
}  // namespace fdrpc::testing
