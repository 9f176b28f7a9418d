// What processes say by sd_notify(3), and a host that cannot take all of it.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/host/notify_socket.h"
#include "tests/services/host/running_host.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::host {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RunningHost;
using v1::ServiceStatus;

constexpr size_t kFiles = 3;

void SendFiles(const std::string& address, int fd) {
  const UniqueFd sender(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, address.data(), address.size());
  to.sun_path[0] = '\0';
  std::array<int, kFiles> files;
  files.fill(fd);
  char text[] = "FDSTORE=1";
  iovec buffer = {.iov_base = text, .iov_len = sizeof(text) - 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(files))] = {};
  msghdr message = {};
  message.msg_name = &to;
  message.msg_namelen =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size());
  message.msg_iov = &buffer;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(files));
  std::memcpy(CMSG_DATA(header), files.data(), sizeof(files));
  EXPECT_EQ(sendmsg(sender.get(), &message, 0), sizeof(text) - 1);
}

// The lowest number of `process` (0: this one) that is not in use.
rlim_t LowestFree(pid_t process) {
  const std::string directory =
      absl::StrCat("/proc/", process == 0 ? getpid() : process, "/fd/");
  rlim_t number = 0;
  struct stat entry;
  while (lstat(absl::StrCat(directory, number).c_str(), &entry) == 0) ++number;
  return number;
}

// `process` (0: this one) gets at most `free` more descriptors meanwhile.
class FewDescriptors {
 public:
  FewDescriptors(pid_t process, rlim_t free) : process_(process) {
    rlimit limit;
    EXPECT_EQ(prlimit(process, RLIMIT_NOFILE, nullptr, &before_), 0);
    limit = before_;
    limit.rlim_cur = LowestFree(process) + free;
    EXPECT_EQ(prlimit(process, RLIMIT_NOFILE, &limit, nullptr), 0);
  }
  ~FewDescriptors() {
    EXPECT_EQ(prlimit(process_, RLIMIT_NOFILE, &before_, nullptr), 0);
  }

 private:
  const pid_t process_;
  rlimit before_;
};

TEST(NotifySocketTest, SaysThatFilesWereLost) {
  testing::ExpectSameDescriptors census;
  const absl::StatusOr<NotifySocket> socket = NotifySocket::Open();
  ASSERT_TRUE(socket.ok()) << socket.status();
  const UniqueFd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  SendFiles(socket->address(), file.get());
  {
    const FewDescriptors few(0, 1);
    const auto message = socket->Peek();
    ASSERT_TRUE(message.has_value());
    EXPECT_TRUE(message->lost_files);
    EXPECT_EQ(message->pid, getpid());
    EXPECT_EQ(message->text, "FDSTORE=1");
    EXPECT_LT(message->files.size(), kFiles);
  }
  // It is still there.
  const auto message = socket->Peek();
  ASSERT_TRUE(message.has_value());
  EXPECT_FALSE(message->lost_files);
  EXPECT_EQ(message->files.size(), kFiles);
  socket->Consume();
  EXPECT_FALSE(socket->Peek().has_value());
}

class NotifyTest : public ::testing::Test {
 protected:
  void Say(const std::string& text) {
    const auto reply = host_.Call("echo", text);
    ASSERT_TRUE(reply.ok()) << reply.status();
  }
  // Which follows what was said before.
  void AwaitStatusText(const std::string& text) {
    Say("status " + text);
    host_.Await("echo", [&text](const ServiceStatus& status) {
      return status.status_text() == text;
    });
  }

  testing::ExpectSameDescriptors census_;
  RunningHost host_;
};

TEST_F(NotifyTest, DescriptorsThatTheHostCannotTakeAreMissedInTheLog) {
  host_.Add("echo", "max_stored_descriptors: 2");
  host_.Start();
  Say("store first");
  AwaitStatusText("one is stored");
  EXPECT_EQ(host_.StatusOf("echo").stored_descriptors(), 1u);
  {
    const FewDescriptors few(host_.HostPid(), 0);
    Say("store second");
    AwaitStatusText("one is lost");
    EXPECT_EQ(host_.StatusOf("echo").stored_descriptors(), 1u);
    EXPECT_THAT(host_.Logs("echo"), Contains(HasSubstr("were not stored")));
  }
  Say("store third");
  AwaitStatusText("two are stored");
  EXPECT_EQ(host_.StatusOf("echo").stored_descriptors(), 2u);
}

