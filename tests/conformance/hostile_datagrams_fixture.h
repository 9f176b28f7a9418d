#ifndef FDRPC_TESTS_CONFORMANCE_HOSTILE_DATAGRAMS_FIXTURE_H_
#define FDRPC_TESTS_CONFORMANCE_HOSTILE_DATAGRAMS_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "os/unix_address.h"
#include "tests/conformance/raw_datagrams.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/raw_frame.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// Datagrams to a server. A correct client is served after each test, and
// nothing is left open.
class HostileDatagramsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    server_ = std::make_unique<Server>(options_);
    server_->AddService(service_);
    ASSERT_TRUE(server_->Listen(address_).ok());
    ASSERT_TRUE(server_->Start().ok());
    ExpectServes();
    // The server may still have to close what it has sent.
    do {
      before_ = TakeCensus();
    } while (OpenFilesIn(before_) > 1);
  }
  void TearDown() override {
    ExpectServes();
    EXPECT_EQ(TakeCensusExpecting(before_), before_)
        << "the server holds other descriptors than before";
    server_.reset();
  }
  static size_t OpenFilesIn(const DescriptorCensus& census) {
    size_t files = 0;
    for (const auto& [fd, file] : census) files += file.starts_with("/memfd:");
    return files;
  }
  void ExpectServes() {
    TestService::Stub stub(
        *Channel::Connect(address_, {.connectionless = true}));
    Parcel<Files> request;
    request.set_first(FileWith("content"));
    absl::StatusOr<Parcel<Files>> reply =
        stub.Exchange(std::move(request), {.timeout = absl::Seconds(60)});
    ASSERT_TRUE(reply.ok()) << reply.status();
    EXPECT_EQ(ReadRest(reply->take_first().get()), "content");
  }
  // The server drops it, and counts it.
  void ExpectDrops(const std::string& bytes, const std::vector<int>& fds = {}) {
    const uint64_t refused = server_->statistics().refused_knocks;
    ASSERT_EQ(client_.SendTo(server_name_, bytes, fds), 0);
    while (server_->statistics().refused_knocks == refused) {
      std::this_thread::yield();
    }
    EXPECT_FALSE(client_.HasDatagram());
  }
  void ExpectDrops(const RawCall& call, const std::vector<int>& fds = {}) {
    ExpectDrops(call.Bytes(), fds);
  }
  // The server answers it with that code.
  void ExpectAnswers(const RawCall& call, const std::vector<int>& fds,
                     uint32_t code) {
    ASSERT_EQ(client_.SendTo(server_name_, call.Bytes(), fds), 0);
    const RawSocket::Received answer = client_.Receive();
    ASSERT_GE(answer.bytes.size(), 40u);
    EXPECT_EQ(answer.bytes.substr(0, 24), "FDRA" + Bytes16(1) + Bytes16(0) +
                                              Bytes64(call.key) +
                                              Bytes64(call.call));
    const RawFrame status =
        RawFrame::FromHeader(answer.bytes.substr(24, RawFrame::kHeaderBytes));
    EXPECT_EQ(status.type, RawFrame::kStatus);
    EXPECT_EQ(status.call, 1u);
    EXPECT_EQ(status.argument, code) << answer.bytes;
    EXPECT_TRUE(answer.fds.empty());
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  const std::string address_ = dir_.address("socket", "unix-dgram:");
  const SocketName server_name_ = NameOf(address_);
  const RawSocket client_ = RawSocket::Autobound();
  UniqueFd file_ = FileWith("x");
  FakeService service_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;

 private:
  DescriptorCensus before_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CONFORMANCE_HOSTILE_DATAGRAMS_FIXTURE_H_
