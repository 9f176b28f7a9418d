#ifndef FDRPC_TESTS_CALLS_CALLS_FIXTURE_H_
#define FDRPC_TESTS_CALLS_CALLS_FIXTURE_H_

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/calls/client_form.h"
#include "tests/calls/link.h"
#include "tests/calls/script.h"
#include "tests/calls/server_form.h"
#include "tests/support/running_loop.h"

namespace fdrpc::testing {

// One of a form's getters; a test's name contains it as the form's name.
template <typename Form>
struct Chosen {
  Form& (*get)();
  friend void PrintTo(const Chosen& chosen, std::ostream* to) {
    *to << chosen.get().name();
  }
};

// A client and a server, each in one of the three forms, servers also in loops,
// and one of the links between them. Every behaviour of calls is tested with
// each combination.
class CallsTest
    : public ::testing::TestWithParam<
          std::tuple<Chosen<ClientForm>, Chosen<ServerForm>, Link::Kind>> {
 protected:
  void SetUp() override {
    service_ = server_form().NewService(seen_);
    server_ = std::make_unique<Server>(server_options());
    server_->AddService(*service_);
    ASSERT_NO_FATAL_FAILURE(Serve(*server_, link_, channel_options()));
  }
  void TearDown() override {
    stub_.reset();
    server_->Shutdown();
    server_->Wait();
  }

  // The options of calls and servers, if not the defaults.
  virtual ServerOptions server_options() const { return {}; }
  virtual ChannelOptions channel_options() const { return {}; }

  // Makes `server` serve in its form, and calls go there, over a new link with
  // those options.
  void Serve(Server& server, std::optional<Link>& link,
             const ChannelOptions& options = {}) {
    link.emplace(link_kind(), server);
    ASSERT_NO_FATAL_FAILURE(CallThrough(link->NewChannel(options)));
    ASSERT_TRUE(link->Open().ok());
    if (server_form().in_loop()) {
      if (loop_ == nullptr) loop_ = std::make_unique<RunningLoop>();
      ASSERT_TRUE(server.Start(loop_->loop()).ok());
    } else {
      ASSERT_TRUE(server.Start().ok());
    }
  }
  // Makes calls go through that channel.
  void CallThrough(const absl::StatusOr<Channel>& channel) {
    ASSERT_TRUE(channel.ok()) << channel.status();
    stub_ = std::make_unique<TestService::Stub>(*channel);
  }

  ClientForm& form() const { return std::get<0>(GetParam()).get(); }
  ServerForm& server_form() const { return std::get<1>(GetParam()).get(); }
  Link::Kind link_kind() const { return std::get<2>(GetParam()); }

  absl::StatusOr<Text> Echo(const Text& request,
                            const CallOptions& options = {}) {
    return form().Echo(*stub_, request, options);
  }
  std::unique_ptr<DrivenCall> Watch(const std::string& script,
                                    const CallOptions& options = {}) {
    return form().Watch(*stub_, Script(script), options);
  }
  std::unique_ptr<DrivenCall> Collect(const CallOptions& options = {}) {
    return form().Collect(*stub_, options);
  }
  std::unique_ptr<DrivenCall> Chat(const CallOptions& options = {}) {
    return form().Chat(*stub_, options);
  }
  // Calls Echo, whose handler waits until it is cancelled, until the deadline
  // of a call passes after its handler has begun. A busy machine may take
  // longer than a short timeout to start the handler, so the timeouts grow.
  void EchoUntilADeadlinePassesInTheHandler() {
    absl::Duration timeout = absl::Milliseconds(20);
    const int before = seen_.waiting();
    do {
      const absl::Status status =
          Echo(Script("wait"), {.timeout = timeout}).status();
      EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
      timeout *= 2;
    } while (seen_.waiting() == before);
  }
  static Text Script(const std::string& text) {
    Text message;
    message.set_text(text);
    return message;
  }

  Observations seen_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<RunningLoop> loop_;
  std::unique_ptr<Server> server_;
  std::optional<Link> link_;
  std::unique_ptr<TestService::Stub> stub_;
};

// Instantiates a suite that derives from CallsTest with all combinations.
inline auto AllForms() {
  using Client = Chosen<ClientForm>;
  using Server = Chosen<ServerForm>;
  return ::testing::Combine(
      ::testing::Values(Client{&ClientForm::Blocking},
                        Client{&ClientForm::Callback},
                        Client{&ClientForm::Coroutine}),
      ::testing::Values(
          Server{&ServerForm::Blocking}, Server{&ServerForm::Callback},
          Server{&ServerForm::Coroutine}, Server{&ServerForm::CallbackInLoop},
          Server{&ServerForm::CoroutineInLoop}),
      ::testing::ValuesIn(Link::kAll));
}
inline std::string FormsName(
    const ::testing::TestParamInfo<CallsTest::ParamType>& info) {
  return std::get<0>(info.param).get().name() + "To" +
         std::get<1>(info.param).get().name() + "Over" +
         NameOf(std::get<2>(info.param));
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALLS_CALLS_FIXTURE_H_
