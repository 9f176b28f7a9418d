#include "os/activation.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/service_manager.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

TEST(ListenVariablesTest, SayHowManySocketsThereAreAndTheirNames) {
  const auto named = ListenVariables::Parse("17", "3", "a::b", 17);
  ASSERT_TRUE(named.ok()) << named.status();
  EXPECT_EQ(named->count, 3);
  EXPECT_THAT(named->names, ElementsAre("a", "", "b"));
  const auto nameless = ListenVariables::Parse("17", "2", nullptr, 17);
  ASSERT_TRUE(nameless.ok()) << nameless.status();
  EXPECT_EQ(nameless->count, 2);
  EXPECT_THAT(nameless->names, IsEmpty());
}

TEST(ListenVariablesTest, AreOfNoUseIfTheyAreMissingGarbageOrAnothers) {
  struct Case {
    const char* pid;
    const char* fds;
    const char* names;
    absl::StatusCode code;
    const char* why;
  };
  const Case cases[] = {
      {nullptr, nullptr, nullptr, kPrecondition, "no service manager"},
      {nullptr, "1", "a", kPrecondition, "LISTEN_PID is not set"},
      {"17", nullptr, "a", kPrecondition, "LISTEN_FDS is not set"},
      {"18", "1", "a", kPrecondition,
       "process 18 (LISTEN_PID), and this is "
       "process 17"},
      {"17", "0", "", kPrecondition, "LISTEN_FDS is 0"},
      {"17", "0", nullptr, kPrecondition, "LISTEN_FDS is 0"},
      {"", "1", "a", kInvalid, "LISTEN_PID is \"\""},
      {"x", "1", "a", kInvalid, "LISTEN_PID is \"x\""},
      {"-17", "1", "a", kInvalid, "LISTEN_PID is \"-17\""},
      {"99999999999", "1", "a", kInvalid, "LISTEN_PID is"},
      {"17", "", "a", kInvalid, "LISTEN_FDS is \"\""},
      {"17", "one", "a", kInvalid, "LISTEN_FDS is \"one\""},
      {"17", "-1", "a", kInvalid, "LISTEN_FDS is \"-1\""},
      {"17", "2147483647", nullptr, kInvalid, "LISTEN_FDS is"},
      {"17", "99999999999", nullptr, kInvalid, "LISTEN_FDS is"},
      {"17", "2", "a", kInvalid, "LISTEN_FDNAMES is \"a\""},
      {"17", "1", "a:b", kInvalid, "LISTEN_FDNAMES is \"a:b\""},
  };
  for (const Case& each : cases) {
    const auto parsed =
        ListenVariables::Parse(each.pid, each.fds, each.names, 17);
    ASSERT_FALSE(parsed.ok()) << each.why;
    EXPECT_EQ(parsed.status().code(), each.code) << parsed.status();
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(each.why));
  }
}

class TakePassedSocketsTest : public ::testing::Test {
 protected:
  // Runs `body`, with its expectations, in a process to which the sockets were
  // passed.
  static void InService(const std::vector<int>& sockets,
                        const std::string& names,
                        const std::function<void()>& body) {
    EXPECT_EQ(InChild([&] {
                PassSockets(sockets, names);
                body();
                return ::testing::Test::HasFailure() ? 1 : 0;
              }),
              0);
  }
  static std::vector<int> Numbers(
      absl::StatusOr<std::vector<InheritedSocket>> taken) {
    EXPECT_TRUE(taken.ok()) << taken.status();
    std::vector<int> numbers;
    if (!taken.ok()) return numbers;
    // They stay open, as with a server that continues.
    for (InheritedSocket& each : *taken) {
      numbers.push_back(each.fd.Release());
    }
    return numbers;
  }
  static void Fails(std::string_view name, absl::StatusCode code,
                    const std::string& why) {
    const auto taken = TakePassedSockets(name);
    ASSERT_FALSE(taken.ok());
    EXPECT_EQ(taken.status().code(), code) << taken.status();
    EXPECT_THAT(std::string(taken.status().message()), HasSubstr(why));
  }

