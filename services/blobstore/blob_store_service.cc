#include "services/blobstore/blob_store_service.h"

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/blobstore/describe.h"
#include "services/blobstore/lease.h"

namespace fdrpc::blobstore {
namespace {

// How many blobs are looked at under one lock.
constexpr size_t kListedAtOnce = 256;

template <typename Request>
BlobRef RefOf(const Request& request) {
  BlobRef ref = {.name = request.name(), .owner = std::nullopt};
  if (request.has_owner()) ref.owner = request.owner();
  return ref;
}

absl::StatusOr<Readers> ReadersOf(v1::Readers readers) {
  switch (readers) {
    case v1::READERS_OWNER:
      return Readers::kOwner;
    case v1::READERS_EVERYONE:
      return Readers::kEveryone;
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "readers: this store does not know the value ", readers));
  }
}

absl::Status Answer(const absl::StatusOr<BlobStore::PutResult>& result,
                    v1::PutReply& reply) {
  if (!result.ok()) return result.status();
  Describe(result->blob, *reply.mutable_blob());
  reply.set_existed(result->existed);
  return absl::OkStatus();
}

absl::StatusOr<BlobKey> Apply(const v1::LeaseRequest& request, Lease& lease) {
  switch (request.action()) {
    case v1::LeaseRequest::ACTION_PIN:
      return lease.PinBlob(RefOf(request));
    case v1::LeaseRequest::ACTION_RELEASE:
      return lease.Release(RefOf(request));
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "action: a lease pins and releases, and does not know the value ",
          request.action()));
  }
}

}  // namespace

Task<absl::Status> BlobStoreService::Put(ServerContext& context,
                                         Parcel<v1::PutRequest>& request,
                                         v1::PutReply& reply) {
  const absl::StatusOr<Readers> readers = ReadersOf(request->readers());
  if (!readers.ok()) co_return readers.status();
  co_return Answer(
      store_.Put(context.peer().uid, request.take_content(), *readers), reply);
}

Task<absl::Status> BlobStoreService::PutStream(
    ServerContext& context, CoServerReader<v1::PutChunk>& chunks,
    v1::PutReply& reply) {
  absl::StatusOr<BlobStore::StreamedPut> put =
      store_.BeginPut(context.peer().uid);
  if (!put.ok()) co_return put.status();
  std::optional<Readers> readers;
  while (true) {
    const std::optional<v1::PutChunk> chunk = co_await chunks.Read();
    if (!chunk.has_value()) break;
    if (!readers.has_value()) {
      const absl::StatusOr<Readers> first = ReadersOf(chunk->readers());
      if (!first.ok()) co_return first.status();
      readers = *first;
    }
    absl::Status appended = put->Append(chunk->data());
    if (!appended.ok()) co_return appended;
  }
  // The client is gone, and what has come of the blob is not all of it.
  if (context.IsCancelled()) co_return absl::CancelledError();
  co_return Answer(put->Finish(readers.value_or(Readers::kOwner)), reply);
}

Task<absl::Status> BlobStoreService::Get(ServerContext& context,
                                         const v1::GetRequest& request,
                                         Parcel<v1::GetReply>& reply) {
  absl::StatusOr<BlobStore::Content> content =
      store_.Get(context.peer().uid, RefOf(request));
  if (!content.ok()) co_return content.status();
  Describe(content->blob, *reply->mutable_blob());
  reply.set_content(std::move(content->memory));
  co_return absl::OkStatus();
}

Task<absl::Status> BlobStoreService::Stat(ServerContext& context,
                                          const v1::StatRequest& request,
                                          v1::Blob& reply) {
  const absl::StatusOr<BlobInfo> blob =
      store_.Stat(context.peer().uid, RefOf(request));
  if (!blob.ok()) co_return blob.status();
  Describe(*blob, reply);
  co_return absl::OkStatus();
}

Task<absl::Status> BlobStoreService::Remove(ServerContext& context,
                                            const v1::RemoveRequest& request,
                                            v1::RemoveReply&) {
  co_return store_.Remove(context.peer().uid, RefOf(request));
}

Task<absl::Status> BlobStoreService::Lease(
    ServerContext& context,
    CoServerStream<v1::LeaseRequest, v1::LeaseReply>& stream) {
  const uid_t user = context.peer().uid;
  const std::stop_callback<std::function<void()>> drains(
      context.draining(), [&context] { context.StopReading(); });
  blobstore::Lease lease(store_, user);
  while (true) {
    const std::optional<v1::LeaseRequest> request = co_await stream.Read();
    if (!request.has_value()) break;
    const absl::StatusOr<BlobKey> key = Apply(*request, lease);
    v1::LeaseReply reply;
    reply.set_code(key.status().raw_code());
    reply.set_message(std::string(key.status().message()));
    if (key.ok()) {
      const absl::StatusOr<BlobInfo> blob =
          store_.Stat(user, {key->name, key->owner});
      if (blob.ok()) Describe(*blob, *reply.mutable_blob());
    }
    const bool taken = co_await stream.Write(reply);
    if (!taken) break;
  }
  if (!context.draining().stop_requested()) co_return absl::OkStatus();
  co_return absl::UnavailableError(
      "the store ends leases, because it shuts down or the connection has "
      "reached its age; lease again");
}

Task<absl::Status> BlobStoreService::List(ServerContext& context,
                                          const v1::ListRequest&,
                                          CoServerWriter<v1::Blob>& blobs) {
  const uid_t user = context.peer().uid;
  BlobKey last;
  bool more = true;
  while (more) {
    std::vector<BlobInfo> next;
    more = store_.NextBlobs(user, kListedAtOnce, last, next);
    for (const BlobInfo& info : next) {
      v1::Blob blob;
      Describe(info, blob);
      const bool taken = co_await blobs.Write(blob);
      if (!taken) co_return absl::CancelledError();
    }
  }
  co_return absl::OkStatus();
}

}  // namespace fdrpc::blobstore
