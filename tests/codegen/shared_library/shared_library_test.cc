// Uses a shared library that hides everything except generated code: half of
// the test is that it links.

#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/in_process_server.h"
#include "fdrpc/task.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/codegen/shared_library/store.mock.fdrpc.h"

namespace fdrpc::test::shared_library {
namespace {

Name Named(const std::string& text) {
  Name name;
  name.set_text(text);
  return name;
}

void ExpectOpens(const Store::Stub& stub) {
  absl::StatusOr<Parcel<File>> file = stub.Open(Named("hello"));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->name().text(), "hello");
  ASSERT_TRUE(file->has_content());
  const UniqueFd end = file->take_content();
  char letter = 0;
  EXPECT_EQ(read(end.get(), &letter, 1), 1);
  EXPECT_EQ(letter, 'x');
}

Parcel<File> FileOf(const Name& name) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  UniqueFd write_end(ends[1]);
  EXPECT_EQ(write(write_end.get(), "x", 1), 1);
  Parcel<File> file;
  file.set_content(UniqueFd(ends[0]));
  *file->mutable_name() = name;
  return file;
}

class BlockingStore : public Store::Service {
 public:
  absl::Status Open(ServerContext&, const Name& name,
                    Parcel<File>& file) override {
    file = FileOf(name);
    return absl::OkStatus();
  }
  absl::Status List(ServerContext&, const Name& name,
                    ServerWriter<Name>& names) override {
    names.Write(name);
    return absl::OkStatus();
  }
};

class CallbackStore : public Store::AsyncService {
 public:
  void Open(Store::OpenCall call) override {
    call.Finish(FileOf(call.request()));
  }
};

class CoroutineStore : public Store::CoService {
 public:
  Task<absl::Status> Open(ServerContext&, const Name& name,
                          Parcel<File>& file) override {
    file = FileOf(name);
    co_return absl::OkStatus();
  }
};

TEST(SharedLibraryTest, CallsBlockingHandlersWithDescriptors) {
  BlockingStore store;
  InProcessServer server(store);
  const Store::Stub stub(server.channel());
  ExpectOpens(stub);
  ClientReader<Name> names = stub.List(Named("all"));
  std::optional<Name> name = names.Read();
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->ShortDebugString(), Named("all").ShortDebugString());
  EXPECT_TRUE(names.Finish().ok());
}

TEST(SharedLibraryTest, CallsHandlersOfOtherForms) {
  CallbackStore callbacks;
  InProcessServer callback_server(callbacks);
  ExpectOpens(Store::Stub(callback_server.channel()));
  CoroutineStore coroutines;
  InProcessServer coroutine_server(coroutines);
  const Store::Stub stub(coroutine_server.channel());
  ExpectOpens(stub);
  EXPECT_EQ(stub.List({}).Finish().code(), absl::StatusCode::kUnimplemented);
}

TEST(SharedLibraryTest, IsMocked) {
  ::testing::NiceMock<MockStore> mock;
  InProcessServer server(mock);
  EXPECT_CALL(mock, Open)
      .WillOnce([](ServerContext&, const Name& name, Parcel<File>& file) {
        file = FileOf(name);
        return absl::OkStatus();
      });
  ExpectOpens(Store::Stub(server.channel()));
}

}  // namespace
}  // namespace fdrpc::test::shared_library
