// One descriptor that is sent to many receivers.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "tests/integration/unary_call_fixture.h"
#include "tests/support/fault_injection.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

constexpr int kReceivers = 1000;

class ManyReceiversTest : public UnaryCallFixture {
 protected:
  // All are the same open file: they share its offset.
  static void ExpectTheSameFile(const std::vector<UniqueFd>& received,
                                int sent) {
    std::set<int> numbers;
    for (size_t i = 0; i < received.size(); ++i) {
      const int fd = received[i].get();
      ASSERT_TRUE(HasCloseOnExec(fd));
      EXPECT_TRUE(numbers.insert(fd).second);
      const auto offset = static_cast<off_t>(i);
      ASSERT_EQ(lseek(fd, offset, SEEK_SET), offset);
      ASSERT_EQ(lseek(sent, 0, SEEK_CUR), offset);
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Over, ManyReceiversTest, kAllSchemes, SchemeName);

TEST_P(ManyReceiversTest, AThousandClientsGetOneDescriptorOfAServer) {
  const SharedFd file(FileWith("content"));
  service_.get = [&file](ServerContext&, const Text&, Parcel<Files>& reply) {
    reply.set_first(file);
    return absl::OkStatus();
  };
  Serve({.max_connections = kReceivers + 1,
         .max_connections_per_user = kReceivers + 1});
  const FaultInjection counts(
      [](std::string_view, size_t) { return FaultInjection::Fault(); });
  {
    std::vector<TestService::Stub> stubs;
    std::vector<UniqueFd> received;
    for (int i = 0; i < kReceivers; ++i) {
      stubs.push_back(NewStub());
      absl::StatusOr<Parcel<Files>> reply = stubs.back().Get(Text());
      ASSERT_TRUE(reply.ok()) << reply.status();
      received.push_back(reply->take_first());
    }
    ExpectTheSameFile(received, file.get());
    EXPECT_EQ(counts.CountOf("duplicate"), 0u);
  }
  StopServer();
}

TEST_P(ManyReceiversTest, AThousandMessagesOfStreamsCarryOneDescriptor) {
  const SharedFd file(FileWith("content"));
  std::vector<UniqueFd> received;
  service_.put_all = [&](ServerContext&, ServerReader<Parcel<Files>>& requests,
                         Text&) {
    while (auto request = requests.Read()) {
      received.push_back(request->take_first());
    }
    return absl::OkStatus();
  };
  Serve();
  const FaultInjection counts(
      [](std::string_view, size_t) { return FaultInjection::Fault(); });
  TestService::Stub stub = NewStub();
  constexpr int kEach = 10;
  for (int i = 0; i < kReceivers / kEach; ++i) {
    auto call = stub.PutAll();
    for (int k = 0; k < kEach; ++k) {
      Parcel<Files> request;
      request.set_first(file);
      ASSERT_TRUE(call.Write(std::move(request)));
    }
    ASSERT_TRUE(call.Finish().ok());
  }
  ASSERT_EQ(received.size(), size_t{kReceivers});
  ExpectTheSameFile(received, file.get());
  EXPECT_EQ(counts.CountOf("duplicate"), 0u);
  StopServer();
}

}  // namespace
}  // namespace fdrpc::testing
