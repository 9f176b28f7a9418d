// Compiles and runs the snippet of docs/guide/ about tests.
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/in_process_server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "guide.mock.fdrpc.h"
#include "tests/support/files.h"

// Snippets name parameters that they do not use.
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {

using ::testing::Return;

// The function that the snippet tests.
absl::StatusOr<std::string> CopyOf(const std::string& name,
                                   guide::Store::Stub store) {
  guide::GetRequest request;
  request.add_names(name);
  absl::StatusOr<Parcel<guide::GetReply>> reply = store.Get(request);
  if (!reply.ok()) return reply.status();
  return ReadRest(reply->files(0));
}

#include "mock.inc"

}  // namespace
}  // namespace fdrpc::testing
