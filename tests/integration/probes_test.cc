// The static probes at the beginning and the end of calls (USDT), as tools find
// them in a program, and as the kernel counts them.

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/unary_call_fixture.h"
#include "tests/support/probe_sites.h"

namespace fdrpc::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::MatchesRegex;
using ::testing::Pair;
using ::testing::UnorderedElementsAreArray;

std::vector<ProbeSite> OwnProbes() {
  std::vector<ProbeSite> sites = ProbeSitesOfThisProgram();
  std::erase_if(sites, [](auto& site) { return site.provider != "fdrpc"; });
  return sites;
}

// How often each probe is passed by the threads that this one starts. Make it
// before them.
class ProbeCounts {
 public:
  // False, with the reason, if the kernel does not let this process count.
  bool Begin() {
    std::ifstream file("/sys/bus/event_source/devices/uprobe/type");
    perf_event_attr event = {};
    event.size = sizeof(event);
    if (!(file >> event.type)) {
      why_ = "this kernel has no uprobes for perf_event_open(2)";
      return false;
    }
    event.inherit = 1;
    for (const ProbeSite& site : OwnProbes()) {
      event.uprobe_path = reinterpret_cast<uintptr_t>("/proc/self/exe");
      event.probe_offset = site.file_offset;
      UniqueFd counter(
          static_cast<int>(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0)));
      if (!counter.ok()) {
        why_ = std::string("perf_event_open of a uprobe: ") + strerror(errno);
        return false;
      }
      counters_.emplace_back(site.name, std::move(counter));
    }
    return true;
  }
  const std::string& why() const { return why_; }

  std::map<std::string, uint64_t> Read() const {
    std::map<std::string, uint64_t> counts;
    for (const auto& [name, counter] : counters_) {
      uint64_t count = 0;
      EXPECT_EQ(read(counter.get(), &count, sizeof(count)), sizeof(count));
      counts[name] += count;
    }
    return counts;
  }

 private:
  std::string why_;
  std::vector<std::pair<std::string, UniqueFd>> counters_;
};

class ProbesTest : public UnaryCallFixture {
 protected:
  void SetUp() override {
#ifndef FDRPC_USDT
    GTEST_SKIP() << "built without FDRPC_USDT: there is no sys/sdt.h";
#endif
    service_.put = [](auto&, auto&, auto&) {
      return absl::NotFoundError("nothing there");
    };
  }

  // One call of each kind, and one that fails.
  void MakeCalls() {
    TestService::Stub stub = NewStub();
    EXPECT_TRUE(stub.Echo(TextOf("a")).ok());
    EXPECT_EQ(stub.Put(Parcel<Files>()).status().code(),
              absl::StatusCode::kNotFound);
    auto watch = stub.Watch(Numbered(2));
    for (Text reply; watch.Read(reply);) {
    }
    EXPECT_TRUE(watch.Finish().ok());
    auto collect = stub.Collect();
    EXPECT_TRUE(collect.Write(TextOf("b")));
    EXPECT_TRUE(collect.Finish().ok());
    auto chat = stub.Chat();
    chat.WritesDone();
    EXPECT_TRUE(chat.Finish().ok());
  }
  static constexpr uint64_t kCalls = 5;
};
INSTANTIATE_TEST_SUITE_P(Over, ProbesTest, kAllSchemes, SchemeName);

TEST(ProbeSitesTest, HaveTheirNamesAndArguments) {
#ifndef FDRPC_USDT
  GTEST_SKIP() << "built without FDRPC_USDT: there is no sys/sdt.h";
#endif
  std::map<std::string, int> found;
  for (const ProbeSite& site : OwnProbes()) {
    const bool end = site.name.ends_with("_end");
    EXPECT_THAT(site.arguments,
                MatchesRegex(end ? "8@[^ ]+ 8@[^ ]+ 8@[^ ]+ -4@[^ ]+"
                                 : "8@[^ ]+ 8@[^ ]+ 8@[^ ]+"))
        << site.name;
    EXPECT_EQ(site.semaphore, 0) << site.name;
    EXPECT_NE(site.file_offset, 0) << site.name;
    found[site.name] = 1;
  }
  EXPECT_THAT(
      found,
      ElementsAre(Pair("client_call_end", 1), Pair("client_call_start", 1),
                  Pair("server_call_end", 1), Pair("server_call_start", 1)));
}

