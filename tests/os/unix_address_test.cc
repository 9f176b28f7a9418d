#include "os/unix_address.h"

#include <cstddef>
#include <cstring>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace fdrpc {
namespace {

using ::testing::HasSubstr;

// The part of the address after the family, as the kernel gets it.
std::string KernelName(const UnixAddress& address) {
  return std::string(reinterpret_cast<const char*>(address.socket_address()) +
                         offsetof(sockaddr_un, sun_path),
                     address.length() - offsetof(sockaddr_un, sun_path));
}

absl::Status ParseError(std::string_view text) {
  return UnixAddress::Parse(text).status();
}

TEST(UnixAddressTest, ParsesAnAbsolutePath) {
  const absl::StatusOr<UnixAddress> address =
      UnixAddress::Parse("unix:/run/x.sock");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_FALSE(address->is_abstract());
  EXPECT_STREQ(address->path(), "/run/x.sock");
  EXPECT_EQ(address->text(), "unix:/run/x.sock");
  EXPECT_EQ(address->socket_address()->sa_family, AF_UNIX);
  EXPECT_EQ(KernelName(*address), std::string("/run/x.sock\0", 12));
}

TEST(UnixAddressTest, ParsesARelativePath) {
  const absl::StatusOr<UnixAddress> address =
      UnixAddress::Parse("unix:dir/x.sock");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_STREQ(address->path(), "dir/x.sock");
}

TEST(UnixAddressTest, ParsesAnAbstractName) {
  const absl::StatusOr<UnixAddress> address = UnixAddress::Parse("unix:@name");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_TRUE(address->is_abstract());
  EXPECT_EQ(KernelName(*address), std::string("\0name", 5))
      << "no NUL behind it, which would be a part of the name";
  EXPECT_EQ(address->text(), "unix:@name");
}

TEST(UnixAddressTest, TheSchemeSaysTheTypeAndTheRestIsTheSame) {
  EXPECT_EQ(UnixAddress::Parse("unix:/x")->type(), SOCK_STREAM);
  EXPECT_EQ(UnixAddress::Parse("unix-dgram:/x")->type(), SOCK_DGRAM);
  for (const char* name : {"/run/x.sock", "dir/x.sock", "@name"}) {
    const absl::StatusOr<UnixAddress> address =
        UnixAddress::Parse(std::string("unix-seqpacket:") + name);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->type(), SOCK_SEQPACKET);
    EXPECT_EQ(address->text(), std::string("unix-seqpacket:") + name);
    EXPECT_EQ(KernelName(*address),
              KernelName(*UnixAddress::Parse(std::string("unix:") + name)));
  }
}

TEST(UnixAddressTest, AbstractNamesHoldAnyByte) {
  const absl::StatusOr<UnixAddress> address =
      UnixAddress::Parse(std::string_view("unix:@a\0b@", 10));
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(KernelName(*address), std::string("\0a\0b@", 5));
}

TEST(UnixAddressTest, OnlyTheFirstAtSignMakesANameAbstract) {
  const absl::StatusOr<UnixAddress> address = UnixAddress::Parse("unix:a@b");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_FALSE(address->is_abstract());
  EXPECT_STREQ(address->path(), "a@b");
}

TEST(UnixAddressTest, PathsHaveUpTo107Bytes) {
  const std::string longest(107, 'p');
  const absl::StatusOr<UnixAddress> address =
      UnixAddress::Parse("unix:" + longest);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->path(), longest);
  EXPECT_EQ(address->length(), sizeof(sockaddr_un));

  EXPECT_FALSE(address->is_long());

  const absl::Status status = ParseError("unix:" + longest + "p");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("108 bytes"));
  EXPECT_THAT(status.message(), HasSubstr("more than 107"));
  EXPECT_THAT(status.message(), HasSubstr("at most 75"));
}

TEST(UnixAddressTest, LongerPathsAreReachedByWayOfTheirDirectory) {
  const std::string directory = "/" + std::string(200, 'd');
  const std::string name(75, 'n');
  const absl::StatusOr<UnixAddress> address =
      UnixAddress::Parse("unix:" + directory + "/" + name);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_TRUE(address->is_long());
  EXPECT_EQ(address->path(), directory + "/" + name);
  // Any descriptor number fits.
  const UnixAddress reachable = address->Through(2147483647);
  EXPECT_FALSE(reachable.is_long());
  EXPECT_EQ(KernelName(reachable),
            "/proc/thread-self/fd/2147483647/" + name + std::string(1, '\0'));
  EXPECT_EQ(reachable.length(), sizeof(sockaddr_un));
  EXPECT_EQ(reachable.text(), address->text());
  EXPECT_EQ(ParseError("unix:" + directory + "/" + name + "n").code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(UnixAddressTest, PathsAreSplitAtTheLastSlash) {
  const auto split = [](const std::string& path) {
    const absl::StatusOr<UnixAddress> address = UnixAddress::FromPath(path);
    EXPECT_TRUE(address.ok()) << address.status();
    return address->directory() + " " + address->name();
  };
  EXPECT_EQ(split("x"), ". x");
  EXPECT_EQ(split("/x"), "/ x");
  EXPECT_EQ(split("a/b/@x"), "a/b @x");
  EXPECT_EQ(split("@x"), ". @x") << "not an abstract name";
  EXPECT_THAT(ParseError("unix:/a/").message(), HasSubstr("ends with a slash"));
}

TEST(UnixAddressTest, AbstractNamesHaveUpTo107Bytes) {
  const std::string longest(107, 'n');
  const absl::StatusOr<UnixAddress> address =
      UnixAddress::Parse("unix:@" + longest);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->length(), sizeof(sockaddr_un));
  EXPECT_EQ(ParseError("unix:@" + longest + "n").code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(UnixAddressTest, RefusesEmptyPathsAndNames) {
  EXPECT_THAT(ParseError("unix:").message(), HasSubstr("has no path"));
  EXPECT_THAT(ParseError("unix:@").message(), HasSubstr("has no name"));
  for (const char* text : {"unix:", "unix:@", ""}) {
    EXPECT_EQ(ParseError(text).code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(UnixAddressTest, RefusesAPathWithANul) {
  EXPECT_EQ(ParseError(std::string_view("unix:/a\0b", 9)).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(UnixAddressTest, RefusesWhatHasNoKnownForm) {
  for (const char* text :
       {"/run/x.sock", "@name", "UNIX:/x", "unix", "tcp:host:1", "dns:///x"}) {
    const absl::Status status = ParseError(text);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(status.message(), HasSubstr(text));
    EXPECT_THAT(status.message(), HasSubstr("write unix:/path"));
  }
}

}  // namespace
}  // namespace fdrpc
