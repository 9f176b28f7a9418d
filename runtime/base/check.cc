#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace fdrpc {

void CheckFailed(const char* file, int line, std::string_view what) {
  std::fprintf(stderr, "fdrpc: %s:%d: %.*s\n", file, line,
               static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace fdrpc