TEST_P(ProbesTest, AreWhereEachCallBeginsAndEnds) {
  ProbeCounts counts;
  if (!counts.Begin()) GTEST_SKIP() << counts.why();
  Serve();
  MakeCalls();
  StopServer();
  EXPECT_THAT(counts.Read(), ElementsAre(Pair("client_call_end", kCalls),
                                         Pair("client_call_start", kCalls),
                                         Pair("server_call_end", kCalls),
                                         Pair("server_call_start", kCalls)));
}

TEST_P(ProbesTest, AreAlsoWhereCallsAreRefusedOrNeverSent) {
  ProbeCounts counts;
  if (!counts.Begin()) GTEST_SKIP() << counts.why();
  EXPECT_FALSE(NewStub().Echo(Text()).ok());  // nobody listens
  Serve({.max_metadata_bytes = 64});
  Metadata large;
  large.Add("key", std::string(100, 'x'));
  EXPECT_EQ(NewStub().Echo(Text(), {.metadata = large}).status().code(),
            absl::StatusCode::kResourceExhausted);
  StopServer();
  EXPECT_THAT(
      counts.Read(),
      ElementsAre(Pair("client_call_end", 2), Pair("client_call_start", 2),
                  Pair("server_call_end", 1), Pair("server_call_start", 1)));
}

// bpftrace, which runs a program until that exits.
class Bpftrace {
 public:
  explicit Bpftrace(const std::string& program)
      : output_(popen(
            ("exec bpftrace -B line -e '" + program + "' 2>&1").c_str(), "r")) {
  }
  ~Bpftrace() { pclose(output_); }
  Bpftrace(const Bpftrace&) = delete;
  Bpftrace& operator=(const Bpftrace&) = delete;

  // False at the end.
  bool ReadLine(std::string& line) {
    char buffer[512];
    if (fgets(buffer, sizeof(buffer), output_) == nullptr) return false;
    line = buffer;
    return true;
  }

 private:
  FILE* const output_;
};

// The ends are counted in a map, which the kernel has changed when the call has
// ended, and which bpftrace prints at its end. What it would print for each
// call may be lost: exit() of one CPU does not wait for what others have
// printed.
TEST_P(ProbesTest, TellBpftraceTheMethodAndTheStatus) {
  const std::string pid = std::to_string(getpid());
  const std::string probes = "usdt:/proc/" + pid + "/exe:fdrpc:";
  const std::string filter = " /pid == " + pid + "/ ";
  Bpftrace trace("BEGIN { printf(\"ready\\n\"); } " + probes + "*_call_start" +
                 filter + "{ @begun[arg0, str(arg1, arg2)] = 1; } " + probes +
                 "*_call_end" + filter +
                 "{ @ends[probe, str(arg1, arg2), (int32)arg3, "
                 "@begun[arg0, str(arg1, arg2)]] = count(); "
                 "if ((int32)arg3 == 14) { exit(); } }");
  std::string line;
  std::string output;
  while (line != "ready\n") {
    if (!trace.ReadLine(line)) {
      GTEST_SKIP() << "bpftrace does not work here: " << output;
    }
    output += line;
  }
  Serve();
  MakeCalls();
  StopServer();
  EXPECT_TRUE(absl::IsUnavailable(NewStub().Echo(Text()).status()));
  std::vector<std::string> ends;
  const std::string prefix = "@ends[" + probes;
  while (trace.ReadLine(line)) {
    if (line.starts_with(prefix)) ends.push_back(line.substr(prefix.size()));
  }
  const std::string service = "_call_end, fdrpc.testing.TestService/";
  std::vector<std::string> expected = {"client" + service +
                                       "Echo, 14, 1]: 1\n"};
  for (const char* const side : {"client", "server"}) {
    for (const char* const end :
         {"Echo, 0", "Put, 5", "Watch, 0", "Collect, 0", "Chat, 0"}) {
      expected.push_back(side + service + end + ", 1]: 1\n");
    }
  }
  EXPECT_THAT(ends, UnorderedElementsAreArray(expected));
}

}  // namespace
}  // namespace fdrpc::testing
