// Servers none of whose methods takes descriptors, over each link: the kernel
// refuses them where it can.

#include <sys/socket.h>

#include <memory>
#include <string>

#include "fdrpc/parcel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rules.fdrpc.h"
#include "tests/calls/link.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

class Plain final : public PlainService::Service {
 public:
  absl::Status Say(ServerContext&, const Said& request, Said& reply) override {
    reply = request;
    return absl::OkStatus();
  }
};

class UnusedRules final : public RulesService::Service {};

// Whether the kernel has SO_PASSRIGHTS (Linux 6.16).
bool KernelRefusesDescriptors() {
  const auto [a, b] = SocketPair();
  const int off = 0;
  return setsockopt(a.get(), SOL_SOCKET, 83, &off, sizeof(off)) == 0;
}

class RefusedDescriptorsTest : public ::testing::TestWithParam<Link::Kind> {
 protected:
  void Serve() {
    link_ = std::make_unique<Link>(GetParam(), server_);
    absl::StatusOr<Channel> channel = link_->NewChannel();
    ASSERT_TRUE(channel.ok() && link_->Open().ok() && server_.Start().ok());
    caller_ = *channel;
  }
  absl::StatusOr<size_t> Say(size_t bytes) {
    Said request;
    request.set_text(std::string(bytes, 'x'));
    absl::StatusOr<Said> reply = PlainService::Stub(caller_).Say(request);
    if (!reply.ok()) return reply.status();
    return reply->text().size();
  }
  // As by a client whose .proto file has descriptors where the server's has
  // none.
  absl::Status SayWithDescriptor() {
    static constexpr Method kSay = {
        .full_name = "fdrpc.testing.PlainService/Say",
        .request_has_descriptors = true};
    Parcel<Unruled> request;
    request.set_file(FileWith("a"));
    Said reply;
    return caller_->CallUnary(kSay, request, reply, {});
  }

  ExpectSameDescriptors census_;
  Plain plain_;
  UnusedRules rules_;
  Server server_;
  std::unique_ptr<Link> link_;
  std::shared_ptr<Caller> caller_;
};
INSTANTIATE_TEST_SUITE_P(Over, RefusedDescriptorsTest,
                         ::testing::ValuesIn(Link::kAll),
                         [](const auto& kind) { return NameOf(kind.param); });

TEST_P(RefusedDescriptorsTest, AServerThatTakesNoneRefusesThem) {
  server_.AddService(plain_);
  Serve();
  EXPECT_EQ(*Say(1), 1u);
  const absl::Status status = SayWithDescriptor();
  if (GetParam() == Link::Kind::kStreamSocket && KernelRefusesDescriptors()) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("field fdrpc.testing.Unruled.file: the kernel "
                          "refuses to send a descriptor (EPERM): the receiver "
                          "takes none (SO_PASSRIGHTS)"));
  } else {
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
  }
  EXPECT_EQ(*Say(1), 1u) << "the connection lives";
  // Over packets it travels in a memory file.
  EXPECT_EQ(*Say(1u << 20), 1u << 20);
}

TEST_P(RefusedDescriptorsTest, AServerThatTakesSomeRefusesThemByMethod) {
  server_.AddService(plain_);
  server_.AddService(rules_);
  Serve();
  EXPECT_EQ(*Say(1), 1u);
  EXPECT_EQ(SayWithDescriptor().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(*Say(1), 1u) << "the connection lives";
}

}  // namespace
}  // namespace fdrpc::testing
