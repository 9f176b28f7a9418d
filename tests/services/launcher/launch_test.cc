// fdrpc-launcher as a process, called over each type of socket.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "fdrpc/channel.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/services/launcher/launcher.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/sanitized.h"

namespace fdrpc::launcher {
namespace {

using ::testing::HasSubstr;
using testing::Pipe;
using testing::ReadRest;
using testing::Script;

using Events = ClientReader<Parcel<v1::ProcessEvent>>;

class LaunchTest : public ::testing::TestWithParam<const char*> {
 protected:
  LaunchTest() { Connect(); }
  void Connect() {
    channel_ = Channel::Connect(launcher_.address(GetParam()));
    ASSERT_TRUE(channel_.ok()) << channel_.status();
    stub_.emplace(*channel_);
  }
  // The process's id.
  uint64_t Launch(Parcel<v1::LaunchRequest> request) {
    const auto reply = stub_->Launch(std::move(request));
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? (*reply)->id() : 0;
  }
  Events Watch(uint64_t id) {
    v1::WatchRequest request;
    request.set_id(id);
    return stub_->Watch(request);
  }
  static v1::ProcessEvent Next(Events& events) {
    std::optional<Parcel<v1::ProcessEvent>> event = events.Read();
    return event.has_value() ? **event : v1::ProcessEvent();
  }
  // The first event that is not `started`.
  static v1::Ended EndOf(Events events) {
    v1::ProcessEvent event = Next(events);
    if (event.has_started()) event = Next(events);
    EXPECT_TRUE(event.has_ended()) << event.DebugString();
    EXPECT_FALSE(events.Read().has_value());
    EXPECT_TRUE(events.Finish().ok());
    return event.ended();
  }
  // What it prints, and its exit code.
  std::string Output(Parcel<v1::LaunchRequest> request, int exit_code = 0) {
    auto [output, write_end] = Pipe();
    testing::Give(request, write_end.get(), 1);
    testing::Give(request, write_end.get(), 2);
    write_end.Reset();
    Events events = stub_->Run(std::move(request));
    const std::string text = ReadRest(output.get());
    EXPECT_EQ(EndOf(std::move(events)).exit_code(), exit_code);
    return text;
  }
  // Ends after the test, unless it is killed before.
  Parcel<v1::LaunchRequest> HeldScript(const std::string& script,
                                       int output = -1) {
    Parcel<v1::LaunchRequest> request = Script(script, output);
    testing::Give(request, held_.first.get(), 0);
    return request;
  }
  testing::DescriptorCensus LauncherCensus() {
    return testing::TakeCensusOf(launcher_.program().pid());
  }
  // Those that could not be started are reaped after their calls.
  void AwaitNoChildren() {
    while (!Children().empty()) std::this_thread::yield();
  }
  std::vector<pid_t> Children() {
    return testing::ChildrenOf(launcher_.program().pid());
  }

