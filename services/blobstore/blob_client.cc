#include "services/blobstore/blob_client.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "fdrpc/shared_buffer.h"
#include "services/program/copy.h"

namespace fdrpc::blobstore {
namespace {

using Outcome = BlobClient::Outcome;

constexpr size_t kChunkBytes = 128u << 10;

Outcome Local(absl::Status status) {
  return {.status = std::move(status), .is_local = true};
}

void Print(const v1::Blob& blob) {
  const char* where = !blob.on_disk()    ? "memory"
                      : blob.in_memory() ? "memory+disk"
                                         : "disk";
  std::cout << absl::StrCat(
      blob.name(), " ", blob.size(), " ", blob.owner(), " ",
      blob.readers() == v1::READERS_EVERYONE ? "everyone" : "owner", " ",
      blob.pins(), " ", where, "\n");
}

const char* NameOf(v1::Event::Kind kind) {
  switch (kind) {
    case v1::Event::KIND_ADDED:
      return "added";
    case v1::Event::KIND_EVICTED:
      return "evicted";
    case v1::Event::KIND_REMOVED:
      return "removed";
    default:
      return "changed";  // by a store that is newer than this program
  }
}

Outcome Print(const absl::StatusOr<v1::PutReply>& reply) {
  if (!reply.ok()) return {reply.status()};
  std::cout << absl::StrCat(reply->blob().name(), "\n") << std::flush;
  return {};
}

}  // namespace

template <typename Request>
Request BlobClient::Named(const std::string& name) const {
  Request request;
  request.set_name(name);
  if (owner_.has_value()) request.set_owner(*owner_);
  return request;
}

Outcome BlobClient::Put(int from, v1::Readers readers) {
  struct stat info = {};
  if (fstat(from, &info) < 0) return Local(absl::ErrnoToStatus(errno, "stat"));
  // Files of /proc, for example, have no size.
  if (S_ISREG(info.st_mode) && info.st_size > 0 &&
      lseek(from, 0, SEEK_CUR) == 0) {
    return PutMemory(from, static_cast<size_t>(info.st_size), readers);
  }
  return PutStream(from, readers);
}

Outcome BlobClient::PutMemory(int from, size_t size, v1::Readers readers) {
  absl::StatusOr<SharedBuffer> memory = SharedBuffer::Create(size);
  if (!memory.ok()) return Local(memory.status());
  const std::optional<size_t> length = program::ReadUpTo(
      from, reinterpret_cast<char*>(memory->writable().data()), size);
  if (!length.has_value()) {
    return Local(absl::ErrnoToStatus(errno, "reading"));
  }
  if (*length < size) {
    return Local(absl::AbortedError(
        absl::StrCat("the file had ", size, " bytes, and has ", *length,
                     " now: it changes while it is read; put it again")));
  }
  const absl::StatusOr<SharedFd> sealed = memory->Seal();
  if (!sealed.ok()) return Local(sealed.status());
  Parcel<v1::PutRequest> request;
  request.set_content(*sealed);
  request->set_readers(readers);
  return Print(stub_.Put(std::move(request), call_));
}

Outcome BlobClient::PutStream(int from, v1::Readers readers) {
  ClientWriter<v1::PutChunk, v1::PutReply> chunks = stub_.PutStream(call_);
  v1::PutChunk chunk;
  chunk.set_readers(readers);
  while (true) {
    std::string& data = *chunk.mutable_data();
    data.resize(kChunkBytes);
    const std::optional<size_t> length =
        program::ReadUpTo(from, data.data(), data.size());
    if (!length.has_value()) {
      // Dropping the call cancels it.
      return Local(absl::ErrnoToStatus(errno, "reading"));
    }
    if (*length == 0) break;
    data.resize(*length);
    if (!chunks.Write(chunk)) break;
    chunk.clear_readers();
  }
  return Print(chunks.Finish());
}

Outcome BlobClient::Get(const std::string& name,
                        const std::function<absl::StatusOr<UniqueFd>()>& to) {
  absl::StatusOr<Parcel<v1::GetReply>> reply =
      stub_.Get(Named<v1::GetRequest>(name), call_);
  if (!reply.ok()) return {reply.status()};
  absl::StatusOr<UniqueFd> output = to();
  if (!output.ok()) return Local(output.status());
  absl::Status copied = program::Copy(reply->content(), output->get());
  // A network file system may report only now that written data is lost.
  if (close(output->Release()) < 0 && errno != EINTR && copied.ok()) {
    copied = absl::ErrnoToStatus(errno, "closing");
  }
  return Local(copied);
}

Outcome BlobClient::Stat(const std::string& name) {
  const absl::StatusOr<v1::Blob> blob =
      stub_.Stat(Named<v1::StatRequest>(name), call_);
  if (!blob.ok()) return {blob.status()};
  Print(*blob);
  return {};
}

Outcome BlobClient::Remove(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const absl::StatusOr<v1::RemoveReply> reply =
        stub_.Remove(Named<v1::RemoveRequest>(name), call_);
    if (!reply.ok()) return {reply.status()};
  }
  return {};
}

Outcome BlobClient::List() {
  ClientReader<v1::Blob> blobs = stub_.List(v1::ListRequest(), call_);
  while (const std::optional<v1::Blob> blob = blobs.Read()) Print(*blob);
  return {blobs.Finish()};
}

Outcome BlobClient::Watch() {
  ClientReader<v1::Event> events = stub_.Watch(v1::WatchRequest(), call_);
  events.headers();
  std::cout << "watching\n" << std::flush;
  while (const std::optional<v1::Event> event = events.Read()) {
    std::cout << NameOf(event->kind()) << " ";
    Print(event->blob());
    std::cout.flush();
  }
  return {events.Finish()};
}

Outcome BlobClient::Pin(const std::vector<std::string>& names) {
  CallOptions options = call_;
  options.timeout = absl::InfiniteDuration();
  ClientStream<v1::LeaseRequest, v1::LeaseReply> lease = stub_.Lease(options);
  for (const std::string& name : names) {
    v1::LeaseRequest request = Named<v1::LeaseRequest>(name);
    request.set_action(v1::LeaseRequest::ACTION_PIN);
    lease.Write(request);
    const std::optional<v1::LeaseReply> reply = lease.Read();
    if (!reply.has_value()) return {lease.Finish()};
    if (reply->code() != 0) {
      return {absl::Status(static_cast<absl::StatusCode>(reply->code()),
                           reply->message())};
    }
    std::cout << absl::StrCat("pinned ", name, "\n") << std::flush;
  }
  // Until the server ends the call.
  lease.Read();
  return {lease.Finish()};
}

}  // namespace fdrpc::blobstore
