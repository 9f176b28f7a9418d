// Opens a file again and again, and closes it:
//
//   fdrpc_bench_broker ROOT NAME [ADDRESS SERVER_PID]
//
// by itself, beneath ROOT, or by the file broker at ADDRESS, which serves ROOT.
// Prints the figures as JSON.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "tests/bench/meter.h"

namespace fdrpc::bench {
namespace {

using filebroker::v1::FileBroker;

[[noreturn]] void Fail(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

template <typename Open>
int Measure(pid_t server, const Open& open) {
  Meter meter(0.1, 0.5, Meter::Takes::kIntervals, server);
  while (meter.Next()) open();
  std::vector<uint32_t> intervals = meter.intervals();
  std::printf(
      "{\"p50_us\": %.2f, \"p99_us\": %.2f, \"cpu_us_per_call\": %.2f}\n",
      PercentileMicros(intervals, 0.5), PercentileMicros(intervals, 0.99),
      meter.cpu_seconds() * 1e6 / static_cast<double>(intervals.size()));
  return 0;
}

// As the broker opens it, so that no link leads out of the root.
int ByItself(const char* root, const char* name) {
  const UniqueFd directory(open(root, O_PATH | O_DIRECTORY | O_CLOEXEC));
  open_how how = {};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return Measure(0, [&] {
    const UniqueFd file(static_cast<int>(
        syscall(SYS_openat2, directory.get(), name, &how, sizeof(how))));
    if (!file.ok()) Fail("the file cannot be opened");
  });
}

int ByBroker(const char* name, const char* address, pid_t server) {
  const absl::StatusOr<Channel> channel = Channel::Connect(address);
  if (!channel.ok()) Fail(channel.status().ToString());
  FileBroker::Stub broker(*channel);
  filebroker::v1::OpenRequest request;
  request.set_path(name);
  request.set_access(filebroker::v1::ACCESS_READ);
  return Measure(server, [&] {
    const auto reply = broker.Open(request);
    if (!reply.ok()) Fail(reply.status().ToString());
  });
}

}  // namespace
}  // namespace fdrpc::bench

int main(int argc, char** argv) {
  if (argc == 3) return fdrpc::bench::ByItself(argv[1], argv[2]);
  if (argc != 5) return 2;
  return fdrpc::bench::ByBroker(argv[2], argv[3], std::atoi(argv[4]));
}
