// One-way methods in generated code: each form of stub with each form of
// service, and the mock.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/generated/direct_caller.h"
#include "tests/codegen/generated/everything_services.h"
#include "tests/codegen/protos/services.fdrpc.h"
#include "tests/codegen/protos/services.mock.fdrpc.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace fdrpc {
namespace {

using test::services::MockOneWay;
using test::services::OneWay;
using test::services::Plain;
using test::services::WithFd;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::Return;

// What the handlers received; they refuse the text "wrong".
std::vector<std::string> told;

absl::Status Note(const std::string& text) {
  told.push_back(text);
  return text == "wrong" ? absl::DataLossError(text) : absl::OkStatus();
}

class Blocking final : public OneWay::Service {
 public:
  absl::Status Plain(ServerContext&,
                     const test::services::Plain& request) override {
    return Note(request.text());
  }
  absl::Status Parcel(ServerContext&, fdrpc::Parcel<WithFd>& request) override {
    return Note(request.take_file().ok() ? "a file" : "none");
  }
};

class Async final : public OneWay::AsyncService {
 public:
  void Plain(AsyncServerOneWay<test::services::Plain> call) override {
    call.Finish(Note(call.request().text()));
  }
  void Parcel(AsyncServerOneWay<fdrpc::Parcel<WithFd>> call) override {
    call.Finish(Note(call.request().take_file().ok() ? "a file" : "none"));
  }
};

class Coroutines final : public OneWay::CoService {
 public:
  Task<absl::Status> Plain(ServerContext&,
                           const test::services::Plain& request) override {
    co_return Note(request.text());
  }
  Task<absl::Status> Parcel(ServerContext&,
                            fdrpc::Parcel<WithFd>& request) override {
    co_return Note(request.take_file().ok() ? "a file" : "none");
  }
};

// Calls with each form of stub. The replacement of the runtime returns the
// handler's status, unlike a real one-way call.
void CallAll(Service& service) {
  told.clear();
  const auto caller = std::make_shared<DirectCaller>(service);
  const OneWay::Stub stub(caller);
  EXPECT_TRUE(stub.Plain(Text("blocking")).ok());
  EXPECT_TRUE(stub.Parcel(File()).ok());
  absl::Status status = absl::UnknownError("not called");
  stub.async().Plain(Text("callback"), {},
                     [&](absl::Status ended) { status = std::move(ended); });
  while (caller->waits.RunOne()) {
  }
  EXPECT_TRUE(status.ok()) << status;
  stub.async().Parcel(File(), {},
                      [&](absl::Status ended) { status = std::move(ended); });
  while (caller->waits.RunOne()) {
  }
  EXPECT_TRUE(status.ok()) << status;
  const auto co = [&stub]() -> Task<absl::Status> {
    absl::Status first = co_await stub.co().Plain(Text("coroutine"));
    if (!first.ok()) co_return first;
    absl::Status second = co_await stub.co().Parcel(File());
    if (!second.ok()) co_return second;
    co_return co_await stub.co().Plain(Text("wrong"));
  };
  EXPECT_TRUE(absl::IsDataLoss(BlockOn(co())));
  EXPECT_THAT(told, ElementsAre("blocking", "a file", "callback", "a file",
                                "coroutine", "a file", "wrong"));
  for (const DirectCaller::MadeCall& made : caller->calls) {
    EXPECT_TRUE(made.method->one_way);
    EXPECT_EQ(made.method->kind, MethodKind::kUnary);
  }
  EXPECT_TRUE(service.method_handlers()[0].method->one_way);
}

TEST(GeneratedOneWayTest, HandlersThatBlockAreCalledFromEachStub) {
  Blocking service;
  CallAll(service);
}

TEST(GeneratedOneWayTest, HandlersWithCallbacksAreCalledFromEachStub) {
  Async service;
  CallAll(service);
}

TEST(GeneratedOneWayTest, HandlersThatAreCoroutinesAreCalledFromEachStub) {
  Coroutines service;
  CallAll(service);
}

TEST(GeneratedOneWayTest, MocksTakeTheRequestAlone) {
  MockOneWay mock;
  EXPECT_CALL(mock, Plain(_, _))
      .WillOnce([](ServerContext&, const Plain& request) {
        EXPECT_EQ(request.text(), "hello");
        return absl::OkStatus();
      })
      .WillOnce(Return(absl::AbortedError("no")));
  EXPECT_CALL(mock, Parcel(_, _));
  const OneWay::Stub stub(std::make_shared<DirectCaller>(mock));
  EXPECT_TRUE(stub.Plain(Text("hello")).ok());
  EXPECT_TRUE(absl::IsAborted(stub.Plain(Text("hello"))));
  EXPECT_TRUE(absl::IsUnimplemented(stub.Parcel(File())));
}

}  // namespace
}  // namespace fdrpc
