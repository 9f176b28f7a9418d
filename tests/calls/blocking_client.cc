#include "fdrpc/client_stream.h"
#include "gtest/gtest.h"
#include "tests/calls/client_form.h"

namespace fdrpc::testing {
namespace {

// A stream of any kind; using what it does not have is a mistake of the test.
template <typename Stream>
class BlockingCall final : public DrivenCall {
 public:
  explicit BlockingCall(Stream stream) : stream_(std::move(stream)) {}

  bool Write(const Text& message) override {
    if constexpr (requires { stream_.Write(message); }) {
      return stream_.Write(message);
    }
    ADD_FAILURE() << "sends no stream";
    return false;
  }
  bool WriteLast(const Text& message) override {
    if constexpr (requires { stream_.WriteLast(message); }) {
      return stream_.WriteLast(message);
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
    if constexpr (requires { stream_.Read(); }) return stream_.Read();
    ADD_FAILURE() << "receives no stream";
    return std::nullopt;
  }
  Metadata Headers() override { return stream_.headers(); }
  absl::StatusOr<Text> Finish() override {
    if constexpr (requires { stream_.Read(); }) {
      absl::Status status = stream_.Finish();
      if (!status.ok()) return status;
      return Text();
    } else {
      return stream_.Finish();
    }
  }
  void Cancel() override { stream_.Cancel(); }
  Metadata Trailers() override { return stream_.trailers(); }

 private:
  Stream stream_;
};

template <typename Stream>
std::unique_ptr<DrivenCall> DriveBlocking(Stream stream) {
  return std::make_unique<BlockingCall<Stream>>(std::move(stream));
}

class BlockingClientForm final : public ClientForm {
 public:
  std::string name() const override { return "Blocking"; }
  absl::StatusOr<Text> Echo(TestService::Stub& stub, const Text& request,
                            const CallOptions& options) override {
    return stub.Echo(request, options);
  }
  std::unique_ptr<DrivenCall> Watch(TestService::Stub& stub,
                                    const Text& request,
                                    const CallOptions& options) override {
    return DriveBlocking(stub.Watch(request, options));
  }
  std::unique_ptr<DrivenCall> Collect(TestService::Stub& stub,
                                      const CallOptions& options) override {
    return DriveBlocking(stub.Collect(options));
  }
  std::unique_ptr<DrivenCall> Chat(TestService::Stub& stub,
                                   const CallOptions& options) override {
    return DriveBlocking(stub.Chat(options));
  }
};

}  // namespace

ClientForm& ClientForm::Blocking() {
  static BlockingClientForm& form = *new BlockingClientForm;
  return form;
}

}  // namespace fdrpc::testing
