// main() of every program that measures a system: serves, or runs a workload
// and prints the results as one line of JSON.

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/bench/connection_holder.h"
#include "tests/bench/flags.h"
#include "tests/bench/meter.h"
#include "tests/bench/system.h"

namespace fdrpc::bench {
namespace {

using Figures = std::map<std::string, double>;

void Print(const Figures& figures) {
  std::string line;
  for (const auto& [name, value] : figures) {
    if (!std::isfinite(value)) continue;
    char number[64];
    std::snprintf(number, sizeof(number), "%.6g", value);
    line += (line.empty() ? "{\"" : ", \"") + name + "\": " + number;
  }
  std::printf("%s}\n", line.empty() ? "{" : line.c_str());
}

Meter MakeMeter(const Flags& flags, Meter::Takes takes) {
  return Meter(flags.warm_up, flags.seconds, takes, flags.server_pid);
}

void AddRate(const Flags& flags, uint64_t operations, double seconds,
             double cpu_seconds, Figures& figures) {
  const double count = static_cast<double>(operations);
  figures["rate_per_s"] = count / seconds;
  if (flags.payload >= 1024) {
    figures["mbytes_per_s"] = count * flags.payload / seconds * 1e-6;
  }
  figures["cpu_us_per_call"] = cpu_seconds / count * 1e6;
}

void AddLatencies(std::vector<uint32_t> nanoseconds, Figures& figures) {
  figures["p50_us"] = PercentileMicros(nanoseconds, 0.5);
  figures["p99_us"] = PercentileMicros(nanoseconds, 0.99);
}

Figures Repeated(const Flags& flags, const std::function<void()>& operation) {
  Meter meter = MakeMeter(flags, Meter::Takes::kIntervals);
  while (meter.Next()) operation();
  Figures figures;
  AddLatencies(meter.intervals(), figures);
  AddRate(flags, meter.operations(), meter.seconds(), meter.cpu_seconds(),
          figures);
  return figures;
}

Figures Unary(const Flags& flags) {
  std::unique_ptr<Connection> connection = Connect(flags);
  return Repeated(flags, [&] { connection->Echo(); });
}

Figures Descriptor(const Flags& flags) {
  std::unique_ptr<Connection> connection = Connect(flags);
  return Repeated(flags, [&] { connection->EchoDescriptor(); });
}

Figures OneWay(const Flags& flags) {
  std::unique_ptr<Connection> connection = Connect(flags);
  return Repeated(flags, [&] { connection->Tell(); });
}

Figures HandBytes(const Flags& flags) {
  std::unique_ptr<Connection> connection = Connect(flags);
  return Repeated(flags, [&] { connection->HandBytes(); });
}

Figures HandBuffer(const Flags& flags) {
  std::unique_ptr<Connection> connection = Connect(flags);
  return Repeated(flags, [&] { connection->HandBuffer(); });
}

Figures CallBack(const Flags& flags) {
  std::unique_ptr<Connection> connection = Connect(flags);
  return Repeated(flags, [&] { connection->CallBack(); });
}

Figures CallGiven(const Flags& flags) {
  std::unique_ptr<Connection> connection = Connect(flags);
  return Repeated(flags, [&] { connection->CallGiven(); });
}

// Without the directory that lists them.
ptrdiff_t OpenDescriptors(pid_t pid) {
  const std::string process = pid == 0 ? "self" : std::to_string(pid);
  return std::distance(
      std::filesystem::directory_iterator("/proc/" + process + "/fd"), {});
}

// Passes many descriptors, and checks that none is left on either side.
Figures Soak(const Flags& flags) {
  std::unique_ptr<Connection> connection = Connect(flags);
  connection->PassDescriptors(2000);  // opens what stays open
  const auto left = [&flags] {
    return OpenDescriptors(0) + OpenDescriptors(flags.server_pid);
  };
  const auto await = [&left](ptrdiff_t most) {
    for (int tries = 0; tries < 1000 && left() > most; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  };
  ptrdiff_t before = left();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  before = std::min(before, left());  // some were still being closed
  const double cpu = CpuSeconds(0) + CpuSeconds(flags.server_pid);
  const Clock::time_point begin = Clock::now();
  connection->PassDescriptors(flags.descriptors);
  const double seconds =
      std::chrono::duration<double>(Clock::now() - begin).count();
  Figures figures;
  AddRate(flags, flags.descriptors, seconds,
          CpuSeconds(0) + CpuSeconds(flags.server_pid) - cpu, figures);
  await(before);
  figures["descriptors_left"] = static_cast<double>(left() - before);
  Check(left() == before, "descriptors are left open");
  figures["seconds"] = seconds;
  return figures;
}

// Runs one member function of the connection until the meter ends it.
Figures Overlapping(const Flags& flags, void (Connection::*operation)(Meter&)) {
  std::unique_ptr<Connection> connection = Connect(flags);
  Meter meter = MakeMeter(flags, Meter::Takes::kRate);
  (connection.get()->*operation)(meter);
  Figures figures;
  AddRate(flags, meter.operations(), meter.seconds(), meter.cpu_seconds(),
          figures);
  return figures;
}

// Runs several threads at once, over one connection if they can share it. Also
// returns the latencies, if the meters take them.
Figures InThreads(const Flags& flags, Meter::Takes takes,
                  const std::function<void(Connection&, Meter&)>& operation) {
  std::shared_ptr<Connection> shared;
  if (ThreadsShareConnection()) shared = Connect(flags);
  std::vector<Meter> meters(flags.threads, MakeMeter(flags, takes));
  std::vector<std::thread> threads;
  for (Meter& meter : meters) {
    threads.emplace_back([&flags, &meter, &operation, shared] {
      std::shared_ptr<Connection> connection = shared;
      if (connection == nullptr) connection = Connect(flags);
      operation(*connection, meter);
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<uint32_t> intervals;
  uint64_t operations = 0;
  for (const Meter& meter : meters) {
    operations += meter.operations();
    intervals.insert(intervals.end(), meter.intervals().begin(),
                     meter.intervals().end());
  }
  Figures figures;
  AddLatencies(std::move(intervals), figures);
  AddRate(flags, operations, meters.front().seconds(),
          meters.front().cpu_seconds(), figures);
  return figures;
}

Figures Threads(const Flags& flags) {
  return InThreads(flags, Meter::Takes::kIntervals,
                   [](Connection& connection, Meter& meter) {
                     while (meter.Next()) connection.Echo();
                   });
}

Figures Streams(const Flags& flags) {
  return InThreads(
      flags, Meter::Takes::kRate,
      [](Connection& connection, Meter& meter) { connection.Down(meter); });
}

// Open connections without calls.
Figures Idle(const Flags& flags) {
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < flags.connections; ++i) {
    connections.push_back(Connect(flags));
    connections.back()->Echo();
  }
  auto sleep = [](double seconds) {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  };
  // Without this thread, which only measures.
  auto own = [] { return CpuSeconds(0) - ThreadCpuSeconds(); };
  sleep(flags.warm_up);  // for work that the calls left behind
  const double own_before = own();
  const double servers_before = CpuSeconds(flags.server_pid);
  sleep(flags.seconds);
  const double own_used = own() - own_before;
  const double servers_used = CpuSeconds(flags.server_pid) - servers_before;
  // The clocks are not read at the same time: to the microsecond.
  auto micros = [&](double seconds) {
    return std::max(0.0, std::round(seconds / flags.seconds * 1e6));
  };
  return {{"client_cpu_us_per_s", micros(own_used)},
          {"server_cpu_us_per_s", micros(servers_used)}};
}

// A hundred calls a second.
Figures Paced(const Flags& flags) {
  constexpr std::chrono::milliseconds kPeriod(10);
  std::unique_ptr<Connection> connection = Connect(flags);
  for (int i = 0; i < 10; ++i) connection->Echo();
  std::vector<uint32_t> round_trips;
  const double cpu = CpuSeconds(0) + CpuSeconds(flags.server_pid);
  const Clock::time_point begin = Clock::now();
  Clock::time_point next = begin;
  do {
    next += kPeriod;
    std::this_thread::sleep_until(next);
    const Clock::time_point called = Clock::now();
    connection->Echo();
    round_trips.push_back(
        static_cast<uint32_t>((Clock::now() - called).count()));
  } while (Clock::now() - begin < std::chrono::duration<double>(flags.seconds));
  const double used = CpuSeconds(0) + CpuSeconds(flags.server_pid) - cpu;
  Figures figures = {{"cpu_us_per_call",
                      used / static_cast<double>(round_trips.size()) * 1e6}};
  AddLatencies(std::move(round_trips), figures);
  return figures;
}

// Calls over one connection, alone and then among many idle ones.
Figures AmongIdle(const Flags& flags) {
  constexpr int kHeldByOne = 4000;
  std::vector<ConnectionHolder> holders;
  for (int rest = flags.connections; rest > 0; rest -= kHeldByOne) {
    holders.emplace_back(flags, std::min(rest, kHeldByOne));
  }
  std::unique_ptr<Connection> connection = Connect(flags);
  auto calls = [&] { return Repeated(flags, [&] { connection->Echo(); }); };
  const Figures alone = calls();
  const double servers = PrivateBytes(flags.server_pid);
  double own = 0;
  for (ConnectionHolder& holder : holders) own += holder.Connect();
  const double count = flags.connections;
  Figures figures = {{"client_bytes_per_connection", own / count},
                     {"server_bytes_per_connection",
                      (PrivateBytes(flags.server_pid) - servers) / count},
                     {"alone_p50_us", alone.at("p50_us")},
                     {"alone_cpu_us_per_call", alone.at("cpu_us_per_call")}};
  figures.merge(calls());
  return figures;
}

const std::map<std::string, std::function<Figures(const Flags&)>>& Workloads() {
  static const auto& workloads =
      *new std::map<std::string, std::function<Figures(const Flags&)>>{
          {"unary", Unary},
          {"descriptor", Descriptor},
          {"one_way", OneWay},
          {"hand_bytes", HandBytes},
          {"hand_buffer", HandBuffer},
          {"call_back", CallBack},
          {"call_given", CallGiven},
          {"soak", Soak},
          {"threads", Threads},
          {"streams", Streams},
          {"idle", Idle},
          {"paced", Paced},
          {"among_idle", AmongIdle},
          {"in_flight",
           [](const Flags& flags) {
             return Overlapping(flags, &Connection::EchoInFlight);
           }},
          {"down",
           [](const Flags& flags) {
             return Overlapping(flags, &Connection::Down);
           }},
          {"up",
           [](const Flags& flags) {
             return Overlapping(flags, &Connection::Up);
           }},
      };
  return workloads;
}

void Prepare(const Flags& flags) {
  prctl(PR_SET_PDEATHSIG,
        SIGKILL);  // nothing remains when the runner is killed
  signal(SIGPIPE, SIG_IGN);
  if (flags.cpu >= 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(flags.cpu, &cpus);
    Check(sched_setaffinity(0, sizeof(cpus), &cpus) == 0, "sched_setaffinity");
  }
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

// Simulates the other processes of a machine.
[[noreturn]] void Compute() {
  for (std::atomic<uint64_t> count = 0;; ++count) {
  }
}

}  // namespace

void Skip(std::string_view reason) {
  std::string quoted;
  for (char c : reason) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  std::printf("{\"skipped\": \"%s\"}\n", quoted.c_str());
  std::fflush(stdout);
  _exit(0);
}

void Fail(std::string_view reason) {
  std::fprintf(stderr, "%.*s\n", static_cast<int>(reason.size()),
               reason.data());
  _exit(1);
}

void Ready() {
  std::puts("ready");
  std::fflush(stdout);
}

void Connection::EchoDescriptor() { Skip("no descriptors in calls"); }
void Connection::Tell() { Skip("no one-way calls"); }
void Connection::HandBytes() { Skip("not measured"); }
void Connection::HandBuffer() { Skip("no shared memory"); }
void Connection::CallBack() { Skip("no calls back"); }
void Connection::CallGiven() { Skip("no services in messages"); }
void Connection::PassDescriptors(uint64_t) { Skip("no descriptors in calls"); }
void Connection::EchoInFlight(Meter&) { Skip("no calls at once"); }
void Connection::Down(Meter&) { Skip("no streams"); }
void Connection::Up(Meter&) { Skip("no streams"); }

}  // namespace fdrpc::bench

int main(int argc, char** argv) {
  using namespace fdrpc::bench;  // NOLINT
  const Flags flags = ParseFlags(argc, argv);
  Prepare(flags);
  if (flags.role == "server") {
    Serve(flags);
    return 0;
  }
  if (flags.role == "compute") Compute();
  auto workload = Workloads().find(flags.workload);
  Check(workload != Workloads().end(), "there is no such workload");
  Print(workload->second(flags));
  std::fflush(stdout);
  _exit(0);  // ends the systems' own threads, too
}
