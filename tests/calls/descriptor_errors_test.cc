// The errors for descriptors that cannot be sent, in all forms: which field it
// is, and why.

#include <fcntl.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/any.pb.h"
#include "tests/calls/calls_fixture.h"
#include "tests/calls/exchange.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::testing::HasSubstr;

// Changes its reply as a test says.
class SpoilingService final : public TestService::Service {
 public:
  explicit SpoilingService(std::function<void(Parcel<Files>&)> spoil)
      : spoil_(std::move(spoil)) {}

 private:
  absl::Status Exchange(ServerContext&, Parcel<Files>&,
                        Parcel<Files>& reply) override {
    spoil_(reply);
    return absl::OkStatus();
  }

  const std::function<void(Parcel<Files>&)> spoil_;
};

// Attaches a file whose descriptor somebody else closes, with a number that is
// not reused meanwhile.
void AddClosed(Parcel<Files>& parcel) {
  const UniqueFd file = FileWith("b");
  parcel.add_files(FileWith("a"));
  parcel.add_files(UniqueFd(fcntl(file.get(), F_DUPFD_CLOEXEC, 700)));
  close(parcel.files(1));
}

class DescriptorErrorsTest : public CallsTest {
 protected:
  absl::Status Exchange(Parcel<Files> request) {
    return fdrpc::testing::Exchange(form(), *stub_, std::move(request))
        .status();
  }
};
INSTANTIATE_TEST_SUITE_P(Forms, DescriptorErrorsTest, AllForms(), FormsName);
INSTANTIATE_TEST_SUITE_P(Datagrams, DescriptorErrorsTest, UnaryForms(),
                         FormsName);

TEST_P(DescriptorErrorsTest, OneThatIsClosedIsNamedByItsField) {
  Parcel<Files> request;
  AddClosed(request);
  const int number = request.files(1);
  const absl::Status status = Exchange(std::move(request));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(status.message(),
              HasSubstr("field fdrpc.testing.Files.files[1]: descriptor " +
                        std::to_string(number) + " is not open (EBADF)"));
  EXPECT_TRUE(Echo(Script("echo a")).ok()) << "the connection lives";
}

TEST_P(DescriptorErrorsTest, OneOfAReplyIsNamedByItsField) {
  SpoilingService service(AddClosed);
  const std::unique_ptr<Server> server = NewServer();
  server->AddService(service);
  std::optional<Link> link;
  Serve(*server, link, {});
  const absl::Status status = Exchange(Parcel<Files>());
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
  EXPECT_THAT(status.message(),
              HasSubstr("field fdrpc.testing.Files.files[1]: descriptor "));
  stub_.reset();
}

TEST_P(DescriptorErrorsTest, ACopyOfAnotherParcelsFieldIsRefused) {
  Parcel<Files> other;
  other.set_first(FileWith("other"));
  Parcel<Files> request;
  request.add_files(FileWith("private"));
  request->clear_files();
  *request->mutable_first() = other->first();
  const absl::Status status = Exchange(std::move(request));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(status.message(),
              HasSubstr("field fdrpc.testing.Files.first: it does not name a "
                        "descriptor of this parcel"));
}

TEST_P(DescriptorErrorsTest, OneInAnAnyIsRefused) {
  Parcel<Files> inner;
  inner.set_first(FileWith("lost"));
  google::protobuf::Any any;
  any.PackFrom(*inner);
  // As in the generated code of a method whose request is or has an Any.
  static constexpr Method kEcho = {
      .full_name = "fdrpc.testing.TestService/Echo", .request_has_any = true};
  absl::StatusOr<Channel> channel = link_->NewChannel();
  ASSERT_TRUE(channel.ok()) << channel.status();
  const std::shared_ptr<Caller> caller = *channel;
  Text reply;
  const absl::Status status = caller->CallUnary(kEcho, any, reply, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(status.message(), HasSubstr("fdrpc.testing.Files.first"));
  EXPECT_THAT(status.message(), HasSubstr("google.protobuf.Any"));
}

}  // namespace
}  // namespace fdrpc::testing
