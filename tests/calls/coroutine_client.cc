#include <utility>

#include "fdrpc/co_client_stream.h"
#include "fdrpc/task.h"
#include "gtest/gtest.h"
#include "tests/calls/client_form.h"

namespace fdrpc::testing {
namespace {

template <typename Stream>
class CoroutineCall final : public DrivenCall {
 public:
  explicit CoroutineCall(Stream stream) : stream_(std::move(stream)) {}

  bool Write(const Text& message) override {
    if constexpr (requires { stream_.Write(message); }) {
      return BlockOn(stream_.Write(message));
    }
    ADD_FAILURE() << "sends no stream";
    return false;
  }
  bool WriteLast(const Text& message) override {
    if constexpr (requires { stream_.WriteLast(message); }) {
      return BlockOn(stream_.WriteLast(message));
    }
    ADD_FAILURE() << "sends no stream";
    return false;
  }
  void WritesDone() override {
    if constexpr (requires { stream_.WritesDone(); }) {
      stream_.WritesDone();
    } else {
      ADD_FAILURE() << "has no half-close of its own";
    }
  }
  std::optional<Text> Read() override {
    if constexpr (requires { stream_.Read(); }) {
      return BlockOn(stream_.Read());
    }
    ADD_FAILURE() << "receives no stream";
    return std::nullopt;
  }
  Metadata Headers() override { return BlockOn(stream_.headers()); }
  absl::StatusOr<Text> Finish() override {
    if constexpr (requires { stream_.Read(); }) {
      absl::Status status = BlockOn(stream_.Finish());
      if (!status.ok()) return status;
      return Text();
    } else {
      return BlockOn(stream_.Finish());
    }
  }
  void Cancel() override { stream_.Cancel(); }
  Metadata Trailers() override { return stream_.trailers(); }

 private:
  Stream stream_;
};

template <typename Stream>
std::unique_ptr<DrivenCall> DriveCoroutine(Stream stream) {
  return std::make_unique<CoroutineCall<Stream>>(std::move(stream));
}

class CoroutineClientForm final : public ClientForm {
 public:
  std::string name() const override { return "Coroutine"; }
  absl::StatusOr<Text> Echo(TestService::Stub& stub, const Text& request,
                            const CallOptions& options) override {
    return BlockOn(
        [](TestService::Stub& stub, const Text& request,
           const CallOptions& options) -> Task<absl::StatusOr<Text>> {
          co_return co_await stub.co().Echo(request, options);
        }(stub, request, options));
  }
  std::unique_ptr<DrivenCall> Watch(TestService::Stub& stub,
                                    const Text& request,
                                    const CallOptions& options) override {
    return DriveCoroutine(stub.co().Watch(request, options));
  }
  std::unique_ptr<DrivenCall> Collect(TestService::Stub& stub,
                                      const CallOptions& options) override {
    return DriveCoroutine(stub.co().Collect(options));
  }
  std::unique_ptr<DrivenCall> Chat(TestService::Stub& stub,
                                   const CallOptions& options) override {
    return DriveCoroutine(stub.co().Chat(options));
  }
};

}  // namespace

ClientForm& ClientForm::Coroutine() {
  static CoroutineClientForm& form = *new CoroutineClientForm;
  return form;
}

}  // namespace fdrpc::testing
