#ifndef FDRPC_TESTS_CALLS_CALLS_FIXTURE_H_
#define FDRPC_TESTS_CALLS_CALLS_FIXTURE_H_

#include <memory>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

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
#include "tests/support/clocked_client.h"
#include "tests/support/forced_rings.h"
#include "tests/support/on_clock.h"
#include "tests/support/running_loop.h"
#include "tests/support/sanitized.h"

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
//
// The server's clock runs like the real one, and a test can move it ahead; so
// does the client's after GoByClock().
class CallsTest
    : public ::testing::TestWithParam<
          std::tuple<Chosen<ClientForm>, Chosen<ServerForm>, Link::Kind>> {
 protected:
  void SetUp() override {
    service_ = server_form().NewService(seen_);
    server_ = NewServer(server_options());
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

  std::unique_ptr<Server> NewServer(const ServerOptions& options = {}) {
    return OnClock::NewServer(options, client_.clock());
  }
  // Makes `server`, of NewServer(), serve in its form, and calls go there, over
  // a new link with those options.
  void Serve(Server& server, std::optional<Link>& link,
             const ChannelOptions& options = {}) {
    link.emplace(link_kind(), server);
    ASSERT_NO_FATAL_FAILURE(CallThrough(link->NewChannel(options)));
    ASSERT_TRUE(link->Open().ok());
    if (server_form().in_loop()) {
      if (loop_ == nullptr) {
        loop_ =
            std::make_unique<RunningLoop>(OnClock::NewLoop(client_.clock()));
      }
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
  // Makes calls go to the server through a channel with those options, whose
  // deadlines pass when the test says so: PassDeadline(), for calls with
  // kTimeout.
  void GoByClock(const ChannelOptions& options = {}) {
    stub_ = std::make_unique<TestService::Stub>(
        link_->NewChannel(client_, options));
  }
  static constexpr absl::Duration kTimeout = absl::Hours(1);
  void PassDeadline() { client_.clock().Advance(kTimeout); }
  // The same once one more handler waits until it is cancelled.
  std::jthread PassDeadlineOfNextWait() {
    return std::jthread([this, count = seen_.waiting() + 1] {
      seen_.AwaitWaiting(count);
      PassDeadline();
    });
  }

  ClientForm& form() const { return std::get<0>(GetParam()).get(); }
  ServerForm& server_form() const { return std::get<1>(GetParam()).get(); }
  Link::Kind link_kind() const { return std::get<2>(GetParam()); }
  // Without a connection there are no streams, no large messages, and nobody
  // tells a handler that its client does not wait any more.
  bool connected() const { return link_kind() != Link::Kind::kDatagrams; }

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
  // Calls whose handlers wait until they are cancelled end on both sides when
  // their deadline passes, after GoByClock().
  void ExpectEndAtDeadline() {
    const CallOptions options = {.timeout = kTimeout};
    {
      const std::jthread passes = PassDeadlineOfNextWait();
      EXPECT_TRUE(
          absl::IsDeadlineExceeded(Echo(Script("wait"), options).status()));
    }
    const std::jthread passes = PassDeadlineOfNextWait();
    auto chat = Chat(options);
    EXPECT_TRUE(chat->Write(Script("wait")));
    EXPECT_FALSE(chat->Read().has_value());
    EXPECT_TRUE(absl::IsDeadlineExceeded(chat->Finish().status()));
    seen_.AwaitCancelled(2);
  }
  static Text Script(const std::string& text) {
    Text message;
    message.set_text(text);
    return message;
  }

  ClockedClient client_{ManualClock::Between::kRuns};
  Observations seen_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<RunningLoop> loop_;
  std::unique_ptr<Server> server_;
  std::optional<Link> link_;
  std::unique_ptr<TestService::Stub> stub_;
};

// Instantiates a suite that derives from CallsTest with the combinations over
// these links: all of them; under a sanitizer, a third, in which each form of a
// client meets each form of a server and each link, and these each other. With
// rings in all connections, such a third of those that can have rings; under a
// sanitizer, too, that over stream sockets.
inline auto FormsOver(std::span<const Link::Kind> links) {
  const Chosen<ClientForm> clients[] = {{&ClientForm::Blocking},
                                        {&ClientForm::Callback},
                                        {&ClientForm::Coroutine}};
  const Chosen<ServerForm> servers[] = {{&ServerForm::Blocking},
                                        {&ServerForm::Callback},
                                        {&ServerForm::Coroutine},
                                        {&ServerForm::CallbackInLoop},
                                        {&ServerForm::CoroutineInLoop}};
  std::vector<CallsTest::ParamType> chosen;
  const bool in_rings = RingsAreForced();
  int link_number = 0;
  for (const Link::Kind link : links) {
    if (in_rings && (kSanitized ? link != Link::Kind::kStreamSocket
                                : !Link::HasSocket(link))) {
      continue;
    }
    int server_number = 0;
    for (const auto& server : servers) {
      for (int client = 0; client < 3; ++client) {
        if ((kSanitized || in_rings) &&
            (client + server_number + link_number) % 3 != 0) {
          continue;
        }
        chosen.emplace_back(clients[client], server, link);
      }
      ++server_number;
    }
    ++link_number;
  }
  return ::testing::ValuesIn(chosen);
}
inline auto AllForms() { return FormsOver(Link::kAll); }
// For suites of unary calls: with those of datagrams.
inline auto UnaryForms() {
  static constexpr Link::Kind kLinks[] = {Link::Kind::kDatagrams};
  return FormsOver(kLinks);
}
inline std::string FormsName(
    const ::testing::TestParamInfo<CallsTest::ParamType>& info) {
  return std::get<0>(info.param).get().name() + "To" +
         std::get<1>(info.param).get().name() + "Over" +
         NameOf(std::get<2>(info.param));
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALLS_CALLS_FIXTURE_H_
