// The service over each kind of socket, within one process.
#include "services/blobstore/blob_store_service.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fdrpc/channel.h"
#include "fdrpc/mixed_service.h"
#include "fdrpc/server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/blobstore/blob_watch_service.h"
#include "tests/services/blobstore/memory_files.h"
#include "tests/support/descriptor_census.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace fdrpc::blobstore {
namespace {

using ::testing::HasSubstr;
using testing::MemoryWith;
using testing::NameOfBlob;
using ::testing::UnorderedElementsAre;
using LeaseStream = ClientStream<v1::LeaseRequest, v1::LeaseReply>;

class BlobStoreServiceTest : public ::testing::TestWithParam<const char*> {
 protected:
  BlobStoreServiceTest() {
    server_->AddService(service_);
    const std::string address = dir_.address("socket", GetParam());
    EXPECT_TRUE(server_->Listen(address).ok());
    EXPECT_TRUE(server_->Start().ok());
    const absl::StatusOr<Channel> channel = Channel::Connect(address);
    EXPECT_TRUE(channel.ok()) << channel.status();
    stub_.emplace(*channel);
  }
  ~BlobStoreServiceTest() override {
    server_->Shutdown();
    server_->Wait();
  }

  absl::StatusOr<v1::PutReply> Put(const std::string& content) {
    Parcel<v1::PutRequest> request;
    request.set_content(MemoryWith(content));
    return stub_->Put(std::move(request));
  }
  absl::StatusOr<Parcel<v1::GetReply>> Get(const std::string& name) {
    v1::GetRequest request;
    request.set_name(name);
    return stub_->Get(request);
  }
  absl::StatusOr<v1::Blob> Stat(const std::string& name) {
    v1::StatRequest request;
    request.set_name(name);
    return stub_->Stat(request);
  }
  // Until the server has noticed that a lease has ended.
  void AwaitNoPins(const std::string& name) {
    absl::StatusOr<v1::Blob> blob = Stat(name);
    while (blob.ok() && blob->pins() != 0) {
      std::this_thread::yield();
      blob = Stat(name);
    }
    EXPECT_TRUE(blob.ok()) << blob.status();
  }
  static v1::LeaseReply Ask(
      LeaseStream& lease, const std::string& name,
      v1::LeaseRequest::Action action = v1::LeaseRequest::ACTION_PIN) {
    v1::LeaseRequest request;
    request.set_action(action);
    request.set_name(name);
    EXPECT_TRUE(lease.Write(request));
    const std::optional<v1::LeaseReply> reply = lease.Read();
    EXPECT_TRUE(reply.has_value());
    return reply.value_or(v1::LeaseReply());
  }

  testing::ExpectSameDescriptors census_;
  testing::TempDir dir_;
  BlobStore store_{{.memory_bytes = 64 << 20,
                    .memory_blobs = 1000,
                    .user = {.bytes = 64 << 20, .blobs = 1000}}};
  BlobStoreService blobs_{store_};
  BlobWatchService watches_{store_.events()};
  MixedService service_{blobs_, watches_};
  std::unique_ptr<Server> server_ = std::make_unique<Server>();
  std::optional<v1::BlobStore::Stub> stub_;
};

TEST_P(BlobStoreServiceTest, PutsAndGetsMemory) {
  const absl::StatusOr<v1::PutReply> put = Put("content");
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->blob().name(), NameOfBlob("content"));
  EXPECT_EQ(put->blob().size(), 7u);
  EXPECT_EQ(put->blob().owner(), geteuid());
  EXPECT_TRUE(put->blob().in_memory());
  EXPECT_FALSE(put->blob().on_disk());
  EXPECT_FALSE(put->existed());
  EXPECT_TRUE(Put("content")->existed());

  absl::StatusOr<Parcel<v1::GetReply>> got = Get(put->blob().name());
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ((*got)->blob().size(), 7u);
  const absl::StatusOr<SharedBuffer> memory =
      SharedBuffer::FromFd(got->take_content());
  ASSERT_TRUE(memory.ok()) << memory.status();
  EXPECT_EQ(memory->size(), 7u);
}

