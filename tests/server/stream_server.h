#ifndef FDRPC_TESTS_SERVER_STREAM_SERVER_H_
#define FDRPC_TESTS_SERVER_STREAM_SERVER_H_

#include <memory>
#include <ostream>
#include <string>

#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/server/stream_client.h"
#include "tests/server/stream_services.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {

// A form of handlers, as the parameter of a test.
struct HandlerForm {
  const char* name;
  std::unique_ptr<StreamService> (*make)();

  friend void PrintTo(const HandlerForm& form, std::ostream* to) {
    *to << form.name;
  }
};

template <typename ServiceType>
std::unique_ptr<StreamService> MakeService() {
  return std::make_unique<ServiceType>();
}

inline constexpr HandlerForm kHandlerForms[] = {
    {"Blocking", &MakeService<BlockingService>},
    {"Async", &MakeService<AsyncService>},
    {"Co", &MakeService<CoService>}};

// A live server with a service of one form of handlers, and clients that send
// single frames. At the end the descriptors must be the same as before.
class StreamServer : public ::testing::TestWithParam<HandlerForm> {
 protected:
  static constexpr uint32_t kEcho = StreamClient::kEcho,
                            kJoin = StreamClient::kJoin,
                            kRepeat = StreamClient::kRepeat,
                            kChat = StreamClient::kChat,
                            kPass = StreamClient::kPass;
  static constexpr uint32_t kOk = StreamClient::kOk;

  void Serve(ServerOptions options = {}) {
    ASSERT_NO_FATAL_FAILURE(Listen(options));
    ASSERT_TRUE(server_->Start().ok());
  }
  // The same without the start: clients wait in the queue.
  void Listen(ServerOptions options) {
    server_ = NewServer(options);
    server_->AddService(*service_);
    ASSERT_TRUE(server_->Listen(dir_.address()).ok());
  }
  virtual std::unique_ptr<Server> NewServer(const ServerOptions& options) {
    return std::make_unique<Server>(options);
  }
  StreamClient NewClient(const RawHello& hello = {}) {
    return StreamClient(dir_.file("socket"), service_->full_name(), hello);
  }
  HandlerLog& log() { return service_->log(); }

  ExpectSameDescriptors census_;
  TempDir dir_;
  std::unique_ptr<StreamService> service_ = GetParam().make();
  std::unique_ptr<Server> server_;
};

#define FDRPC_IN_EACH_FORM(suite)                                  \
  INSTANTIATE_TEST_SUITE_P(                                        \
      Forms, suite, ::testing::ValuesIn(kHandlerForms),            \
      [](const ::testing::TestParamInfo<HandlerForm>& parameter) { \
        return parameter.param.name;                               \
      })

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_STREAM_SERVER_H_
