#ifndef FDRPC_TESTS_GRPC_DRAIN_TIMEOUT_H_
#define FDRPC_TESTS_GRPC_DRAIN_TIMEOUT_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace fdrpc::testing {

// The status of a call that exceeded the drain timeout of
// GenericService::Shutdown(). `passed`: from before that timeout passed until
// the client had the status. CANCELLED is for a client that did not read its
// end within a second, as on a stalled machine.
inline void ExpectEndedByDrainTimeout(const absl::Status& status,
                                      absl::Duration passed) {
  if (absl::IsCancelled(status) && passed >= absl::Seconds(1)) return;
  EXPECT_TRUE(absl::IsUnavailable(status)) << status << " after " << passed;
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("drain timeout"));
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_GRPC_DRAIN_TIMEOUT_H_
