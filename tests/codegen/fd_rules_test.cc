#include "codegen/fd_rules.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc::codegen {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

FdRules Parsed(const std::string& bytes) {
  FdRules rules;
  EXPECT_TRUE(rules.ParseFromString(bytes));
  return rules;
}

TEST(FdRulesTest, RulesAndValuesOfLaterVersionsAreUnknown) {
  EXPECT_TRUE(HasUnknownRules(Parsed({"\x08\x63", 2}))) << "kind: 99";
  EXPECT_TRUE(HasUnknownRules(Parsed({"\x10\x63", 2}))) << "access: 99";
  EXPECT_TRUE(HasUnknownRules(Parsed({"\x3a\x02\x20\x01", 4})))
      << "socket: { 4: 1 }";
  EXPECT_TRUE(HasUnknownRules(Parsed({"\x40\x01", 2}))) << "8: 1";
  EXPECT_FALSE(HasUnknownRules(Parsed({"\x08\x01", 2}))) << "kind: 1";
}

TEST(FdRulesTest, ATableHasTheRulesOfASingleDescriptor) {
  FdRules rules;
  EXPECT_THAT(RulesTable(rules), IsEmpty());
  rules.set_required(true);
  rules.set_max_count(4);
  EXPECT_THAT(RulesTable(rules), IsEmpty());
  rules.add_kind(FdRules::SOCKET);
  rules.add_kind(FdRules::PIPE);
  rules.add_kind(FdRules::SOCKET);
  rules.set_access(FdRules::READ_WRITE);
  rules.set_nonblocking(false);
  rules.mutable_socket()->add_family(FdRules::Socket::INET6);
  rules.mutable_socket()->add_type(FdRules::Socket::STREAM);
  rules.mutable_socket()->set_listening(true);
  EXPECT_THAT(
      RulesTable(rules),
      ElementsAre(
          ".kinds = 1u << 3 | 1u << 4", ".access = 3",
          ".nonblocking = ::fdrpc::internal::DescriptorRules::Demand::kNo",
          ".families = 1u << 3", ".types = 1u << 1",
          ".listening = ::fdrpc::internal::DescriptorRules::Demand::kYes"));
}

}  // namespace
}  // namespace fdrpc::codegen
