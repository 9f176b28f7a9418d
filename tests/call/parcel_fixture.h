#ifndef FDRPC_TESTS_CALL_PARCEL_FIXTURE_H_
#define FDRPC_TESTS_CALL_PARCEL_FIXTURE_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "fdrpc/parcel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"

namespace fdrpc::testing {

// The numbers of `count` files, as they may arrive.
inline DescriptorSet NumberedFiles(int count) {
  DescriptorSet files;
  for (int i = 1; i <= count; ++i) files.push_back(FileWith(std::to_string(i)));
  return files;
}

// The content of each descriptor of a set.
inline std::string Contents(const DescriptorSet& set) {
  std::string contents;
  for (const AttachedFd& fd : set) contents += ReadRest(fd.get());
  return contents;
}

class ParcelTest : public ::testing::Test {
 protected:
  // Fails with a programmer's error that names the field.
  void ExpectUnsendable(std::string_view field) {
    const absl::Status status = parcel_.PrepareToSend();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(status.message(), ::testing::HasSubstr(field));
  }
  absl::Status Accept(int count) {
    return parcel_.Accept(NumberedFiles(count));
  }
  void AddSlots(std::initializer_list<uint32_t> slots) {
    for (const uint32_t slot : slots) parcel_->add_files()->set_slot(slot);
  }

  ExpectSameDescriptors census_;
  const DescriptorCensus before_ = TakeCensus();
  Parcel<Files> parcel_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALL_PARCEL_FIXTURE_H_
