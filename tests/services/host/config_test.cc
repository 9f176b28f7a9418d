// What a configuration directory says, and what is wrong with it.
#include "services/host/config.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/process/user_database.h"
#include "tests/services/host/config_directory.h"

namespace fdrpc::host {
namespace {

using testing::ConfigDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kLeast[] = "command: \"/bin/true\"\nstart: START_AT_ONCE\n";

// The service that a file with this text configures.
HostedService Loaded(const std::string& text) {
  ConfigDirectory directory;
  directory.Write("store", text);
  Configuration configuration = ReadConfiguration(directory.path());
  EXPECT_THAT(configuration.errors, IsEmpty());
  if (configuration.services.size() != 1) return {};
  return std::move(configuration.services.front());
}

TEST(ConfigTest, FillsInTheDefaults) {
  const HostedService service = Loaded(kLeast);
  EXPECT_EQ(service.name, "store");
  EXPECT_THAT(service.file, HasSubstr("/store.textproto"));
  EXPECT_EQ(service.process.program, "/bin/true");
  EXPECT_THAT(service.process.arguments, ElementsAre("/bin/true"));
  EXPECT_THAT(
      service.process.environment,
      ElementsAre("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                  "/sbin:/bin"));
  EXPECT_EQ(service.process.umask, std::nullopt);
  EXPECT_EQ(service.process.user.has_value(), false);
  EXPECT_EQ(service.working_directory, "/");
  EXPECT_EQ(service.namespaces, 0);
  EXPECT_THAT(service.sockets, IsEmpty());
  EXPECT_EQ(service.start_timeout, absl::Seconds(30));
  EXPECT_EQ(service.stop_timeout, absl::Seconds(20));
  EXPECT_EQ(service.idle_timeout, absl::InfiniteDuration());
  EXPECT_EQ(service.watchdog_timeout, absl::InfiniteDuration());
  EXPECT_EQ(service.restart.delay, absl::Milliseconds(100));
  EXPECT_EQ(service.restart.max_delay, absl::Seconds(10));
  EXPECT_EQ(service.restart.max_failures, 10u);
  EXPECT_EQ(service.restart.stable_after, absl::Seconds(10));
  EXPECT_EQ(service.log.destination, v1::Log::DESTINATION_AUTOMATIC);
  EXPECT_EQ(service.log.max_size, 10u << 20);
  EXPECT_EQ(service.log.files, 4u);
}

TEST(ConfigTest, ResolvesEverything) {
  const HostedService service = Loaded(R"(
    command: "/bin/sh"
    command: "-c"
    command: "exec sleep 5"
    environment: "A=1"
    environment: "PATH=/bin"
    environment: "EMPTY="
    working_directory: "/tmp"
    sockets { address: "unix-seqpacket:@name" }
    sockets { address: "unix:/tmp/s" name: "other" mode: 0660 owner: "root"
              group: "0" }
    sockets { address: "unix-dgram:/tmp/d" name: "datagrams" }
    start: START_BY_HAND
    readiness: READINESS_STARTED
    start_timeout: "inf"
    stop_timeout: "1500ms"
    restart { delay: "1s" max_delay: "1m" max_failures: 3 stable_after: "5s" }
    limits { resource: "nofile" soft: 100 hard: 200 }
    limits { resource: "core" soft: 0 }
    no_new_privileges: true
    umask: 0027
    namespaces: [NAMESPACE_NETWORK, NAMESPACE_IPC]
    max_stored_descriptors: 7
    log { destination: DESTINATION_FILE max_size: "1M" files: 2 })");
  EXPECT_THAT(service.process.arguments,
              ElementsAre("/bin/sh", "-c", "exec sleep 5"));
  EXPECT_THAT(service.process.environment,
              ElementsAre("A=1", "PATH=/bin", "EMPTY="));
  EXPECT_EQ(service.working_directory, "/tmp");
  ASSERT_THAT(service.sockets, SizeIs(3));
  EXPECT_EQ(service.sockets[0].type, SOCK_SEQPACKET);
  EXPECT_EQ(service.sockets[0].name, "store");
  EXPECT_EQ(service.sockets[0].path, "");
  EXPECT_EQ(service.sockets[0].abstract_name, "name");
  EXPECT_EQ(service.sockets[0].options.mode, std::nullopt);
  EXPECT_EQ(service.sockets[1].type, SOCK_STREAM);
  EXPECT_EQ(service.sockets[1].name, "other");
  EXPECT_EQ(service.sockets[1].path, "/tmp/s");
  EXPECT_EQ(service.sockets[1].options.mode, 0660);
  EXPECT_EQ(service.sockets[1].options.owner, 0u);
  EXPECT_EQ(service.sockets[1].options.group, 0u);
  EXPECT_EQ(service.sockets[2].type, SOCK_DGRAM);
  EXPECT_EQ(service.sockets[2].options.mode, 0600);
  EXPECT_EQ(service.sockets[2].options.owner, std::nullopt);
  EXPECT_EQ(service.start_timeout, absl::InfiniteDuration());
  EXPECT_EQ(service.stop_timeout, absl::Milliseconds(1500));
  EXPECT_EQ(service.restart.delay, absl::Seconds(1));
  EXPECT_EQ(service.restart.max_delay, absl::Minutes(1));
  EXPECT_EQ(service.restart.max_failures, 3u);
  EXPECT_EQ(service.restart.stable_after, absl::Seconds(5));
  ASSERT_THAT(service.process.limits, SizeIs(2));
  EXPECT_EQ(service.process.limits[0].resource, RLIMIT_NOFILE);
  EXPECT_EQ(service.process.limits[0].limit.rlim_cur, 100u);
  EXPECT_EQ(service.process.limits[0].limit.rlim_max, 200u);
  EXPECT_EQ(service.process.limits[1].limit.rlim_cur, 0u);
  EXPECT_EQ(service.process.limits[1].limit.rlim_max, RLIM_INFINITY);
  EXPECT_TRUE(service.process.no_new_privileges);
  EXPECT_EQ(service.process.umask, 0027);
  EXPECT_EQ(service.namespaces, CLONE_NEWNET | CLONE_NEWIPC);
  EXPECT_EQ(service.config.max_stored_descriptors(), 7u);
  EXPECT_EQ(service.log.destination, v1::Log::DESTINATION_FILE);
  EXPECT_EQ(service.log.max_size, 1u << 20);
  EXPECT_EQ(service.log.files, 2u);
}

TEST(ConfigTest, ResolvesUsersAndGroups) {
  const auto daemon = process::UserNamed("daemon");
  const auto tty = process::GroupNamed("tty");
  ASSERT_TRUE(daemon.ok() && tty.ok());
  const HostedService by_name =
      Loaded(absl::StrCat(kLeast, "user: \"daemon\""));
  ASSERT_TRUE(by_name.process.user.has_value());
  EXPECT_EQ(by_name.process.user->uid, *daemon);
  EXPECT_THAT(by_name.process.user->groups,
              ::testing::Contains(by_name.process.user->gid));
  const HostedService with_group =
      Loaded(absl::StrCat(kLeast, "user: \"daemon\" group: \"tty\""));
  EXPECT_EQ(with_group.process.user->gid, *tty);
  // Not in the user database.
  const HostedService by_number =
      Loaded(absl::StrCat(kLeast, "user: \"1234567\" group: \"1234568\""));
  EXPECT_EQ(by_number.process.user->uid, 1234567u);
  EXPECT_EQ(by_number.process.user->gid, 1234568u);
  EXPECT_THAT(by_number.process.user->groups, IsEmpty());
  // The host's own, which takes no privileges.
  EXPECT_FALSE(Loaded(absl::StrCat(kLeast, "user: \"", geteuid(), "\""))
                   .process.user.has_value());
}

TEST(ConfigTest, ReadsTheFilesInTheOrderOfTheirNames) {
  ConfigDirectory directory;
  for (const char* name : {"b", "a.b", "C", "a-1_2"}) {
    directory.Write(absl::StrCat(name, ".textproto"), kLeast);
  }
  directory.Write(".hidden.textproto", "nonsense");
  directory.Write("notes.txt", "nonsense");
  directory.Write("a.textproto~", "nonsense");
  const auto services = LoadConfiguration(directory.path());
  ASSERT_TRUE(services.ok()) << services.status();
  std::vector<std::string> names;
  for (const HostedService& service : *services) names.push_back(service.name);
  EXPECT_THAT(names, ElementsAre("C", "a-1_2", "a.b", "b"));
}

TEST(ConfigTest, HasNoServicesInAnEmptyDirectory) {
  ConfigDirectory directory;
  const auto services = LoadConfiguration(directory.path());
  ASSERT_TRUE(services.ok()) << services.status();
  EXPECT_THAT(*services, IsEmpty());
}

// A text that is wrong, and the errors: FILE: and DIR/ stand for the file and
// its directory.
struct WrongText {
  const char* name;
  std::string text;
  std::vector<std::string> errors;
};

void PrintTo(const WrongText& wrong, std::ostream* out) { *out << wrong.name; }

class WrongConfigTest : public ::testing::TestWithParam<WrongText> {};

TEST_P(WrongConfigTest, SaysWhatIsWrongAndWhere) {
  ConfigDirectory directory;
  const auto filled_in = [&](const std::string& text) {
    return absl::StrReplaceAll(text, {{"FILE:", directory.file("store") + ":"},
                                      {"DIR/", directory.path() + "/"}});
  };
  directory.Write("store", filled_in(GetParam().text));
  const Configuration configuration = ReadConfiguration(directory.path());
  std::vector<std::string> errors;
  for (const std::string& error : GetParam().errors) {
    errors.push_back(filled_in(error));
  }
  EXPECT_EQ(configuration.errors, errors);
  EXPECT_THAT(configuration.services, IsEmpty());
}

// With `line` as the third one.
std::string With(const std::string& line) { return kLeast + line + "\n"; }

INSTANTIATE_TEST_SUITE_P(
    Texts, WrongConfigTest,
    ::testing::ValuesIn(std::vector<WrongText>{
        {"Empty",
         "",
         {"FILE: command: it is missing: the program's absolute path, and "
          "arguments",
          "FILE: start: a service without sockets cannot start on a "
          "connection: give it one, or write START_AT_ONCE or "
          "START_BY_HAND"}},
        {"Syntax",
         With("start_timeout 5"),
         {"FILE:3: Expected \":\", found \"5\"."}},
        {"UnknownField",
         With("limits { resource: \"cpu\" most: 1 }"),
         {"FILE:3: Message type \"fdrpc.host.v1.Limit\" has no field named "
          "\"most\". It has: resource soft hard"}},
        {"UnknownValue",
         "command: \"/bin/true\"\n\nstart: NOW\n",
         {"FILE:3: Unknown enumeration value of \"NOW\" for field \"start\". "
          "It can be: START_ON_CONNECTION START_AT_ONCE START_BY_HAND"}},
        {"Twice",
         With("start: START_BY_HAND"),
         {"FILE:3: Non-repeated field \"start\" is specified multiple "
          "times."}},
        {"ValueByNumber",
         "command: \"/bin/true\"\nstart: 9\n",
         {"FILE:2: start: 9 is none of its values: write its name"}},
        {"ReadinessByNumber",
         With("readiness: 9"),
         {"FILE:3: readiness: 9 is none of its values: write its name"}},
        {"WatchdogOfAnotherNetwork",
         With("readiness: READINESS_STARTED namespaces: NAMESPACE_NETWORK\n"
              "watchdog_timeout: \"5s\""),
         {"FILE:4: watchdog_timeout: a process in a network namespace of its "
          "own cannot reach the host's socket for notifications: remove it"}},
        {"NotificationsFromAnotherNetwork",
         With("namespaces: NAMESPACE_NETWORK"),
         {"FILE:3: namespaces: a process in a network namespace of its own "
          "cannot reach the host's socket for notifications: write readiness: "
          "READINESS_STARTED"}},
        {"IdleDatagramSockets",
         "command: \"/bin/true\"\nsockets { address: \"unix-dgram:@x\" }\n"
         "idle_timeout: \"2m\"\n",
         {"FILE:3: idle_timeout: the host cannot see who is connected by a "
          "unix-dgram socket: let the program end itself "
          "(ServerOptions::idle_timeout)"}},
        {"RelativeProgram",
         "command: [\"true\"]\nstart: START_AT_ONCE\n",
         {"FILE:1: command: \"true\" is not an absolute path"}},
        {"NoSuchProgram",
         "start: START_AT_ONCE\ncommand: \"DIR/none\"\n",
         {"FILE:2: command: DIR/none: No such file or directory"}},
        {"DirectoryAsProgram",
         "start: START_AT_ONCE\ncommand: \"/bin/\"\n",
         {"FILE:2: command: /bin/ is not a file"}},
        {"NotExecutable",
         "start: START_AT_ONCE\ncommand: \"/etc/passwd\"\n",
         {"FILE:2: command: /etc/passwd cannot be executed: chmod +x"}},
        {"NulInArgument",
         With("command: \"a\\000b\""),
         {"FILE:3: command: it contains a NUL byte"}},
        {"NotAVariable",
         With("environment: [\"A=1\", \"B\", \"=c\"]"),
         {"FILE:3: environment: \"B\" is not like NAME=value",
          "FILE:3: environment: \"=c\" is not like NAME=value"}},
        {"ProtocolVariable",
         With("environment: \"LISTEN_FDS=1\"\n"
              "environment: \"NOTIFY_SOCKET=/x\""),
         {"FILE:3: environment: \"LISTEN_FDS=1\" is set by the host for each "
          "process: remove it",
          "FILE:4: environment: \"NOTIFY_SOCKET=/x\" is set by the host for "
          "each process: remove it"}},
        {"VariableTwice",
         With("environment: \"A=1\"\nenvironment: \"A=2\""),
         {"FILE:4: environment: \"A=2\" has a name that another one has: "
          "remove one of them"}},
        {"NulInVariable",
         With("environment: \"A=\\000\""),
         {"FILE:3: environment: it contains a NUL byte"}},
        {"RelativeDirectory",
         With("working_directory: \"tmp\""),
         {"FILE:3: working_directory: \"tmp\" is not an absolute path"}},
        {"NoSuchDirectory",
         With("working_directory: \"DIR/none\""),
         {"FILE:3: working_directory: DIR/none: No such file or directory"}},
        {"FileAsDirectory",
         With("working_directory: \"/etc/passwd\""),
         {"FILE:3: working_directory: /etc/passwd is not a directory"}},
        {"NoSuchUser",
         With("user: \"no-such-user\""),
         {"FILE:3: user: there is no user no-such-user"}},
        {"NoSuchGroup",
         With("user: \"root\"\ngroup: \"no-such-group\""),
         {"FILE:4: group: there is no group no-such-group"}},
        {"UserWithoutGroup",
         With("user: \"1234567\""),
         {"FILE:3: user: the user database has no user 1234567, whose group "
          "is needed: give it a group"}},
        {"NoUserId",
         With("user: \"4294967295\" group: \"4294967295\""),
         {"FILE:3: user: 4294967295 is no user",
          "FILE:3: group: 4294967295 is no group"}},
        {"GroupWithoutUser",
         With("group: \"root\""),
         {"FILE:3: group: it needs a user, too"}},
        {"NoSuchLimit",
         With("limits { soft: 1 }\n"
              "limits {\n"
              "  resource: \"files\"\n"
              "}"),
         {"FILE:3: resource: \"\" is none of the limits as core cpu data "
          "fsize locks memlock msgqueue nice nofile nproc rtprio rttime "
          "sigpending stack",
          "FILE:5: resource: \"files\" is none of the limits as core cpu data "
          "fsize locks memlock msgqueue nice nofile nproc rtprio rttime "
          "sigpending stack"}},
        {"LimitTwice",
         With("limits { resource: \"cpu\" }\n"
              "limits { resource: \"cpu\" }"),
         {"FILE:4: resource: \"cpu\" is limited twice"}},
        {"SoftAboveHard",
         With("limits { resource: \"cpu\" hard: 5 }"),
         {"FILE:3: hard: the soft limit is above the hard limit; an absent "
          "one is unlimited"}},
        {"DecimalUmask",
         With("umask: 27"),
         {"FILE:3: umask: \"27\" is not a mode: 0 and then octal digits, at "
          "most 0777"}},
        {"LargeUmask",
         With("umask: 01000"),
         {"FILE:3: umask: \"01000\" is not a mode: 0 and then octal digits, "
          "at most 0777"}},
        {"HexadecimalUmask",
         With("umask: 0x1f"),
         {"FILE:3: umask: \"0x1f\" is not a mode: 0 and then octal digits, at "
          "most 0777"}},
        {"NoNamespace",
         With("namespaces: NAMESPACE_UNSPECIFIED"),
         {"FILE:3: namespaces: 0 is no kind of namespace: write a name such "
          "as NAMESPACE_NETWORK"}},
        {"NamespaceTwice",
         With("namespaces: NAMESPACE_IPC\nnamespaces: NAMESPACE_IPC"),
         {"FILE:4: namespaces: NAMESPACE_IPC is given twice"}},
        {"SocketWithoutAddress",
         With("sockets { name: \"a\" }"),
         {"FILE:3: address: \"\": it is not like unix:/path, "
          "unix-seqpacket:/path, unix-dgram:/path, or these with "
          "@abstract-name"}},
        {"OtherScheme",
         With("sockets { address: \"fd:3\" }"),
         {"FILE:3: address: \"fd:3\": it is not like unix:/path, "
          "unix-seqpacket:/path, unix-dgram:/path, or these with "
          "@abstract-name"}},
        {"RelativeSocket",
         With("sockets { address: \"unix:s\" }"),
         {"FILE:3: address: \"unix:s\": its path is not absolute"}},
        {"NamelessSocket",
         With("sockets { address: \"unix:@\" }"),
         {"FILE:3: address: \"unix:@\": it has no name"}},
        {"DirectoryAsSocket",
         With("sockets { address: \"unix:/tmp/\" }"),
         {"FILE:3: address: \"unix:/tmp/\": it ends with a slash, as a "
          "directory does"}},
        {"NoDirectoryForSocket",
         With("sockets { address: \"unix:DIR/a/s\" }"),
         {"FILE:3: address: \"unix:DIR/a/s\": its directory: No such file or "
          "directory"}},
        {"FileForSocketsDirectory",
         With("sockets { address: \"unix:/etc/passwd/s\" }"),
         {"FILE:3: address: \"unix:/etc/passwd/s\": /etc/passwd is not a "
          "directory"}},
        {"LongSocket",
         With("sockets { address: \"unix:@" + std::string(108, 'x') + "\" }"),
         {"FILE:3: address: \"unix:@" + std::string(108, 'x') +
          "\": its name has 108 bytes, and at most 107 are possible "
          "(unix(7))"}},
        {"ControlCharacter",
         With("sockets { address: \"unix:/tmp/\\n\" }"),
         {"FILE:3: address: \"unix:/tmp/\n\": it is not printable ASCII"}},
        {"SocketTwice",
         With("sockets { address: \"unix:/tmp/s\" }\n"
              "sockets { address: \"unix-dgram:/tmp//s\" name: \"d\" }"),
         {"FILE:4: address: \"unix-dgram:/tmp//s\": service store has the "
          "same: change one of them"}},
        {"SocketNameTwice",
         With("sockets { address: \"unix:/tmp/s\" }\n"
              "sockets { address: \"unix:/tmp/t\" }"),
         {"FILE:4: name: another socket of the service is named \"store\", "
          "too: name one of them"}},
        {"NotASocketName",
         With("sockets { address: \"unix:/tmp/s\" name: \"a:b\" }"),
         {"FILE:3: name: \"a:b\" is not a name: printable ASCII without "
          "\":\", at most 255 bytes"}},
        {"DecimalMode",
         With("sockets {\n"
              "  address: \"unix:/tmp/s\"\n"
              "  mode: 438\n"
              "}"),
         {"FILE:5: mode: \"438\" is not a mode: 0 and then octal digits, at "
          "most 0777"}},
        {"ModeOfAbstractName",
         With("sockets { address: \"unix:@s\" mode: 0600 owner: \"root\"\n"
              "group: \"root\" }"),
         {"FILE:3: mode: an abstract name has no file, and everybody can "
          "connect: remove it",
          "FILE:3: owner: an abstract name has no file, and everybody can "
          "connect: remove it",
          "FILE:4: group: an abstract name has no file, and everybody can "
          "connect: remove it"}},
        {"NoSuchOwner",
         With("sockets { address: \"unix:/tmp/s\" owner: \"no-such-user\" }"),
         {"FILE:3: owner: there is no user no-such-user"}},
        {"NoSuchSocketGroup",
         With("sockets { address: \"unix:/tmp/s\" group: \"no-such-group\" }"),
         {"FILE:3: group: there is no group no-such-group"}},
        {"NotATime",
         With("start_timeout: \"5\"\nstop_timeout: \"-1s\""),
         {"FILE:3: start_timeout: \"5\" is not a time such as 500ms, 5s or "
          "inf",
          "FILE:4: stop_timeout: \"-1s\" is not a time such as 500ms, 5s or "
          "inf"}},
        {"IdleWithoutSockets",
         With("idle_timeout: \"5s\""),
         {"FILE:3: idle_timeout: a service without sockets has no clients: "
          "remove it"}},
        {"IdleByHand",
         "command: \"/bin/true\"\nstart: START_BY_HAND\n"
         "sockets { address: \"unix:/tmp/s\" }\nidle_timeout: \"5s\"\n",
         {"FILE:4: idle_timeout: no client would start the service again: "
          "remove it, or write another start than START_BY_HAND"}},
        {"OnConnectionWithoutSockets",
         "command: \"/bin/true\"\nstart: START_ON_CONNECTION\n",
         {"FILE:2: start: a service without sockets cannot start on a "
          "connection: give it one, or write START_AT_ONCE or "
          "START_BY_HAND"}},
        {"DelayAboveLongest",
         With("restart {\n  delay: \"1m\"\n}"),
         {"FILE:4: delay: the delay, 1m, is longer than max_delay, 10s"}},
        {"LongestBelowDelay",
         With("restart { max_delay: \"1ms\" }"),
         {"FILE:3: max_delay: the delay, 100ms, is longer than max_delay, "
          "1ms"}},
        {"NotADelay",
         With("restart { stable_after: \"soon\" }"),
         {"FILE:3: stable_after: \"soon\" is not a time such as 500ms, 5s or "
          "inf"}},
        {"LogByNumber",
         With("log { destination: 9 }"),
         {"FILE:3: destination: 9 is none of its values: write its name"}},
        {"NotASize",
         With("log { max_size: \"10MB\" }"),
         {"FILE:3: max_size: \"10MB\" is not a number of bytes such as 4096, "
          "64K, 512M or 2G"}},
        {"SmallLog",
         With("log { max_size: \"4K\" }"),
         {"FILE:3: max_size: it is at least 16K"}},
        {"ManyLogs",
         With("log { files: 1001 }"),
         {"FILE:3: files: it is at most 1000"}},
        {"SizeOfJournal",
         With("log { destination: DESTINATION_JOURNAL\n"
              "max_size: \"1M\" files: 3 }"),
         {"FILE:4: max_size: it is about files: remove it, or write "
          "destination: DESTINATION_FILE",
          "FILE:4: files: it is about files: remove it, or write destination: "
          "DESTINATION_FILE"}},
    }),
    [](const auto& info) { return std::string(info.param.name); });

TEST(ConfigTest, ReportsAllErrorsOfAllFiles) {
  ConfigDirectory directory;
  directory.Write("a", With("user: \"no-such-user\"\numask: 9"));
  directory.Write("b", kLeast);
  directory.Write("c", "command: 5");
  directory.Write("-d", "command: \"true\"\nstart: START_AT_ONCE");
  const std::string dir = directory.path();
  const Configuration configuration = ReadConfiguration(dir);
  EXPECT_THAT(
      configuration.errors,
      ElementsAre(
          dir + "/-d.textproto: a service's name has letters, digits, \"_\", "
                "\"-\" and \".\", and begins with a letter or digit: rename "
                "it",
          dir + "/-d.textproto:1: command: \"true\" is not an absolute path",
          dir + "/a.textproto:3: user: there is no user no-such-user",
          dir + "/a.textproto:4: umask: \"9\" is not a mode: 0 and then octal "
                "digits, at most 0777",
          HasSubstr(dir + "/c.textproto:1: Expected string")));
  ASSERT_THAT(configuration.services, SizeIs(1));
  EXPECT_EQ(configuration.services[0].name, "b");
  const auto services = LoadConfiguration(dir);
  EXPECT_EQ(services.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(services.status().message(),
            absl::StrJoin(configuration.errors, "\n"));
}

TEST(ConfigTest, RefusesAnAddressThatAnotherServiceHas) {
  ConfigDirectory directory;
  directory.Write("a", With("sockets { address: \"unix:@x\" }"));
  directory.Write("b", With("\nsockets { address: \"unix:@x\" }"));
  EXPECT_THAT(ReadConfiguration(directory.path()).errors,
              ElementsAre(directory.file("b") +
                          ":4: address: \"unix:@x\": service a has the same: "
                          "change one of them"));
}

TEST(ConfigTest, RefusesADirectoryThatIsNotThere) {
  const auto services = LoadConfiguration("/no/such/directory");
  EXPECT_EQ(services.status().message(),
            "/no/such/directory: it cannot be read: No such file or "
            "directory");
}

TEST(ConfigTest, RefusesWhatIsNotAFile) {
  ConfigDirectory directory;
  ASSERT_EQ(mkdir(directory.file("a").c_str(), 0755), 0);
  ASSERT_EQ(mkfifo(directory.file("b").c_str(), 0644), 0);
  EXPECT_THAT(
      ReadConfiguration(directory.path()).errors,
      ElementsAre(
          directory.file("a") + ": it is not a file: remove or rename it",
          directory.file("b") + ": it is not a file: remove or rename it"));
}

TEST(ConfigTest, RefusesALargeFile) {
  ConfigDirectory directory;
  directory.Write("a", std::string((1 << 20) + 1, '#'));
  EXPECT_THAT(ReadConfiguration(directory.path()).errors,
              ElementsAre(directory.file("a") + ": it has more than 1 MiB"));
}

TEST(ConfigTest, RefusesWhatOthersMayWrite) {
  ConfigDirectory directory;
  directory.Write("a", kLeast);
  const std::string file = directory.file("a");
  ASSERT_EQ(chmod(file.c_str(), 0664), 0);
  EXPECT_THAT(
      ReadConfiguration(directory.path()).errors,
      ElementsAre(file + ": its group or everybody may write to it (mode "
                         "664), and could have it start any program: chmod "
                         "go-w"));
  ASSERT_EQ(chmod(file.c_str(), 0644), 0);
  ASSERT_EQ(chmod(directory.path().c_str(), 0707), 0);
  EXPECT_THAT(ReadConfiguration(directory.path()).errors,
              ElementsAre(directory.path() +
                          ": its group or everybody may write to it (mode "
                          "707), and could have it start any program: chmod "
                          "go-w"));
}

TEST(ConfigTest, RefusesWhatBelongsToOthers) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to give a file away";
  ConfigDirectory directory;
  directory.Write("a", kLeast);
  ASSERT_EQ(chown(directory.file("a").c_str(), 1234567, 0), 0);
  EXPECT_THAT(ReadConfiguration(directory.path()).errors,
              ElementsAre(directory.file("a") +
                          ": it belongs to user 1234567, who could have it "
                          "start any program: chown it to root"));
}

TEST(ConfigTest, RefusesAFileThatItMayNotRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  ConfigDirectory directory;
  directory.Write("a", kLeast);
  ASSERT_EQ(chmod(directory.file("a").c_str(), 0), 0);
  EXPECT_THAT(ReadConfiguration(directory.path()).errors,
              ElementsAre(directory.file("a") +
                          ": it cannot be read: Permission denied"));
}

// A process of a user who is gone must not become one of the host's user.
TEST(ConfigTest, WhatDoesNotHoldAnyMoreIsAnError) {
  v1::ServiceConfig config;
  config.add_command("/bin/true");
  config.set_start(v1::ServiceConfig::START_AT_ONCE);
  EXPECT_EQ(ResolveAgain("store", "FILE", config).error, "");
  config.set_user("no-such-user");
  EXPECT_THAT(ResolveAgain("store", "FILE", config).error,
              ::testing::HasSubstr("no-such-user"));
}

}  // namespace
}  // namespace fdrpc::host