  ExpectSameDescriptors census_;
  TempDir dir_;
  UniqueFd a_ = BoundSocket(SOCK_STREAM, dir_.file("a"));
  UniqueFd b_ = BoundSocket(SOCK_STREAM, dir_.file("b"));
};

TEST_F(TakePassedSocketsTest, TakesAllOnce) {
  InService({a_.get(), b_.get()}, "a:b", [] {
    EXPECT_THAT(Numbers(TakePassedSockets("")), ElementsAre(3, 4));
    Fails("", kPrecondition, "\"systemd:\" are already in use");
    Fails("a", kPrecondition, "\"systemd:a\" are already in use");
  });
}

TEST_F(TakePassedSocketsTest, TakesThoseOfANameAndThenTheOthers) {
  InService({a_.get(), b_.get(), a_.get()}, "a:b:a", [] {
    EXPECT_THAT(Numbers(TakePassedSockets("a")), ElementsAre(3, 5));
    Fails("a", kPrecondition, "in use");
    EXPECT_THAT(Numbers(TakePassedSockets("")), ElementsAre(4));
    Fails("b", kPrecondition, "in use");
  });
}

TEST_F(TakePassedSocketsTest, SaysWhichNamesThereAre) {
  InService({a_.get(), b_.get()}, "a:b", [] {
    Fails("c", kInvalid, "\"c\"");
    Fails("c", kInvalid, "are \"a\", \"b\"");
    EXPECT_THAT(Numbers(TakePassedSockets("b")), ElementsAre(4));
  });
}

TEST_F(TakePassedSocketsTest, NoneOfThemIsInheritedFurther) {
  InService({a_.get(), b_.get()}, "a:b", [] {
    EXPECT_FALSE(HasCloseOnExec(4));
    EXPECT_THAT(Numbers(TakePassedSockets("a")), ElementsAre(3));
    EXPECT_TRUE(HasCloseOnExec(3));
    EXPECT_TRUE(HasCloseOnExec(4));
  });
}

TEST_F(TakePassedSocketsTest, TakesNothingIfOneOfThemIsOfNoUse) {
  const UniqueFd tcp(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  InService({a_.get(), tcp.get()}, "x:x", [] {
    Fails("x", kInvalid, "descriptor 4 is not a socket of the Unix domain");
    Fails("", kInvalid, "descriptor 4 is not a socket of the Unix domain");
    EXPECT_GE(fcntl(3, F_GETFD), 0);
    EXPECT_GE(fcntl(4, F_GETFD), 0);
  });
}

TEST_F(TakePassedSocketsTest, NoticesThatTheVariablesPromiseTooMuch) {
  InService({a_.get()}, "a", [] {
    setenv("LISTEN_FDS", "2000000000", 1);
    unsetenv("LISTEN_FDNAMES");
    Fails("", kInvalid, "descriptor 4 is not open");
  });
}

TEST_F(TakePassedSocketsTest, AChildOfTheServiceHasNone) {
  InService({a_.get()}, "a", [] {
    EXPECT_THAT(Numbers(TakePassedSockets("a")), ElementsAre(3));
    EXPECT_EQ(InChild([] {
                Fails("a", kPrecondition, "must exec the server");
                return ::testing::Test::HasFailure() ? 1 : 0;
              }),
              0);
  });
}

TEST_F(TakePassedSocketsTest, WithoutAManagerThereAreNone) {
  EXPECT_EQ(InChild([] {
              unsetenv("LISTEN_PID");
              unsetenv("LISTEN_FDS");
              Fails("", kPrecondition, "no service manager");
              return ::testing::Test::HasFailure() ? 1 : 0;
            }),
            0);
}

}  // namespace
}  // namespace fdrpc::testing
