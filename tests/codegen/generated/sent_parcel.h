#ifndef FDRPC_TESTS_CODEGEN_GENERATED_SENT_PARCEL_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_SENT_PARCEL_H_

#include <vector>

#include "fdrpc/parcel.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/open_descriptors.h"

namespace fdrpc {

// What a receiver gets of `sent`: the message through its bytes, the
// descriptors through the set.
template <typename Message>
Parcel<Message> SendAndAccept(Parcel<Message> sent) {
  Parcel<Message> received;
  EXPECT_EQ(sent.PrepareToSend(), absl::OkStatus());
  EXPECT_TRUE(received.lite_message().ParseFromString(
      sent.lite_message().SerializeAsString()));
  EXPECT_EQ(received.Accept(sent.TakeDescriptors()), absl::OkStatus());
  return received;
}

// Every test leaves as many descriptors open as there were before.
class SentParcelTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_EQ(OpenDescriptors(), before_); }

 private:
  const std::vector<int> before_ = OpenDescriptors();
};

}  // namespace fdrpc

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_SENT_PARCEL_H_
