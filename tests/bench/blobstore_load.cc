// Calls of one client of fdrpc-blobstore, one after the other:
//
//   fdrpc_bench_blobstore ADDRESS get|put BYTES WARM_UP SECONDS SERVER_PID
//
// Prints the figures as JSON. "get" gets one blob of so many bytes again and
// again; "put" fills, seals and puts another one each time.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "fdrpc/blobstore/v1/blobstore.fdrpc.h"
#include "fdrpc/channel.h"
#include "fdrpc/shared_buffer.h"
#include "tests/bench/meter.h"

namespace fdrpc::bench {
namespace {

using blobstore::v1::BlobStore;
using blobstore::v1::GetReply;
using blobstore::v1::GetRequest;
using blobstore::v1::PutReply;
using blobstore::v1::PutRequest;

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

std::string Put(BlobStore::Stub& store, size_t bytes, uint64_t number) {
  absl::StatusOr<SharedBuffer> buffer = SharedBuffer::Create(bytes);
  if (!buffer.ok()) Fail(buffer.status());
  std::memcpy(buffer->writable().data(), &number, sizeof(number));
  const absl::StatusOr<SharedFd> sealed = buffer->Seal();
  if (!sealed.ok()) Fail(sealed.status());
  Parcel<PutRequest> request;
  request.set_content(*sealed);
  const absl::StatusOr<PutReply> reply = store.Put(std::move(request));
  if (!reply.ok()) Fail(reply.status());
  return reply->blob().name();
}

void Get(BlobStore::Stub& store, const GetRequest& request) {
  absl::StatusOr<Parcel<GetReply>> reply = store.Get(request);
  if (!reply.ok()) Fail(reply.status());
}

int LoadMain(char** argv) {
  const absl::StatusOr<Channel> channel = Channel::Connect(argv[1]);
  if (!channel.ok()) Fail(channel.status());
  BlobStore::Stub store(*channel);
  const bool gets = std::string(argv[2]) == "get";
  const size_t bytes = std::strtoull(argv[3], nullptr, 10);
  GetRequest request;
  if (gets) request.set_name(Put(store, bytes, 0));
  Meter meter(std::atof(argv[4]), std::atof(argv[5]), Meter::Takes::kIntervals,
              std::atoi(argv[6]));
  for (uint64_t number = 1; meter.Next(); ++number) {
    gets ? Get(store, request) : static_cast<void>(Put(store, bytes, number));
  }
  std::vector<uint32_t> intervals = meter.intervals();
  std::printf("{\"p50_us\": %.2f, \"p99_us\": %.2f, \"rate_per_s\": %.0f}\n",
              PercentileMicros(intervals, 0.5),
              PercentileMicros(intervals, 0.99),
              static_cast<double>(intervals.size()) / meter.seconds());
  return 0;
}

}  // namespace
}  // namespace fdrpc::bench

int main(int argc, char** argv) {
  return argc == 7 ? fdrpc::bench::LoadMain(argv) : 2;
}
