// fdrpc-blobstore: serves fdrpc.blobstore.v1.BlobStore.
#include <sys/resource.h>
#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "fdrpc/mixed_service.h"
#include "fdrpc/server.h"
#include "services/blobstore/blob_index.h"
#include "services/blobstore/blob_store.h"
#include "services/blobstore/blob_store_service.h"
#include "services/blobstore/blob_watch_service.h"
#include "services/blobstore/spill_directory.h"
#include "services/program/command_line.h"
#include "services/program/local_peers_only.h"
#include "services/program/serve.h"
#include "services/program/server_line.h"
#include "services/program/server_main.h"

namespace fdrpc::blobstore {
namespace {

using program::CommandLine;

constexpr char kStoreUsage[] =
    R"(usage: fdrpc-blobstore --listen ADDRESS [OPTION]...

Keeps blobs in memory that the programs of this machine share. Each can put
blobs, and get those of its own user, and of others that everyone may read.
fdrpc-blob is a client.

  --listen ADDRESS     unix:/path, unix:relative-path or unix:@abstract-name, or
                       the same with unix-seqpacket: or unix-dgram:; may be given
                       several times. To connect takes write permission on the
                       socket's file; an abstract name has none, and every
                       program of the network namespace can connect.
                       Or sockets that are there: systemd:NAME those of a .socket
                       unit with that FileDescriptorName=, systemd: all that the
                       service manager has passed, fd:N an inherited descriptor.
  --socket-mode MODE   permissions of the socket files, in octal, such as 0666;
                       without it, what the umask leaves
  --capacity BYTES     of all blobs in memory, such as 512M (1G); beyond it, those
                       that were used least recently are evicted, unless they are
                       pinned
  --user-bytes BYTES   the most that one user can have put (half of the
                       capacity). A user's pins, puts in progress and loads from
                       disk can use half of the capacity at most.
  --user-blobs N       the most blobs that one user can have put (4096; without
                       --spill no more than half of those that fit in memory)
  --spill DIR          keeps all blobs in files of DIR, too: a put returns when its
                       blob is on disk, eviction leaves it there, and a store that
                       is started again has all of them. DIR must be there, belong
                       to the user of the store, and be writable for no other.
  --idle-timeout TIME  exits when no call has come for so long: 500ms, 30s, 5m;
                       needs --spill
  --help               prints this

Prints "listening on ADDRESS" for each unix: address once clients can connect,
and tells the service manager, if there is one (NOTIFY_SOCKET). SIGTERM or SIGINT
lets calls in progress end, removes the socket files and exits. Without --spill
the blobs are gone then, except for the memory of those that clients keep.

Exit status: 0 after it has served, 1 if it cannot, 2 if it is used wrongly.
)";

constexpr int kMostThreads = 128;
constexpr size_t kMostBlobsOfUser = 4096;

struct StoreSettings {
  program::ListenSettings listen;
  BlobIndex::Limits limits;
  std::string spill;  // empty: none
  absl::Duration idle_timeout = absl::InfiniteDuration();
};

// Each blob in memory is an open file. The server leaves the process a quarter
// of what it may open; blobs get half of that.
size_t MostBlobsInMemory() {
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) < 0) return 64;
  return std::max<size_t>(files.rlim_max / 8, 16);
}

absl::Status ParseLimits(const CommandLine& line, BlobIndex::Limits& limits) {
  if (const auto text = line.Get("capacity"); text.has_value()) {
    const absl::StatusOr<uint64_t> bytes = program::ParseBytes(*text);
    if (!bytes.ok()) return bytes.status();
    limits.memory_bytes = *bytes;
  }
  limits.memory_blobs = MostBlobsInMemory();
  limits.user.held_bytes = std::max<uint64_t>(limits.memory_bytes / 2, 1);
  limits.user.held_blobs = limits.memory_blobs / 2;
  limits.user.busy_threads = kMostThreads / 2 - 4;
  limits.user.bytes = limits.user.held_bytes;
  limits.user.blobs = kMostBlobsOfUser;
  if (!line.Has("spill")) {
    limits.user.blobs = std::min(limits.user.blobs, limits.user.held_blobs);
  }
  if (const auto text = line.Get("user-bytes"); text.has_value()) {
    const absl::StatusOr<uint64_t> bytes = program::ParseBytes(*text);
    if (!bytes.ok()) return bytes.status();
    limits.user.bytes = *bytes;
  }
  if (const auto text = line.Get("user-blobs"); text.has_value()) {
    const absl::StatusOr<uint64_t> blobs = program::ParseNumber(*text);
    if (!blobs.ok()) return blobs.status();
    limits.user.blobs = *blobs;
  }
  return absl::OkStatus();
}

// Empty for --help.
absl::StatusOr<std::optional<StoreSettings>> ParseStoreSettings(int argc,
                                                                char** argv) {
  using Arity = CommandLine::Arity;
  absl::StatusOr<std::optional<program::ServerLine>> line =
      program::ParseServerLine(argc, argv,
                               {{"capacity", Arity::kOnce},
                                {"user-bytes", Arity::kOnce},
                                {"user-blobs", Arity::kOnce},
                                {"spill", Arity::kOnce},
                                {"idle-timeout", Arity::kOnce}});
  if (!line.ok()) return line.status();
  if (!line->has_value()) return std::nullopt;
  const CommandLine& options = (*line)->options;
  StoreSettings settings;
  settings.listen = std::move((*line)->listen);
  settings.spill = options.Get("spill").value_or("");
  if (options.Has("spill") && settings.spill.empty()) {
    return absl::InvalidArgumentError("--spill is not the name of a directory");
  }
  if (const auto text = options.Get("idle-timeout"); text.has_value()) {
    if (settings.spill.empty()) {
      return absl::InvalidArgumentError(
          "--idle-timeout needs --spill: the blobs would be gone");
    }
    const absl::StatusOr<absl::Duration> time = program::ParseTime(*text);
    if (!time.ok()) return time.status();
    settings.idle_timeout = *time;
  }
  absl::Status limits = ParseLimits(options, settings.limits);
  if (!limits.ok()) return limits;
  return settings;
}

absl::Status ServeStore(StoreSettings settings) {
  program::HoldStopSignals();
  std::optional<SpillDirectory> spill;
  if (!settings.spill.empty()) {
    absl::StatusOr<SpillDirectory> opened =
        SpillDirectory::Open(settings.spill);
    if (!opened.ok()) return opened.status();
    spill.emplace(*std::move(opened));
  }
  BlobStore store(settings.limits, std::move(spill));
  BlobStoreService blobs(store);
  BlobWatchService watches(store.events());
  MixedService service(blobs, watches);
  // A request has at most a chunk of a streamed blob. The threads are those
  // that puts block while they hash.
  Server server(
      {.max_threads = kMostThreads,
       .max_request_bytes = 4u << 20,
       .max_request_descriptors = 1,
       .max_held_bytes_per_connection = 16u << 20,
       .idle_timeout = settings.idle_timeout,
       .notify_service_manager = true,
       .interceptors = {std::make_shared<program::LocalPeersOnly>()}});
  server.AddService(service);
  return program::ServeUntilStopped(server, settings.listen);
}

}  // namespace
}  // namespace fdrpc::blobstore

int main(int argc, char** argv) {
  return fdrpc::program::ServerMain("fdrpc-blobstore",
                                    fdrpc::blobstore::kStoreUsage,
                                    fdrpc::blobstore::ParseStoreSettings,
                                    fdrpc::blobstore::ServeStore, argc, argv);
}
