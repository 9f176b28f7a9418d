#ifndef FDRPC_TESTS_SERVICES_TOOL_LIVE_SERVER_H_
#define FDRPC_TESTS_SERVICES_TOOL_LIVE_SERVER_H_

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "fdrpc/health_service.h"
#include "fdrpc/reflection.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "tests/services/reflection/described.fdrpc.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// A server with the test service, reflection and health, and the program that
// calls it.
class LiveServer {
 public:
  // `scheme` is that of the address, "unix:" and so on, or with an '@' at the
  // end: an abstract one.
  explicit LiveServer(const std::string& scheme, bool reflection = true)
      : address_(scheme.ends_with('@') ? scheme + dir_.path()
                                       : dir_.address("socket", scheme)) {
    SetHandlers();
    server_.AddService(service_);
    server_.AddService(archive_);
    if (reflection) EnableReflection(server_);
  }
  ~LiveServer() { Stop(); }

  void Start() {
    ASSERT_TRUE(server_.Listen(address_).ok());
    ASSERT_TRUE(server_.Start().ok());
  }
  void Stop() {
    server_.Shutdown();
    server_.Wait();
  }

  HealthService& health() { return health_; }
  Server& server() { return server_; }
  const std::string& address() const { return address_; }
  const TempDir& dir() const { return dir_; }
  // The most connections that a handler of Echo has seen.
  uint64_t most_connections() const { return most_connections_; }

 private:
  // Handlers that do what metadata and text say.
  void SetHandlers() {
    service_.echo = [this](ServerContext& context, const Text& request,
                           Text& reply) {
      const uint64_t connections = server_.statistics().connections;
      uint64_t most = most_connections_;
      while (connections > most &&
             !most_connections_.compare_exchange_weak(most, connections)) {
      }
      const Metadata& metadata = context.metadata();
      int code = 0;
      if (const auto status = metadata.Get("status"); status.has_value()) {
        EXPECT_TRUE(absl::SimpleAtoi(std::string(*status), &code));
        return absl::Status(static_cast<absl::StatusCode>(code), "two\nlines");
      }
      while (metadata.Get("wait").has_value() && !context.IsCancelled()) {
        std::this_thread::yield();
      }
      reply = request;
      if (const auto text = metadata.Get("show"); text.has_value()) {
        reply.set_text(std::string(*text));
        reply.set_data(std::string(metadata.Get("k-bin").value_or("")));
        context.headers().Add("head", "1");
        context.trailers().Add("tail-bin", "abc");
      }
      return absl::OkStatus();
    };
    service_.put = [](ServerContext&, Parcel<Files>& request, Text& reply) {
      reply.set_number(request.files_size());
      if (request->text() == "pipes") {
        reply.set_text(ReadRest(request.files(0)));
        dprintf(request.files(1), "written\n");
      }
      return absl::OkStatus();
    };
  }

  TempDir dir_;
  const std::string address_;
  std::atomic<uint64_t> most_connections_ = 0;
  FakeService service_;
  described::Archive::Service archive_;
  Server server_;
  HealthService& health_ = EnableHealth(server_);
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_TOOL_LIVE_SERVER_H_
