// Compiles and runs the snippets of docs/guide/ about health, reflection and
// dynamic calls.
#include <unistd.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "fdrpc/channel.h"
#include "fdrpc/dynamic_method.h"
#include "fdrpc/dynamic_parcel.h"
#include "fdrpc/health_service.h"
#include "fdrpc/reflection.h"
#include "fdrpc/server.h"
#include "google/protobuf/dynamic_message.h"
#include "grpc/health/v1/health.fdrpc.h"
#include "grpc/reflection/v1/reflection.fdrpc.h"
#include "gtest/gtest.h"
#include "guide.fdrpc.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::testing {
namespace {

namespace health_v1 = grpc::health::v1;
namespace reflection_v1 = grpc::reflection::v1;

class ReadingStore final : public guide::Store::Service {
 public:
  absl::Status Put(ServerContext&, Parcel<guide::PutRequest>& request,
                   guide::PutReply&) override {
    content.set_value(ReadRest(request.file()));
    return absl::OkStatus();
  }
  std::promise<std::string> content;
};

health_v1::HealthCheckResponse::ServingStatus Check(
    health_v1::Health::Stub& stub) {
  health_v1::HealthCheckRequest request;
  request.set_service("guide.Store");
  const auto reply = stub.Check(request);
  return reply.ok() ? reply->status()
                    : health_v1::HealthCheckResponse::SERVICE_UNKNOWN;
}

// The first service that a server lists.
std::string FirstService(const Channel& channel) {
  reflection_v1::ServerReflection::Stub stub(channel);
  auto stream = stub.ServerReflectionInfo();
  reflection_v1::ServerReflectionRequest request;
  request.set_list_services("");
  stream.WriteLast(request);
  const auto response = stream.Read();
  return response.has_value()
             ? response->list_services_response().service(0).name()
             : stream.Finish().ToString();
}

TEST(GuideReflectionTest, AServerTellsItsHealthAndItsServices) {
  const ExpectSameDescriptors same;
  TempDir dir;
  ReadingStore store;
#include "observable_server.inc"
  EXPECT_EQ(server.services().size(), 3u);
#include "confined_reflection.inc"
  ASSERT_TRUE(server.Listen(dir.address("a")).ok());
  ASSERT_TRUE(inspection.Listen(dir.address("b")).ok());
  ASSERT_TRUE(server.Start().ok());
  ASSERT_TRUE(inspection.Start().ok());
  const auto channel = Channel::Connect(dir.address("a"));
  const auto inspecting = Channel::Connect(dir.address("b"));
  ASSERT_TRUE(channel.ok() && inspecting.ok());
  health_v1::Health::Stub stub(*channel);
  EXPECT_EQ(Check(stub), health_v1::HealthCheckResponse::SERVICE_UNKNOWN);
#include "set_health.inc"
  EXPECT_EQ(Check(stub), health_v1::HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(FirstService(*channel), "guide.Store");
  EXPECT_EQ(FirstService(*inspecting), "guide.Store");
}

#include "dynamic_call.inc"

TEST(GuideReflectionTest, AMethodIsCalledByItsDescriptor) {
  const ExpectSameDescriptors same;
  TempDir dir;
  ReadingStore store;
  Server server;
  server.AddService(store);
  ASSERT_TRUE(server.Listen(dir.address()).ok());
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Channel::Connect(dir.address());
  ASSERT_TRUE(channel.ok());
  const DynamicMethod method(*guide::PutRequest::descriptor()
                                  ->file()
                                  ->FindServiceByName("Store")
                                  ->FindMethodByName("Put"));
  UniqueFd file = FileWith("content");
#include "dynamic_request.inc"
  const std::shared_ptr<Caller> caller = *channel;
  const auto reply = CallDynamic(*caller, method, request);
  EXPECT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(store.content.get_future().get(), "content");
}

}  // namespace
}  // namespace fdrpc::testing
