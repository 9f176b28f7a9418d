#include "services/blobstore/sha256.h"

#include <string>

#include "gtest/gtest.h"

namespace fdrpc::blobstore {
namespace {

absl::Span<const std::byte> BytesOf(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

// The examples of FIPS 180-4.
TEST(Sha256Test, ComputesTheExamplesOfTheStandard) {
  EXPECT_EQ(Sha256Of({}),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Of(BytesOf("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 million;
  for (int i = 0; i < 1000; ++i) million.Add(BytesOf(std::string(1000, 'a')));
  EXPECT_EQ(million.Finish(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, KnowsTheFormOfAName) {
  const std::string hash = Sha256Of({});
  EXPECT_TRUE(IsSha256(hash));
  EXPECT_FALSE(IsSha256(""));
  EXPECT_FALSE(IsSha256(hash.substr(1)));
  EXPECT_FALSE(IsSha256(hash + "0"));
  EXPECT_FALSE(IsSha256("E" + hash.substr(1)));
  EXPECT_FALSE(IsSha256("/" + hash.substr(1)));
}

}  // namespace
}  // namespace fdrpc::blobstore
