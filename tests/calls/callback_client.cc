#include <functional>
#include <future>
#include <utility>

#include "fdrpc/async_client_stream.h"
#include "gtest/gtest.h"
#include "tests/calls/client_form.h"

namespace fdrpc::testing {
namespace {

// Blocks until `start` has called its callback, and returns the argument.
template <typename Result>
Result Await(
    const std::function<void(absl::AnyInvocable<void(Result)>)>& start) {
  auto result = std::make_shared<std::promise<Result>>();
  std::future<Result> future = result->get_future();
  start([result](Result value) { result->set_value(std::move(value)); });
  return future.get();
}

template <typename Stream>
class CallbackCall final : public DrivenCall {
 public:
  explicit CallbackCall(Stream stream) : stream_(std::move(stream)) {}

  bool Write(const Text& message) override {
    if constexpr (requires { stream_.Write(message, nullptr); }) {
      return Await<bool>(
          [&](auto done) { stream_.Write(message, std::move(done)); });
    }
    ADD_FAILURE() << "sends no stream";
    return false;
  }
  bool WriteLast(const Text& message) override {
    if constexpr (requires { stream_.WriteLast(message, nullptr); }) {
      return Await<bool>(
          [&](auto done) { stream_.WriteLast(message, std::move(done)); });
    }
    ADD_FAILURE() << "sends no stream";
    return false;
  }
  void WritesDone() override {
    if constexpr (requires { stream_.WritesDone(); }) {
      stream_.WritesDone();
    } else {
      ADD_FAILURE() << "sends no stream";
    }
  }
  std::optional<Text> Read() override {
    if constexpr (requires { stream_.Read(nullptr); }) {
      return Await<std::optional<Text>>(
          [&](auto done) { stream_.Read(std::move(done)); });
    }
    ADD_FAILURE() << "receives no stream";
    return std::nullopt;
  }
  Metadata Headers() override {
    return Await<Metadata>([&](auto done) {
      stream_.headers([done = std::move(done)](
                          const Metadata& headers) mutable { done(headers); });
    });
  }
  absl::StatusOr<Text> Finish() override {
    if constexpr (requires { stream_.Read(nullptr); }) {
      absl::Status status = Await<absl::Status>(
          [&](auto done) { stream_.Finish(std::move(done)); });
      if (!status.ok()) return status;
      return Text();
    } else {
      return Await<absl::StatusOr<Text>>(
          [&](auto done) { stream_.Finish(std::move(done)); });
    }
  }
  void Cancel() override { stream_.Cancel(); }
  Metadata Trailers() override { return stream_.trailers(); }

 private:
  Stream stream_;
};

template <typename Stream>
std::unique_ptr<DrivenCall> DriveCallback(Stream stream) {
  return std::make_unique<CallbackCall<Stream>>(std::move(stream));
}

class CallbackClientForm final : public ClientForm {
 public:
  std::string name() const override { return "Callback"; }
  absl::StatusOr<Text> Echo(TestService::Stub& stub, const Text& request,
                            const CallOptions& options) override {
    return Await<absl::StatusOr<Text>>([&](auto done) {
      stub.async().Echo(request, options, std::move(done));
    });
  }
  std::unique_ptr<DrivenCall> Watch(TestService::Stub& stub,
                                    const Text& request,
                                    const CallOptions& options) override {
    return DriveCallback(stub.async().Watch(request, options));
  }
  std::unique_ptr<DrivenCall> Collect(TestService::Stub& stub,
                                      const CallOptions& options) override {
    return DriveCallback(stub.async().Collect(options));
  }
  std::unique_ptr<DrivenCall> Chat(TestService::Stub& stub,
                                   const CallOptions& options) override {
    return DriveCallback(stub.async().Chat(options));
  }
};

}  // namespace

ClientForm& ClientForm::Callback() {
  static CallbackClientForm& form = *new CallbackClientForm;
  return form;
}

}  // namespace fdrpc::testing