TEST_P(BlobStoreServiceTest, PutsAStream) {
  auto chunks = stub_->PutStream();
  std::string content;
  for (int i = 0; i < 100; ++i) {
    v1::PutChunk chunk;
    chunk.set_data(std::string(static_cast<size_t>(i) * 1000, 'a'));
    if (i == 0) chunk.set_readers(v1::READERS_EVERYONE);
    content += chunk.data();
    ASSERT_TRUE(chunks.Write(chunk));
  }
  const absl::StatusOr<v1::PutReply> put = chunks.Finish();
  ASSERT_TRUE(put.ok()) << put.status();
  EXPECT_EQ(put->blob().name(), NameOfBlob(content));
  EXPECT_EQ(put->blob().readers(), v1::READERS_EVERYONE);
  absl::StatusOr<Parcel<v1::GetReply>> got = Get(put->blob().name());
  ASSERT_TRUE(got.ok());
  EXPECT_TRUE(testing::ReadRest(got->content()) == content);
}

TEST_P(BlobStoreServiceTest, AStreamThatIsCancelledPutsNothing) {
  {
    auto chunks = stub_->PutStream();
    v1::PutChunk chunk;
    chunk.set_data("part");
    ASSERT_TRUE(chunks.Write(chunk));
  }
  EXPECT_EQ(Get(NameOfBlob("part")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(Put("other").ok());
}

TEST_P(BlobStoreServiceTest, RefusesValuesThatItDoesNotKnow) {
  Parcel<v1::PutRequest> request;
  request.set_content(MemoryWith("content"));
  request->set_readers(static_cast<v1::Readers>(7));
  const absl::Status refused = stub_->Put(std::move(request)).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("readers"));
  EXPECT_EQ(Get("name").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_P(BlobStoreServiceTest, ListsAllBlobs) {
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(Put(std::to_string(i)).ok());
    expected.push_back(NameOfBlob(std::to_string(i)));
  }
  std::vector<std::string> listed;
  auto blobs = stub_->List(v1::ListRequest());
  while (std::optional<v1::Blob> blob = blobs.Read()) {
    listed.push_back(blob->name());
  }
  EXPECT_TRUE(blobs.Finish().ok());
  EXPECT_THAT(listed, ::testing::UnorderedElementsAreArray(expected));
}

TEST_P(BlobStoreServiceTest, RemovesABlob) {
  const std::string name = Put("content")->blob().name();
  v1::RemoveRequest request;
  request.set_name(name);
  EXPECT_TRUE(stub_->Remove(request).ok());
  EXPECT_EQ(Stat(name).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(stub_->Remove(request).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_P(BlobStoreServiceTest, ALeasePinsAndReleasesWithAReplyEach) {
  const std::string a = Put("a")->blob().name();
  const std::string b = Put("b")->blob().name();
  LeaseStream lease = stub_->Lease();
  EXPECT_EQ(Ask(lease, a).code(), 0);
  EXPECT_EQ(Ask(lease, a).blob().pins(), 2u);
  EXPECT_EQ(Ask(lease, b).blob().pins(), 1u);
  const v1::LeaseReply missing = Ask(lease, NameOfBlob("none"));
  EXPECT_EQ(missing.code(), static_cast<int>(absl::StatusCode::kNotFound));
  EXPECT_THAT(missing.message(), HasSubstr("no blob"));
  EXPECT_FALSE(missing.has_blob());
  const v1::LeaseReply unknown =
      Ask(lease, a, v1::LeaseRequest::ACTION_UNSPECIFIED);
  EXPECT_EQ(unknown.code(),
            static_cast<int>(absl::StatusCode::kInvalidArgument));
  const v1::LeaseReply released =
      Ask(lease, a, v1::LeaseRequest::ACTION_RELEASE);
  EXPECT_EQ(released.code(), 0);
  EXPECT_EQ(released.blob().pins(), 1u);
  EXPECT_TRUE(lease.Finish().ok());
  EXPECT_EQ(Stat(a)->pins(), 0u) << "at the end of the call";
  EXPECT_EQ(Stat(b)->pins(), 0u);
}

TEST_P(BlobStoreServiceTest, ALeaseEndsWhenItIsCancelled) {
  const std::string name = Put("a")->blob().name();
  {
    LeaseStream lease = stub_->Lease();
    Ask(lease, name);
    EXPECT_EQ(Stat(name)->pins(), 1u);
  }
  AwaitNoPins(name);
}

TEST_P(BlobStoreServiceTest, ALeaseOutlivesARemovedBlob) {
  const std::string name = Put("a")->blob().name();
  LeaseStream lease = stub_->Lease();
  Ask(lease, name);
  v1::RemoveRequest request;
  request.set_name(name);
  EXPECT_TRUE(stub_->Remove(request).ok());
  const v1::LeaseReply released =
      Ask(lease, name, v1::LeaseRequest::ACTION_RELEASE);
  EXPECT_EQ(released.code(), 0);
  EXPECT_FALSE(released.has_blob());
  EXPECT_TRUE(lease.Finish().ok());
}

TEST_P(BlobStoreServiceTest, ALeaseEndsWhenTheServerShutsDown) {
  const std::string name = Put("a")->blob().name();
  LeaseStream lease = stub_->Lease();
  Ask(lease, name);
  server_->Shutdown();
  EXPECT_FALSE(lease.Read().has_value());
  const absl::Status ended = lease.Finish();
  EXPECT_EQ(ended.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(ended.message()), HasSubstr("lease again"));
}

TEST_P(BlobStoreServiceTest, AWatchThatIsNotReadEndsAfterWhatItHas) {
  ClientReader<v1::Event> unread = stub_->Watch(v1::WatchRequest());
  unread.headers();
  // Far more than the socket and the queues hold.
  for (int i = 0; i < 8000; ++i) {
    const std::string name = Put(std::to_string(i))->blob().name();
    v1::RemoveRequest request;
    request.set_name(name);
    ASSERT_TRUE(stub_->Remove(request).ok());
  }
  int events = 0;
  while (const std::optional<v1::Event> event = unread.Read()) {
    const bool is_added = event->kind() == v1::Event::KIND_ADDED;
    EXPECT_EQ(is_added, events % 2 == 0);
    EXPECT_EQ(event->blob().name(), NameOfBlob(std::to_string(events / 2)));
    ++events;
  }
  EXPECT_GE(events, 1024);
  const absl::Status missed = unread.Finish();
  EXPECT_EQ(missed.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(missed.message()), HasSubstr("watch and list again"));
}

TEST_P(BlobStoreServiceTest, LimitsTheWatchesOfAUser) {
  std::vector<ClientReader<v1::Event>> watches;
  for (int i = 0; i < BlobWatchService::kMostWatchesOfUser; ++i) {
    watches.push_back(stub_->Watch(v1::WatchRequest()));
    watches.back().headers();
  }
  ClientReader<v1::Event> refused = stub_->Watch(v1::WatchRequest());
  EXPECT_FALSE(refused.Read().has_value());
  EXPECT_EQ(refused.Finish().code(), absl::StatusCode::kResourceExhausted);
  // Those that end make room, a moment later.
  watches.clear();
  bool is_watching = false;
  while (!is_watching) {
    ClientReader<v1::Event> again = stub_->Watch(v1::WatchRequest());
    again.headers();
    ASSERT_TRUE(Put("content").ok());
    v1::RemoveRequest request;
    request.set_name(NameOfBlob("content"));
    ASSERT_TRUE(stub_->Remove(request).ok());
    is_watching = again.Read().has_value();
    if (!is_watching) {
      ASSERT_EQ(again.Finish().code(), absl::StatusCode::kResourceExhausted);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sockets, BlobStoreServiceTest,
                         ::testing::Values("unix:", "unix-seqpacket:",
                                           "unix-dgram:"));

}  // namespace
}  // namespace fdrpc::blobstore
