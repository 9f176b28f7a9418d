#include "tests/bench/flags.h"

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string_view>

namespace fdrpc::bench {

Flags ParseFlags(int argc, char** argv) {
  Flags flags;
  auto text = [](std::string& to) {
    return [&to](const char* value) { to = value; };
  };
  auto integer = [](auto& to) {
    return [&to](const char* value) { to = std::atoi(value); };
  };
  auto real = [](double& to) {
    return [&to](const char* value) { to = std::atof(value); };
  };
  const std::map<std::string_view, std::function<void(const char*)>> known = {
      {"--role", text(flags.role)},
      {"--form", text(flags.form)},
      {"--address", text(flags.address)},
      {"--workload", text(flags.workload)},
      {"--payload", integer(flags.payload)},
      {"--in_flight", integer(flags.in_flight)},
      {"--threads", integer(flags.threads)},
      {"--connections", integer(flags.connections)},
      {"--descriptors", integer(flags.descriptors)},
      {"--batched", integer(flags.batched)},
      {"--cpu", integer(flags.cpu)},
      {"--warm_up", real(flags.warm_up)},
      {"--seconds", real(flags.seconds)},
      {"--server_pid", integer(flags.server_pid)},
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const size_t equals = argument.find('=');
    auto flag = known.find(argument.substr(0, equals));
    if (equals == argument.npos || flag == known.end()) {
      std::fprintf(stderr, "%s: --name=value is wanted, not %s\n", argv[0],
                   argv[i]);
      std::exit(2);
    }
    flag->second(argv[i] + equals + 1);
  }
  return flags;
}

}  // namespace fdrpc::bench
