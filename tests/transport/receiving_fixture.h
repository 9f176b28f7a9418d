#ifndef FDRPC_TESTS_TRANSPORT_RECEIVING_FIXTURE_H_
#define FDRPC_TESTS_TRANSPORT_RECEIVING_FIXTURE_H_

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "os/ancillary.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/transport/frames.h"
#include "transport/socket_transport.h"

namespace fdrpc::testing {

// A transport over a socket of that type, and a peer that sends it bytes and
// descriptors, valid or not.
class ReceivingFixture : public ::testing::Test {
 protected:
  explicit ReceivingFixture(int type) : type_(type) { Connect(); }

  void Connect() {
    auto [peer, own] = SocketPair(type_);
    peer_ = std::move(peer);
    transport_ = CreateSocketTransport(std::move(own), type_);
  }
  // The bytes of a frame that announces that many descriptors, however many are
  // sent with it.
  static std::string FrameBytes(uint32_t call_id, std::string_view payload,
                                uint16_t descriptor_count = 0) {
    std::string bytes = NewFrame(call_id, payload).head;
    FrameHeader header = DecodeFrameHeader(bytes.data());
    header.descriptor_count = descriptor_count;
    EncodeFrameHeader(header, bytes.data());
    return bytes;
  }
  // One sendmsg(2) of the peer.
  void PeerSendsFiles(std::string_view bytes, const DescriptorSet& files) {
    std::vector<int> fds;
    for (const AttachedFd& fd : files) fds.push_back(fd.get());
    const iovec piece = {const_cast<char*>(bytes.data()), bytes.size()};
    ASSERT_EQ(SendWithDescriptors(peer_.get(), {&piece, 1}, fds).bytes,
              static_cast<ssize_t>(bytes.size()));
  }
  void PeerSends(std::string_view bytes, size_t count = 0) {
    PeerSendsFiles(bytes, NumberedFiles(count));
  }
  Received ReceiveMore() { return ReceiveAll(*transport_); }
  // Checks that the transport reports an error and then holds no descriptors.
  // Continues with a new one.
  void ExpectMalformed(std::string_view what) {
    const Received received = ReceiveMore();
    EXPECT_EQ(received.malformed.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(received.malformed.message(), ::testing::HasSubstr(what));
    EXPECT_EQ(received.descriptors(), 0u);
    PeerSends(FrameBytes(9, "more"));
    EXPECT_EQ(transport_->Receive().outcome,
              Transport::ReceiveOutcome::kReceived);
    IncomingFrame frame;
    EXPECT_EQ(transport_->Next(frame).outcome, Transport::NextOutcome::kNone)
        << "no more frames after an error";
    Connect();
  }

  ExpectSameDescriptors census_;
  const int type_;
  UniqueFd peer_;
  std::unique_ptr<Transport> transport_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_TRANSPORT_RECEIVING_FIXTURE_H_