  testing::ExpectSameDescriptors census_;
  std::pair<UniqueFd, UniqueFd> held_ = Pipe();
  testing::Launcher launcher_;
  absl::StatusOr<Channel> channel_ = absl::UnknownError("");
  std::optional<v1::Launcher::Stub> stub_;
};

INSTANTIATE_TEST_SUITE_P(
    Types, LaunchTest, ::testing::ValuesIn(testing::Launcher::kSchemes),
    [](const ::testing::TestParamInfo<const char*>& scheme) {
      const std::string name(scheme.param);
      return name == "unix:"             ? "Stream"
             : name == "unix-seqpacket:" ? "Seqpacket"
                                         : "Datagram";
    });

TEST_P(LaunchTest, LaunchRepliesWithAPidfdAndWatchReportsTheEnd) {
  auto [input, hold] = Pipe();
  Parcel<v1::LaunchRequest> request = Script("cat; exit 7");
  testing::Give(request, input.get(), 0);
  const auto reply = stub_->Launch(std::move(request));
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_THAT(Children(), ::testing::ElementsAre((*reply)->pid()));
  pollfd end = {.fd = reply->pidfd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(poll(&end, 1, 0), 0);

  Events events = Watch((*reply)->id());
  std::optional<Parcel<v1::ProcessEvent>> event = events.Read();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ((*event)->started().pid(), (*reply)->pid());
  EXPECT_TRUE(event->Take((*event)->started().pidfd()).ok());
  hold.Reset();
  EXPECT_EQ(poll(&end, 1, -1), 1);
  const v1::ProcessEvent ended = Next(events);
  EXPECT_EQ(ended.ended().exit_code(), 7);
  EXPECT_FALSE(ended.ended().has_signal());
  EXPECT_GT(ended.ended().resources().max_resident_bytes(), 0u);
  EXPECT_GT(ended.ended().resources().minor_page_faults(), 0u);
  EXPECT_TRUE(events.Finish().ok());
  EXPECT_THAT(Children(), ::testing::IsEmpty());
}

TEST_P(LaunchTest, WatchReportsAProcessThatHasEndedAsOftenAsItIsAsked) {
  const uint64_t id = Launch(Script("kill -TERM $$"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(EndOf(Watch(id)).signal(), SIGTERM);
}

TEST_P(LaunchTest, WatchKnowsOnlyWhatWasLaunched) {
  const absl::Status status = Watch(4711).Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("4711"));
}

TEST_P(LaunchTest, ReportsThatItIsStoppedAndContinues) {
  auto [input, hold] = Pipe();
  Parcel<v1::LaunchRequest> request = Script("exec cat");
  testing::Give(request, input.get(), 0);
  Events events = stub_->Run(std::move(request));
  std::optional<Parcel<v1::ProcessEvent>> started = events.Read();
  ASSERT_TRUE(started.has_value());
  const uint64_t id = (*started)->started().id();
  const UniqueFd pidfd = started->Take((*started)->started().pidfd());
  ASSERT_EQ(syscall(SYS_pidfd_send_signal, pidfd.get(), SIGSTOP, nullptr, 0),
            0);
  EXPECT_EQ(Next(events).stopped().signal(), SIGSTOP);
  Events later = Watch(id);
  EXPECT_TRUE(Next(later).has_started());
  EXPECT_EQ(Next(later).stopped().signal(), SIGSTOP);
  ASSERT_EQ(syscall(SYS_pidfd_send_signal, pidfd.get(), SIGCONT, nullptr, 0),
            0);
  EXPECT_TRUE(Next(events).has_continued());
  EXPECT_TRUE(Next(later).has_continued());
  hold.Reset();
  EXPECT_TRUE(Next(events).has_ended());
  EXPECT_TRUE(Next(later).has_ended());
}

TEST_P(LaunchTest, HasWhatTheRequestSays) {
  const std::string directory = launcher_.dir().path();
  Parcel<v1::LaunchRequest> request = Script(
      "pwd; umask; ulimit -n; ulimit -Hc; echo $NAME; "
      "grep NoNewPrivs /proc/self/status; cat <&7; exit 3");
  request.set_working_directory(
      UniqueFd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
  request->set_umask(0077);
  v1::Limit& files = *request->add_limits();
  files.set_resource(v1::RESOURCE_OPEN_FILES);
  files.set_soft(99);
  files.set_hard(100);
  v1::Limit& core = *request->add_limits();
  core.set_resource(v1::RESOURCE_CORE);
  core.set_soft(0);
  core.set_hard(0);
  v1::Variable& variable = *request->add_environment();
  variable.set_name("NAME");
  variable.set_value("value=with=equals");
  request->set_no_new_privileges(true);
  testing::Give(request, testing::FileWith("content").get(), 7);
  EXPECT_EQ(
      Output(std::move(request), 3),
      directory + "\n0077\n99\n0\nvalue=with=equals\nNoNewPrivs:\t1\ncontent");
}

TEST_P(LaunchTest, TheEnvironmentIsTheLaunchersOrOnlyTheRequests) {
  EXPECT_THAT(Output(Script("env")), HasSubstr("\nPATH="));
  Parcel<v1::LaunchRequest> request;
  for (const char* word : {"env", "-u", "X"}) request->add_arguments(word);
  request->set_program("/usr/bin/env");
  request->set_clear_environment(true);
  for (const char* name : {"A", "B", "A"}) {
    v1::Variable& variable = *request->add_environment();
    variable.set_name(name);
    variable.set_value("value");
  }
  request->add_environment()->set_name("B");
  EXPECT_EQ(Output(std::move(request)), "A=value\n");
}

TEST_P(LaunchTest, HasTheUsualLimitOfOpenFiles) {
  // The launcher has raised its own.
  rlimit ours;
  getrlimit(RLIMIT_NOFILE, &ours);
  EXPECT_EQ(Output(Script("ulimit -Sn")), std::to_string(ours.rlim_cur) + "\n");
}

TEST_P(LaunchTest, EachWrongRequestHasOneClearError) {
  using Request = Parcel<v1::LaunchRequest>;
  using Code = absl::StatusCode;
  const UniqueFd file = testing::FileWith("");
  const struct {
    std::function<void(Request&)> change;
    Code code;
    const char* text;
  } table[] = {
      {[](Request& r) { r->clear_arguments(); }, Code::kInvalidArgument,
       "arguments"},
      {[](Request& r) { r->add_arguments(std::string("a\0b", 3)); },
       Code::kInvalidArgument, "arguments[3]: it contains a NUL byte"},
      {[](Request& r) { r->set_program(""); }, Code::kInvalidArgument,
       "program: it is empty"},
      {[](Request& r) { r->set_program(std::string(256, 'x')); },
       Code::kInvalidArgument, "program: it has 256 bytes"},
      {[](Request& r) { r->set_program("/" + std::string(4095, 'x')); },
       Code::kInvalidArgument, "program: it has 4096 bytes"},
      {[](Request& r) { r->add_arguments(std::string(3u << 20, 'x')); },
       Code::kInvalidArgument, "arguments[3]: it has 3145728 bytes"},
      {[](Request& r) {
         v1::Variable& variable = *r->add_environment();
         variable.set_name("PATH");
         variable.set_value(std::string(3u << 20, ':'));
       },
       Code::kInvalidArgument, "environment[0]: it has 3145733 bytes"},
      {[](Request& r) { r->set_program("no-such-program"); }, Code::kNotFound,
       "no-such-program"},
      {[](Request& r) { r->set_program("/etc/passwd"); },
       Code::kPermissionDenied, "/etc/passwd"},
      {[](Request& r) { r->add_environment(); }, Code::kInvalidArgument,
       "environment[0].name"},
      {[](Request& r) { r->add_environment()->set_name("a=b"); },
       Code::kInvalidArgument, "environment[0].name"},
      {[&](Request& r) {
         testing::Give(r, file.get(), 5);
         testing::Give(r, file.get(), 5);
       },
       Code::kInvalidArgument, "descriptors[1].number: 5 is given twice"},
      {[&](Request& r) { testing::Give(r, file.get(), 1024); },
       Code::kInvalidArgument, "1024 is more than 1023"},
      {[](Request& r) { r->add_descriptors(); }, Code::kInvalidArgument,
       "descriptors[0].file"},
      {[&](Request& r) {
         r.set_working_directory(
             UniqueFd(fcntl(file.get(), F_DUPFD_CLOEXEC, 0)));
       },
       Code::kInvalidArgument, "demand a directory"},
      {[](Request& r) { r->set_controlling_terminal(0); },
       Code::kInvalidArgument, "controlling_terminal"},
      {[&](Request& r) {
         testing::Give(r, file.get(), 0);
         r->set_controlling_terminal(0);
       },
       Code::kFailedPrecondition, "must be a terminal"},
      {[](Request& r) { r->add_limits(); }, Code::kInvalidArgument,
       "limits[0].resource: 0"},
      {[](Request& r) {
         v1::Limit& limit = *r->add_limits();
         limit.set_resource(v1::RESOURCE_CPU);
         limit.set_soft(2);
         limit.set_hard(1);
       },
       Code::kInvalidArgument, "above the hard limit"},
      {[](Request& r) { r->set_umask(01000); }, Code::kInvalidArgument,
       "umask"},
      {[](Request& r) { r->mutable_user()->add_groups(1); },
       Code::kInvalidArgument, "groups need a gid"},
  };
  const testing::DescriptorCensus before = LauncherCensus();
  for (const auto& row : table) {
    Request launched = Script(":");
    row.change(launched);
    const absl::Status status = stub_->Launch(std::move(launched)).status();
    EXPECT_EQ(status.code(), row.code) << status << row.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(row.text));
    Request run = Script(":");
    row.change(run);
    const absl::Status of_run = stub_->Run(std::move(run)).Finish();
    EXPECT_EQ(of_run.code(), row.code) << of_run;
    EXPECT_THAT(std::string(of_run.message()), HasSubstr(row.text));
  }
  AwaitNoChildren();
  // The connection's rings and its like come and go with the first calls.
  EXPECT_LE(LauncherCensus().size(), before.size() + 4);
}

TEST_P(LaunchTest, TheEndOfTheCallKillsAllOfItsProcessGroup) {
  auto [output, write_end] = Pipe();
  {
    Events events = stub_->Run(HeldScript(
        "exec 3<&0; cat <&3 > /dev/null & echo x; wait", write_end.get()));
    write_end.Reset();
    char byte;
    ASSERT_EQ(read(output.get(), &byte, 1), 1);
  }
  EXPECT_EQ(ReadRest(output.get()), "\n");
}

TEST_P(LaunchTest, TheDeadlineKillsTheProcess) {
  auto [output, write_end] = Pipe();
  Events events = stub_->Run(HeldScript("exec cat", write_end.get()),
                             {.timeout = absl::Milliseconds(100)});
  write_end.Reset();
  EXPECT_EQ(ReadRest(output.get()), "");
  EXPECT_EQ(events.Finish().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_P(LaunchTest, WhatIsLaunchedSurvivesItsConnectionAndTheLauncher) {
  auto [input, hold] = Pipe();
  auto [output, write_end] = Pipe();
  Parcel<v1::LaunchRequest> request = Script("exec cat", write_end.get());
  testing::Give(request, input.get(), 0);
  const uint64_t id = Launch(std::move(request));
  input.Reset();
  write_end.Reset();
  stub_.reset();
  Connect();
  Events events = Watch(id);
  EXPECT_TRUE(Next(events).has_started());
  EXPECT_EQ(launcher_.Stop(SIGKILL).signal, SIGKILL);
  EXPECT_EQ(events.Finish().code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(write(hold.get(), "still there", 11), 11);
  hold.Reset();
  EXPECT_EQ(ReadRest(output.get()), "still there");
}

TEST_P(LaunchTest, WhatRunsDiesWithTheLauncher) {
  auto [output, write_end] = Pipe();
  Events events = stub_->Run(HeldScript("exec cat", write_end.get()));
  write_end.Reset();
  EXPECT_TRUE(Next(events).has_started());
  EXPECT_EQ(launcher_.Stop(SIGKILL).signal, SIGKILL);
  EXPECT_EQ(ReadRest(output.get()), "");
  EXPECT_EQ(events.Finish().code(), absl::StatusCode::kUnavailable);
}

TEST_P(LaunchTest, ALauncherThatEndsLetsProcessesEndTheirWay) {
  auto [output, write_end] = Pipe();
  Events run = stub_->Run(
      HeldScript(std::string("trap 'echo bye; exit 5' TERM; echo x; ") +
                     testing::kUntilInputEnds,
                 write_end.get()));
  char byte;
  ASSERT_EQ(read(output.get(), &byte, 1), 1);
  auto [input, hold] = Pipe();
  Parcel<v1::LaunchRequest> request = Script("exec cat");
  testing::Give(request, input.get(), 0);
  input.Reset();
  Events watch = Watch(Launch(std::move(request)));
  EXPECT_TRUE(Next(watch).has_started());
  write_end.Reset();
  EXPECT_EQ(launcher_.Stop(SIGTERM).exit_status, 0);
  EXPECT_EQ(EndOf(std::move(run)).exit_code(), 5);
  EXPECT_EQ(ReadRest(output.get()), "\nbye\n");
  const absl::Status status = watch.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the process goes on"));
}

TEST_P(LaunchTest, AThousandLaunchesLeaveNothing) {
  Output(Script(":"));
  const testing::DescriptorCensus before = LauncherCensus();
  const UniqueFd input = testing::FileWith("");
  const int launches = testing::kSanitized ? 100 : 1000;
  for (int i = 0; i < launches; ++i) {
    Parcel<v1::LaunchRequest> request;
    request->add_arguments("true");
    testing::Give(request, input.get(), 0);
    ASSERT_EQ(EndOf(stub_->Run(std::move(request))).exit_code(), 0) << i;
  }
  EXPECT_THAT(Children(), ::testing::IsEmpty());
  EXPECT_EQ(testing::TakeCensusOfExpecting(launcher_.program().pid(), before),
            before);
}

}  // namespace
}  // namespace fdrpc::launcher
