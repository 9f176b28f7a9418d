#ifndef FDRPC_TESTS_INTEGRATION_ONE_WAY_LOG_H_
#define FDRPC_TESTS_INTEGRATION_ONE_WAY_LOG_H_

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "fdrpc/server_context.h"
#include "tests/integration/one_way.fdrpc.h"
#include "tests/support/files.h"

namespace fdrpc::testing {

inline LogEntry EntryOf(const std::string& text) {
  LogEntry entry;
  entry.set_text(text);
  return entry;
}

// What handlers received, in order. They refuse "wrong".
class Told {
 public:
  absl::Status Add(const std::string& text) {
    std::lock_guard lock(mu_);
    texts_.push_back(text);
    changed_.notify_all();
    return text == "wrong" ? absl::DataLossError(text) : absl::OkStatus();
  }
  // Waits until there are that many.
  std::vector<std::string> Await(size_t count) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return texts_.size() >= count; });
    return texts_;
  }
  // Waits until that text is among them.
  void AwaitText(const std::string& text) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return std::ranges::count(texts_, text) > 0; });
  }
  size_t size() {
    std::lock_guard lock(mu_);
    return texts_.size();
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  std::vector<std::string> texts_;
};

// The service in each form. A test may do something in the first.
class BlockingLog final : public Log::Service {
 public:
  explicit BlockingLog(Told& told) : told_(told) {}
  absl::Status Write(ServerContext& context, const LogEntry& entry) override {
    if (on_write) on_write(context, entry.text());
    return told_.Add(entry.text());
  }
  absl::Status Attach(ServerContext&, Parcel<LogFile>& file) override {
    return told_.Add(ReadRest(file.take_file().get()));
  }
  absl::Status Ask(ServerContext& context, const LogEntry& request,
                   LogEntry& reply) override {
    if (on_ask) on_ask(context);
    reply = request;
    return absl::OkStatus();
  }

  std::function<void(ServerContext&, const std::string&)> on_write;
  std::function<void(ServerContext&)> on_ask;

 private:
  Told& told_;
};

class AsyncLog final : public Log::AsyncService {
 public:
  explicit AsyncLog(Told& told) : told_(told) {}
  void Write(AsyncServerOneWay<LogEntry> call) override {
    if (call.request().text() == "dropped") {
      (void)told_.Add("dropped");
      return;
    }
    call.Finish(told_.Add(call.request().text()));
  }
  void Attach(AsyncServerOneWay<Parcel<LogFile>> call) override {
    call.Finish(told_.Add(ReadRest(call.request().take_file().get())));
  }

 private:
  Told& told_;
};

class CoLog final : public Log::CoService {
 public:
  explicit CoLog(Told& told) : told_(told) {}
  Task<absl::Status> Write(ServerContext&, const LogEntry& entry) override {
    co_return told_.Add(entry.text());
  }
  Task<absl::Status> Attach(ServerContext&, Parcel<LogFile>& file) override {
    co_return told_.Add(ReadRest(file.take_file().get()));
  }

 private:
  Told& told_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_INTEGRATION_ONE_WAY_LOG_H_
