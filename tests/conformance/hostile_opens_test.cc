// Clients whose open frames break the protocol in what they say of the call:
// its method, metadata and time-out.
#include <string>

#include "tests/conformance/attacked_server.h"

namespace fdrpc::testing {
namespace {

class HostileOpensTest : public AttackedServer {
 protected:
  // An open frame of Echo with this metadata section.
  static RawFrame OpenWithMetadata(const std::string& section) {
    RawFrame open = OpenFrame(1, kEcho, section + TextBytes("x"));
    open.flags |= RawFrame::kMetadata;
    return open;
  }
  void ExpectTakesMetadata(const std::string& block) {
    RawPeer client = NewClient();
    ASSERT_TRUE(client.Send(OpenWithMetadata(Sized(block))));
    RawStatus status = client.ReadStatus(1);
    EXPECT_EQ(status.code, kOk) << status.text;
    EXPECT_EQ(status.message, TextBytes("x"));
  }
};
INSTANTIATE_TEST_SUITE_P(Over, HostileOpensTest, kAllSchemes, SchemeName);

TEST_P(HostileOpensTest, MethodNumbersThatDoNotRunFromOnePoison) {
  Serve();
  // The greeting names five.
  for (uint32_t number : {0u, 1u, 5u, 7u, 0xffffffffu}) {
    ExpectPoisons(MethodFrame(number, "a/b"));
  }
}

TEST_P(HostileOpensTest, MoreMethodsThanTheLimitPoison) {
  Serve();
  RawPeer client = NewClient();
  for (uint32_t number = 6; number <= 4096; ++number) {
    ASSERT_TRUE(client.Send(MethodFrame(number, "a/b")));
  }
  ExpectLives(client, 1);
  client.Send(MethodFrame(4097, "a/b"));
  EXPECT_TRUE(client.ReachesEnd());
}

TEST_P(HostileOpensTest, AMethodNameThatIsEmptyOrTooLongPoisons) {
  Serve();
  ExpectPoisons(MethodFrame(6, ""));
  ExpectPoisons(MethodFrame(6, std::string(1025, 'm')));
  RawFrame of_a_call = MethodFrame(6, "a/b");
  of_a_call.call = 1;
  ExpectPoisons(of_a_call);
}

TEST_P(HostileOpensTest, AMethodNameOfAnyBytesIsUnknown) {
  Serve();
  RawPeer client = NewClient();
  uint32_t number = 5;
  for (const std::string& name :
       {std::string(1024, 'm'), std::string("\0\xff/\n", 4), std::string("/"),
        std::string("fdrpc.testing.TestService"),
        std::string("fdrpc.testing.TestService/"),
        std::string("fdrpc.testing.TestService/Echo\0", 31)}) {
    ASSERT_TRUE(client.Send(MethodFrame(++number, name)));
    ASSERT_TRUE(client.Send(OpenFrame(number, number, "")));
    EXPECT_EQ(client.ReadStatus(number).code, kUnimplemented);
  }
}

TEST_P(HostileOpensTest, AMethodThatWasNotNamedPoisons) {
  Serve();
  for (uint32_t method : {0u, 6u, 0xffffffffu}) {
    ExpectPoisons(OpenFrame(1, method, ""));
  }
}

TEST_P(HostileOpensTest, MetadataUpToTheLimitsIsTaken) {
  Serve();
  ExpectTakesMetadata("");
  ExpectTakesMetadata(MetadataBlock({{std::string(255, 'k'), ""}}));
  ExpectTakesMetadata(MetadataBlock({{"k-bin", std::string("\0\xff", 2)}}));
  std::vector<std::pair<std::string, std::string>> entries(1024, {"k", "v"});
  ExpectTakesMetadata(MetadataBlock(entries));
  ExpectTakesMetadata(
      MetadataBlock({{"k", std::string((64u << 10) - 6, 'v')}}));
}

TEST_P(HostileOpensTest, MetadataOfAbsurdNumberOrSizePoisons) {
  Serve();
  std::vector<std::pair<std::string, std::string>> entries(1025, {"k", "v"});
  ExpectPoisons(OpenWithMetadata(Sized(MetadataBlock(entries))));
  ExpectPoisons(OpenWithMetadata(
      Sized(MetadataBlock({{"k", std::string((64u << 10) - 5, 'v')}}))));
  ExpectPoisons(OpenWithMetadata(
      Sized(MetadataBlock({{"k", std::string(900u << 10, 'v')}}))));
}

TEST_P(HostileOpensTest, MetadataThatIsCutOffPoisons) {
  Serve();
  const std::string block = MetadataBlock({{"key", "value"}, {"more", "text"}});
  for (size_t size = 1; size < block.size(); ++size) {
    if (size == MetadataBlock({{"key", "value"}}).size()) continue;
    ExpectPoisons(OpenWithMetadata(Sized(block.substr(0, size))));
  }
  for (uint32_t length : {100u, 0x7fffffffu, 0xffffffffu}) {
    ExpectPoisons(OpenWithMetadata(Bytes32(length)));
    ExpectPoisons(OpenWithMetadata(Sized("\x01" + Bytes32(length) + "kv")));
  }
  RawFrame open = OpenFrame(1, kEcho, "xyz");
  open.flags |= RawFrame::kMetadata;
  ExpectPoisons(open);
}

TEST_P(HostileOpensTest, MetadataThatBreaksTheRulesPoisons) {
  Serve();
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{
           {"", "v"},
           {"Upper", "v"},
           {"a b", "v"},
           {"a\xc3\xa4", "v"},
           {std::string("a\0", 2), "v"},
           {"k", "a\n"},
           {"k", "\x7f"},
           {"k", "\xff"},
           {"k", std::string(1, '\0')}}) {
    ExpectPoisons(OpenWithMetadata(Sized(MetadataBlock({{key, value}}))));
  }
}

TEST_P(HostileOpensTest, ATimeoutThatIsCutOffPoisons) {
  Serve();
  for (size_t size = 0; size < 8; ++size) {
    RawFrame open = OpenFrame(1, kEcho, std::string(size, '\1'));
    open.flags |= RawFrame::kTimeout;
    ExpectPoisons(open);
  }
}

TEST_P(HostileOpensTest, ATimeoutOfZeroIsOver) {
  Serve();
  RawFrame open = OpenFrame(1, kEcho, Bytes64(0) + TextBytes("x"));
  open.flags |= RawFrame::kTimeout;
  ExpectFailsCall(open, {}, kDeadlineExceeded);
}

TEST_P(HostileOpensTest, ATimeoutOfEternityIsNone) {
  Serve();
  uint32_t call = 0;
  RawPeer client = NewClient();
  for (uint64_t timeout :
       {~uint64_t{0}, uint64_t{1} << 63, (uint64_t{1} << 63) - 1}) {
    RawFrame open = OpenFrame(++call, kEcho, Bytes64(timeout) + TextBytes("x"));
    open.flags |= RawFrame::kTimeout;
    ASSERT_TRUE(client.Send(open));
    RawStatus status = client.ReadStatus(call);
    EXPECT_EQ(status.code, kOk) << status.text;
  }
}

}  // namespace
}  // namespace fdrpc::testing