TEST_F(NotifyTest, AStatusThatIsNotUtf8IsOneOfBytes) {
  host_.Add("echo");
  host_.Start();
  const std::string bytes = "\xff\xfe of 50 \x80";
  // A call's text is UTF-8.
  Say("notify STATUS=\\377\\376 of 50 \\200");
  host_.Await("echo", [&bytes](const ServiceStatus& status) {
    return status.status_text() == bytes;
  });
  EXPECT_EQ(host_.Ctl({"status", "echo"}).exit_status, 0);
  // Also to the next host.
  host_.KillHost();
  EXPECT_EQ(host_.StatusOf("echo").status_text(), bytes);
}

TEST_F(NotifyTest, AServiceWithAWatchdogLives) {
  host_.Add("echo", "watchdog_timeout: \"5s\"");
  host_.Start();
  const auto before = host_.Call("echo", "watchdog");
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->text(), absl::StrCat("5000000 ", before->number()));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(7);
  while (std::chrono::steady_clock::now() < end) {
    ASSERT_EQ(host_.StatusOf("echo").pid(), before->number());
  }
}

// The host reads on once the keeper knows what it has read.
TEST_F(NotifyTest, AServiceLivesThoughTheKeeperIsStopped) {
  host_.Add("echo",
            "watchdog_timeout: \"2s\" stop_timeout: \"100ms\" "
            "restart { delay: \"1ms\" max_delay: \"1ms\" }");
  host_.Start();
  const auto before = host_.Call("echo", "");
  ASSERT_TRUE(before.ok()) << before.status();
  host_.program().Signal(SIGSTOP);
  // Longer than the timeout, and what the watchdog adds to it.
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(4500);
  while (std::chrono::steady_clock::now() < end) {
    const auto meanwhile = host_.Call("echo", "");
    ASSERT_TRUE(meanwhile.ok()) << meanwhile.status();
    ASSERT_EQ(meanwhile->number(), before->number());
  }
  host_.program().Signal(SIGCONT);
  AwaitStatusText("it goes on");
  EXPECT_EQ(host_.StatusOf("echo").pid(), before->number());
  EXPECT_THAT(host_.Logs("echo"), Not(Contains(HasSubstr("SIGABRT"))));
  // And so does the watchdog.
  kill(static_cast<pid_t>(before->number()), SIGSTOP);
  host_.Await("echo", [](const ServiceStatus& status) {
    return absl::StartsWith(status.last_end(), "hung, ");
  });
}

TEST_F(NotifyTest, AServiceThatHangsIsStartedAgain) {
  host_.Add("echo",
            "watchdog_timeout: \"3s\" stop_timeout: \"100ms\" "
            "restart { delay: \"1ms\" max_delay: \"1ms\" }");
  host_.Start();
  const auto before = host_.Call("echo", "");
  ASSERT_TRUE(before.ok()) << before.status();
  // It is deaf for SIGABRT, too.
  kill(static_cast<pid_t>(before->number()), SIGSTOP);
  host_.Await("echo", [](const ServiceStatus& status) {
    return absl::StartsWith(status.last_end(), "hung, ");
  });
  EXPECT_GE(host_.StatusOf("echo").failures(), 1u);
  EXPECT_THAT(host_.Logs("echo"),
              Contains(HasSubstr(absl::StrCat("heard nothing of process ",
                                              before->number()))));
  const auto after = host_.Call("echo", "");
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_NE(after->number(), before->number());
}

TEST_F(NotifyTest, AServiceMayTriggerItsWatchdog) {
  host_.Add(
      "echo",
      "watchdog_timeout: \"1h\" limits { resource: \"core\" soft: 0 hard: 0 }");
  host_.Start();
  // It may end before it answers.
  (void)host_.Call("echo", "notify WATCHDOG=trigger");
  host_.Await("echo", [](const ServiceStatus& status) {
    return absl::StartsWith(status.last_end(),
                            "hung, and was killed by SIGABRT");
  });
  EXPECT_THAT(host_.Logs("echo"),
              Contains(HasSubstr("has said that it hangs")));
}

}  // namespace
}  // namespace fdrpc::host
