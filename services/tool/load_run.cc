#include "services/tool/load_run.h"

#include <condition_variable>
#include <thread>
#include <utility>

#include "google/protobuf/descriptor.h"
#include "services/tool/request_text.h"

namespace fdrpc::tool {

uint64_t LoadResult::failed() const {
  uint64_t sum = 0;
  for (const auto& [code, count] : errors) sum += count;
  return sum;
}

double LoadResult::rate() const {
  const double seconds = std::chrono::duration<double>(elapsed).count();
  return seconds > 0 ? static_cast<double>(latencies.count()) / seconds : 0;
}

LoadRun::LoadRun(const google::protobuf::MethodDescriptor& method,
                 const std::vector<std::shared_ptr<Caller>>& callers,
                 const LoadSettings& settings)
    : method_(method),
      callers_(callers),
      settings_(settings),
      has_descriptors_(settings.request.find("$fd") != std::string::npos) {}

std::unique_ptr<DynamicParcel> LoadRun::NewMessage(
    const google::protobuf::Descriptor& type) {
  return std::make_unique<DynamicParcel>(
      std::unique_ptr<google::protobuf::Message>(
          factory_.GetPrototype(&type)->New()));
}

absl::Status LoadRun::Run(absl::FunctionRef<void(uint64_t calls)> progress,
                          LoadResult& result) {
  std::condition_variable ended;
  int running = settings_.concurrency;
  begin_ = Clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < settings_.concurrency; ++i) {
    Caller& caller = *callers_[static_cast<size_t>(i) % callers_.size()];
    threads.emplace_back([this, &caller, &running, &ended] {
      Work(caller);
      const std::lock_guard lock(mutex_);
      --running;
      ended.notify_one();
    });
  }
  {
    std::unique_lock lock(mutex_);
    while (!ended.wait_for(lock, std::chrono::seconds(1),
                           [&] { return running == 0; })) {
      lock.unlock();
      progress(finished_);
      lock.lock();
    }
  }
  for (std::thread& thread : threads) thread.join();
  result_.elapsed = Clock::now() - begin_;
  result = std::move(result_);
  return wrong_;
}

bool LoadRun::AwaitTurn(Clock::time_point& start) {
  const uint64_t number = started_++;
  if (settings_.calls > 0 && number >= settings_.calls) return false;
  start = Clock::now();
  if (settings_.rate > 0) {
    const auto due =
        begin_ + std::chrono::duration_cast<std::chrono::nanoseconds>(
                     std::chrono::duration<double>(static_cast<double>(number) /
                                                   settings_.rate));
    if (due > begin_ + settings_.duration) return false;
    std::this_thread::sleep_until(due);
    start = due;
  }
  return !stopped_ && start < begin_ + settings_.duration;
}

void LoadRun::Work(Caller& caller) {
  RequestText text;
  LatencyHistogram latencies;
  std::map<absl::StatusCode, uint64_t> errors;
  std::string first_error;
  auto request = NewMessage(*method_.descriptor().input_type());
  auto reply = NewMessage(*method_.descriptor().output_type());
  absl::Status wrong;
  if (!has_descriptors_) wrong = text.Parse(settings_.request, *request);
  Clock::time_point start;
  while (wrong.ok() && AwaitTurn(start)) {
    if (has_descriptors_) {
      request = NewMessage(*method_.descriptor().input_type());
      wrong = text.Parse(settings_.request, *request);
      // The other ends of pipes are closed: nobody copies.
      text.TakeFeeds();
      text.TakeOutputs();
      if (!wrong.ok()) break;
      // Opening files is no part of the call.
      if (settings_.rate == 0) start = Clock::now();
    }
    const absl::Status status =
        CallOnce(caller, *request, has_descriptors_, *reply);
    const auto took = Clock::now() - start;
    if (status.ok()) {
      latencies.Add(static_cast<uint64_t>(took.count()));
    } else {
      ++errors[status.code()];
      if (first_error.empty()) first_error = std::string(status.message());
    }
    ++finished_;
  }
  const std::lock_guard lock(mutex_);
  if (!wrong.ok()) {
    wrong_ = wrong;
    stopped_ = true;
  }
  result_.latencies.Merge(latencies);
  for (const auto& [code, count] : errors) result_.errors[code] += count;
  if (result_.first_error.empty()) result_.first_error = first_error;
}

absl::Status LoadRun::CallOnce(Caller& caller, DynamicParcel& request,
                               bool has_descriptors, DynamicParcel& reply) {
  const OutgoingMessage message = has_descriptors
                                      ? OutgoingMessage(request)
                                      : OutgoingMessage(request.message());
  if (method_.method().one_way) {
    const std::shared_ptr<ClientCall> call = caller.StartCall(
        method_.method(), &message, settings_.call, CallForm::kBlocking);
    call->Await(CallEvent::kEnd);
    return call->status();
  }
  const absl::Status status =
      caller.CallUnary(method_.method(), message, reply, settings_.call);
  reply.CloseDescriptors();
  reply.message().Clear();
  return status;
}

}  // namespace fdrpc::tool
