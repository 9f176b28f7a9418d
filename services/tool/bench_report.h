#ifndef FDRPC_SERVICES_TOOL_BENCH_REPORT_H_
#define FDRPC_SERVICES_TOOL_BENCH_REPORT_H_

#include <string>

#include "services/tool/load_run.h"

namespace fdrpc::tool {

// What was measured.
struct BenchTitle {
  std::string address;
  std::string method;
  int concurrency = 1;
  int connections = 1;
  double rate = 0;  // as asked for; 0: none
};

// For people: counts, rate, percentiles and a histogram.
std::string BenchText(const BenchTitle& title, const LoadResult& result);
// One JSON object, in one line. Times are in nanoseconds.
std::string BenchJson(const BenchTitle& title, const LoadResult& result);
// A page with plots, which needs nothing else.
std::string BenchHtml(const BenchTitle& title, const LoadResult& result);

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_BENCH_REPORT_H_
