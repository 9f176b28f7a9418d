// Descriptors where none can travel: within a google.protobuf.Any.

#include "call/packed_descriptors.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/any.pb.h"
#include "gtest/gtest.h"
#include "testing.fdrpc.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

using ::google::protobuf::Any;
using ::testing::HasSubstr;

class PackedDescriptorsTest : public ::testing::Test {
 protected:
  static void Refuses(const google::protobuf::MessageLite& message,
                      const std::string& where) {
    const absl::Status status = CheckPackedDescriptors(message);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(status.message(), HasSubstr(where));
  }

  Any any_;
};

TEST_F(PackedDescriptorsTest, AreFoundWithTheirField) {
  Parcel<Files> parcel;
  parcel.add_files(FileWith("a"));
  parcel.add_files(FileWith("b"));
  any_.PackFrom(*parcel);
  Refuses(any_, "fdrpc.testing.Files > fdrpc.testing.Files.files[0]: ");
}

TEST_F(PackedDescriptorsTest, AreFoundInAnAnyWithinAnAny) {
  Parcel<Files> parcel;
  parcel.set_first(FileWith("a"));
  Any inner;
  inner.PackFrom(*parcel);
  any_.PackFrom(inner);
  Refuses(any_, "fdrpc.testing.Files.first: ");
}

TEST_F(PackedDescriptorsTest, AreFoundIfTheMessageIsOneItself) {
  Fd fd;
  fd.set_slot(1);
  any_.PackFrom(fd);
  Refuses(any_, "fdrpc.Fd");
}

TEST_F(PackedDescriptorsTest, AreNotThereWhereNoneIsAttached) {
  EXPECT_TRUE(CheckPackedDescriptors(any_).ok()) << "empty";
  Files files;
  files.set_text("text");
  files.mutable_first();
  any_.PackFrom(files);
  EXPECT_TRUE(CheckPackedDescriptors(any_).ok());
  any_.PackFrom(Text());
  EXPECT_TRUE(CheckPackedDescriptors(any_).ok());
}

TEST_F(PackedDescriptorsTest, AreNotSoughtInWhatNobodyKnows) {
  any_.set_type_url("type.googleapis.com/no.such.Type");
  any_.set_value("\x0a\x02\x08\x01");
  EXPECT_TRUE(CheckPackedDescriptors(any_).ok());
  any_.set_type_url("no slash");
  EXPECT_TRUE(CheckPackedDescriptors(any_).ok());
  any_.set_type_url("type.googleapis.com/fdrpc.testing.Files");
  any_.set_value("\xff\xff no message");
  EXPECT_TRUE(CheckPackedDescriptors(any_).ok());
}

TEST_F(PackedDescriptorsTest, PackedTooDeepIsRefused) {
  for (int i = 0; i < 40; ++i) {
    Any outer;
    outer.PackFrom(any_);
    any_ = outer;
  }
  Refuses(any_, "packed in each other");
}

}  // namespace
}  // namespace fdrpc::testing
