#ifndef FDRPC_SERVICES_TOOL_LOAD_RUN_H_
#define FDRPC_SERVICES_TOOL_LOAD_RUN_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "fdrpc/call_options.h"
#include "fdrpc/caller.h"
#include "fdrpc/dynamic_method.h"
#include "fdrpc/dynamic_parcel.h"
#include "google/protobuf/dynamic_message.h"
#include "services/tool/latency_histogram.h"

namespace fdrpc::tool {

struct LoadSettings {
  CallOptions call;
  std::string request = "{}";
  int concurrency = 1;  // threads, each with one call at a time
  // Calls in a second, of all threads; 0: as many as they can. A call that
  // starts late counts from the time at which it should have started.
  double rate = 0;
  std::chrono::nanoseconds duration = std::chrono::seconds(10);
  uint64_t calls = 0;  // ends after so many; 0: only after `duration`
};

struct LoadResult {
  LatencyHistogram latencies;  // of the calls that were OK
  std::map<absl::StatusCode, uint64_t> errors;
  std::string first_error;
  std::chrono::nanoseconds elapsed{0};

  uint64_t failed() const;
  double rate() const;  // calls that were OK, in a second
};

// Makes calls of a unary or one-way method from several threads.
class LoadRun {
 public:
  // Borrows its arguments. Calls are distributed over `callers`.
  LoadRun(const google::protobuf::MethodDescriptor& method,
          const std::vector<std::shared_ptr<Caller>>& callers,
          const LoadSettings& settings);

  // Blocks until the end. Calls `progress` each second with the number of calls
  // so far. INVALID_ARGUMENT if the request is wrong.
  absl::Status Run(absl::FunctionRef<void(uint64_t calls)> progress,
                   LoadResult& result);
  // Ends it early. Safe in a signal handler.
  void Stop() { stopped_ = true; }

 private:
  using Clock = std::chrono::steady_clock;

  void Work(Caller& caller);
  absl::Status CallOnce(Caller& caller, DynamicParcel& request,
                        bool has_descriptors, DynamicParcel& reply);
  std::unique_ptr<DynamicParcel> NewMessage(
      const google::protobuf::Descriptor& type);
  // Gives the next call its time to start; false if there is none.
  bool AwaitTurn(Clock::time_point& start);

  const DynamicMethod method_;
  const std::vector<std::shared_ptr<Caller>>& callers_;
  const LoadSettings& settings_;
  const bool has_descriptors_;  // so that each call needs a request of its own
  google::protobuf::DynamicMessageFactory factory_;
  Clock::time_point begin_;
  std::atomic<bool> stopped_ = false;
  std::atomic<uint64_t> started_ = 0;
  std::atomic<uint64_t> finished_ = 0;

  std::mutex mutex_;  // guards the following
  absl::Status wrong_;
  LoadResult result_;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_LOAD_RUN_H_
