// How long a process takes from its start to the report of its end:
//
//   fdrpc_bench_launches COUNT [ADDRESS]
//
// By the launcher at the address, or, without one, by posix_spawn(3) and
// waitpid(2). Prints the figures.

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/launcher/v1/launcher.fdrpc.h"

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

void Spawn() {
  char program[] = "/bin/true";
  char* const arguments[] = {program, nullptr};
  pid_t pid = -1;
  if (posix_spawn(&pid, program, nullptr, nullptr, arguments, environ) != 0 ||
      waitpid(pid, nullptr, 0) != pid) {
    Fail("posix_spawn failed");
  }
}

void Launch(const fdrpc::launcher::v1::Launcher::Stub& launcher) {
  fdrpc::Parcel<fdrpc::launcher::v1::LaunchRequest> request;
  request->add_arguments("/bin/true");
  const absl::Status status = launcher.Run(std::move(request)).Finish();
  if (!status.ok()) Fail(status.ToString());
}

void Measure(int count, const std::function<void()>& run) {
  std::vector<double> micros;
  for (int i = 0; i < count; ++i) {
    const Clock::time_point begin = Clock::now();
    run();
    micros.push_back(
        std::chrono::duration<double, std::micro>(Clock::now() - begin)
            .count());
  }
  double sum = 0;
  for (const double each : micros) sum += each;
  std::sort(micros.begin(), micros.end());
  std::printf("{\"p50_us\": %.1f, \"p99_us\": %.1f, \"rate_per_s\": %.0f}\n",
              micros[micros.size() / 2], micros[micros.size() * 99 / 100],
              1e6 * static_cast<double>(micros.size()) / sum);
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 0;
  if (count <= 0 || argc > 3)
    Fail("usage: fdrpc_bench_launches COUNT [ADDRESS]");
  if (argc == 2) {
    Measure(count, Spawn);
    return 0;
  }
  const auto channel = fdrpc::Channel::Connect(argv[2]);
  if (!channel.ok()) Fail(channel.status().ToString());
  const fdrpc::launcher::v1::Launcher::Stub launcher(*channel);
  Measure(count, [&] { Launch(launcher); });
  return 0;
}
