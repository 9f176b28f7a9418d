#ifndef FDRPC_TESTS_PEER_COUNTER_SERVICES_H_
#define FDRPC_TESTS_PEER_COUNTER_SERVICES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "tests/peer/carried.fdrpc.h"
#include "tests/support/test_service.h"

namespace fdrpc::testing {

// How many objects exist, for tests to wait for.
class Living {
 public:
  void Add() { ++count_; }
  void Remove() {
    --count_;
    count_.notify_all();
  }
  int count() const { return count_; }
  void Await(int wanted) {
    for (int now = count_; now != wanted; now = count_) count_.wait(now);
  }

 private:
  std::atomic<int> count_{0};
};

// A service with a state of its own.
class OwnCounter final : public carried::Counter::Service {
 public:
  explicit OwnCounter(Living& living) : living_(living) { living_.Add(); }
  ~OwnCounter() override { living_.Remove(); }
  absl::Status Next(ServerContext&, const carried::Request& request,
                    carried::Answer& answer) override {
    answer.set_value(value_ += request.count());
    return absl::OkStatus();
  }

 private:
  Living& living_;
  std::atomic<int64_t> value_{0};
};

// The same with callbacks and coroutines.
class AsyncCounter final : public carried::Counter::AsyncService {
 public:
  void Next(carried::Counter::NextCall call) override {
    carried::Answer answer;
    answer.set_value(value_ += call.request().count());
    call.Finish(std::move(answer));
  }

 private:
  std::atomic<int64_t> value_{0};
};
class CoCounter final : public carried::Counter::CoService {
 public:
  Task<absl::Status> Next(ServerContext&, const carried::Request& request,
                          carried::Answer& answer) override {
    answer.set_value(value_ += request.count());
    co_return absl::OkStatus();
  }

 private:
  std::atomic<int64_t> value_{0};
};

class Opener final : public carried::Exchange::Service {
 public:
  explicit Opener(Server& server) : server_(server) {}

  absl::Status Open(ServerContext&, const carried::Request&,
                    Parcel<carried::Opened>& reply) override {
    return reply.serve_counter(server_, std::make_shared<OwnCounter>(living));
  }
  absl::Status OpenAll(
      ServerContext&, const carried::Request& request,
      ServerWriter<Parcel<carried::Opened>>& replies) override {
    for (int64_t i = 0; i < request.count(); ++i) {
      Parcel<carried::Opened> reply;
      reply->set_number(i);
      absl::Status served =
          reply.serve_counter(server_, std::make_shared<OwnCounter>(living));
      if (!served.ok()) return served;
      if (!replies.Write(std::move(reply))) break;
    }
    return absl::OkStatus();
  }
  absl::Status Call(ServerContext&, Parcel<carried::Given>& request,
                    carried::Answer& answer) override {
    absl::StatusOr<TestService::Stub> test = request.take_test();
    if (!test.ok()) return test.status();
    absl::StatusOr<Text> text = test->Echo(TextOf("to the client"));
    if (!text.ok()) return text.status();
    answer.set_text(text->text());
    return absl::OkStatus();
  }
  absl::Status PassOn(ServerContext&, Parcel<carried::Given>& request,
                      Parcel<carried::Opened>& reply) override {
    reply.set_counter(request.take_counter_socket());
    return absl::OkStatus();
  }
  absl::Status OpenMany(ServerContext&, const carried::Request& request,
                        Parcel<carried::Many>& reply) override {
    for (int64_t i = 0; i < request.count(); ++i) {
      absl::Status served =
          reply.serve_counters(server_, std::make_shared<OwnCounter>(living));
      if (served.ok()) {
        served = reply.serve_by_name("number " + std::to_string(i), server_,
                                     std::make_shared<OwnCounter>(living));
      }
      if (!served.ok()) return served;
    }
    return absl::OkStatus();
  }

  Living living;

 private:
  Server& server_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_PEER_COUNTER_SERVICES_H_
