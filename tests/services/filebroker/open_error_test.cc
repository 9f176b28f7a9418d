#include "services/filebroker/open_error.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc::filebroker {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(OpenErrorTest, GivesEachErrorTheStatusThatTheInterfaceStates) {
  using Code = absl::StatusCode;
  const std::pair<int, Code> table[] = {
      {ENOENT, Code::kNotFound},
      {EEXIST, Code::kAlreadyExists},
      {EXDEV, Code::kPermissionDenied},
      {EACCES, Code::kPermissionDenied},
      {EPERM, Code::kPermissionDenied},
      {EINVAL, Code::kInvalidArgument},
      {ENAMETOOLONG, Code::kInvalidArgument},
      {ELOOP, Code::kFailedPrecondition},
      {ENOTDIR, Code::kFailedPrecondition},
      {EISDIR, Code::kFailedPrecondition},
      {EROFS, Code::kFailedPrecondition},
      {ETXTBSY, Code::kFailedPrecondition},
      {ENXIO, Code::kFailedPrecondition},
      {ENODEV, Code::kFailedPrecondition},
      {EBUSY, Code::kFailedPrecondition},
      {EMFILE, Code::kResourceExhausted},
      {ENFILE, Code::kResourceExhausted},
      {ENOSPC, Code::kResourceExhausted},
      {EDQUOT, Code::kResourceExhausted},
      {ENOMEM, Code::kResourceExhausted},
      {EAGAIN, Code::kUnavailable},
      {ESTALE, Code::kUnavailable},
      {EFBIG, Code::kOutOfRange},
      {EOVERFLOW, Code::kOutOfRange},
      {ENOSYS, Code::kUnimplemented},
      {EIO, Code::kInternal},
      {ECHILD, Code::kUnknown},
  };
  for (const auto& [error, code] : table) {
    const absl::Status status = OpenError(error, "the/file");
    EXPECT_EQ(status.code(), code) << strerrorname_np(error);
    EXPECT_THAT(std::string(status.message()), StartsWith("\"the/file\": "));
    EXPECT_GT(status.message().size(), sizeof("\"the/file\": "));
  }
}

TEST(OpenErrorTest, SaysThatAPathLeavesTheRoot) {
  EXPECT_THAT(std::string(OpenError(EXDEV, "../x").message()),
              HasSubstr("leaves the broker's root"));
}

TEST(OpenErrorTest, EscapesWhatATerminalMightObey) {
  EXPECT_EQ(Quoted(std::string("a\x1b[2J\"\n\0", 8)),
            "\"a\\x1b[2J\\\"\\n\\x00\"");
  EXPECT_EQ(Quoted("\xff\xc3\xbc"), "\"\\xff\\xc3\\xbc\"");
}

}  // namespace
}  // namespace fdrpc::filebroker
