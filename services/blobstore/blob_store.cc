#include "services/blobstore/blob_store.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::blobstore {
namespace {

constexpr SharedBufferLimits kAnySize = {
    .max_bytes = std::numeric_limits<size_t>::max()};

// PERMISSION_DENIED if the maker of the memory prevents it: by the file's
// permissions, or by a lease (F_SETLEASE in fcntl(2)), for whose end open(2)
// would wait for 45 seconds.
absl::StatusOr<UniqueFd> OpenForReading(const SharedFd& memory) {
  const std::string path = absl::StrCat("/proc/self/fd/", memory.get());
  UniqueFd opened(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (opened.ok()) {
    if (fcntl(opened.get(), F_SETFL, 0) == 0) return opened;
    return absl::ErrnoToStatus(errno, "fcntl(F_SETFL)");
  }
  if (errno == EWOULDBLOCK) {
    return absl::PermissionDeniedError(
        "the maker of a memory file has a lease on it");
  }
  if (errno == ENOENT) {
    return absl::FailedPreconditionError(
        "the store cannot open its memory files again, because /proc is not "
        "mounted where it runs");
  }
  return absl::ErrnoToStatus(errno, "opening a memory file again");
}

absl::StatusOr<SharedBuffer> Map(const SharedFd& memory) {
  UniqueFd copy(fcntl(memory.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy.ok()) return absl::ErrnoToStatus(errno, "dup");
  return SharedBuffer::FromFd(std::move(copy), kAnySize);
}

}  // namespace

BlobStore::BlobStore(const BlobIndex::Limits& limits,
                     std::optional<SpillDirectory> spill)
    : index_(limits), spill_(std::move(spill)) {
  if (!spill_.has_value()) return;
  for (const SpillDirectory::StoredBlob& blob : spill_->TakeBlobs()) {
    index_.AddFromDisk(blob.key, blob.bytes, blob.readers);
  }
}

BlobStore::Room::~Room() {
  if (store_ == nullptr) return;
  const std::lock_guard lock(store_->mutex_);
  store_->index_.Cancel(reservation_);
}

absl::StatusOr<BlobStore::PutResult> BlobStore::Put(uid_t user,
                                                    UniqueFd content,
                                                    Readers readers) {
  const absl::StatusOr<SharedBuffer> memory =
      SharedBuffer::FromFd(std::move(content), kAnySize);
  if (!memory.ok()) return memory.status();
  absl::StatusOr<Room> room =
      Reserve(Reservation::Purpose::kPut, user, memory->size());
  if (!room.ok()) return room.status();
  return Durable(
      Add(*std::move(room), *memory, Sha256Of(memory->data()), readers));
}

absl::StatusOr<BlobStore::StreamedPut> BlobStore::BeginPut(uid_t user) {
  absl::StatusOr<Room> room = Reserve(Reservation::Purpose::kPut, user, 0);
  if (!room.ok()) return room.status();
  absl::StatusOr<MemoryWriter> memory = MemoryWriter::Create();
  if (!memory.ok()) return memory.status();
  return StreamedPut(*this, *std::move(room), *std::move(memory));
}

absl::Status BlobStore::StreamedPut::Append(std::string_view bytes) {
  if (absl::Status fits = store_.Grow(room_, bytes.size()); !fits.ok()) {
    return fits;
  }
  hash_.Add({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
  return memory_.Append(bytes);
}

absl::StatusOr<BlobStore::PutResult> BlobStore::StreamedPut::Finish(
    Readers readers) {
  if (room_.reservation().bytes == 0) {
    return absl::InvalidArgumentError(
        "the blob is empty; one has at least one byte");
  }
  absl::StatusOr<UniqueFd> sealed = memory_.Seal();
  if (!sealed.ok()) return sealed.status();
  const absl::StatusOr<SharedBuffer> memory =
      SharedBuffer::FromFd(*std::move(sealed), kAnySize);
  if (!memory.ok()) return memory.status();
  return store_.Durable(
      store_.Add(std::move(room_), *memory, hash_.Finish(), readers));
}

absl::StatusOr<BlobStore::PutResult> BlobStore::Durable(
    absl::StatusOr<PutResult> put) {
  if (!put.ok() || !spill_.has_value()) return put;
  absl::Status synced = spill_->Sync();
  if (!synced.ok()) return synced;
  return put;
}

absl::StatusOr<BlobStore::PutResult> BlobStore::Add(Room room,
                                                    const SharedBuffer& memory,
                                                    const std::string& name,
                                                    Readers readers) {
  const BlobKey key = {name, room.reservation().user};
  std::optional<SpillDirectory::Draft> draft;
  if (spill_.has_value()) {
    {
      const std::lock_guard lock(mutex_);
      const auto existing = Existing(key, readers);
      if (!existing.ok()) return existing.status();
      if (existing->has_value()) return **existing;
    }
    absl::StatusOr<SpillDirectory::Draft> written =
        spill_->Write(memory.data());
    if (!written.ok()) return written.status();
    draft.emplace(*std::move(written));
  }
  const std::lock_guard lock(mutex_);
  const auto existing = Existing(key, readers);
  if (!existing.ok()) return existing.status();
  if (existing->has_value()) return **existing;
  if (draft.has_value()) {
    absl::Status completed = draft->Complete(key, readers);
    if (!completed.ok()) return completed;
  }
  room.Used();
  memory_[key] = memory.fd();
  const BlobInfo& blob =
      index_.Add(room.reservation(), key, readers, draft.has_value());
  events_.Publish(BlobEvent::kAdded, blob);
  return PutResult{.blob = blob};
}

absl::StatusOr<std::optional<BlobStore::PutResult>> BlobStore::Existing(
    const BlobKey& key, Readers readers) {
  const BlobInfo* blob = index_.Find(key);
  if (blob == nullptr) return std::nullopt;
  index_.Touch(key);
  if (readers == Readers::kEveryone && blob->readers == Readers::kOwner) {
    if (blob->on_disk) {
      absl::Status opened = spill_->OpenToEveryone(key);
      if (!opened.ok()) return opened;
    }
    index_.OpenToEveryone(key);
  }
  return PutResult{.blob = *blob, .existed = true};
}

absl::StatusOr<BlobStore::Content> BlobStore::Get(uid_t caller,
                                                  const BlobRef& ref) {
  Content content;
  SharedFd memory;
  {
    const std::lock_guard lock(mutex_);
    const absl::StatusOr<const BlobInfo*> found = Resolve(caller, ref);
    if (!found.ok()) return found.status();
    content.blob = **found;
    index_.Touch(content.blob.key);
    const auto held = memory_.find(content.blob.key);
    if (held != memory_.end()) memory = held->second;
  }
  if (!memory.ok()) {
    absl::StatusOr<SharedFd> loaded = Load(caller, content.blob);
    if (!loaded.ok()) return loaded.status();
    memory = *std::move(loaded);
    content.blob.in_memory = true;
  }
  absl::StatusOr<UniqueFd> opened = OpenForReading(memory);
  if (absl::IsPermissionDenied(opened.status())) {
    const absl::StatusOr<SharedFd> copy =
        CopyMemory(caller, content.blob, memory);
    if (!copy.ok()) return copy.status();
    opened = OpenForReading(*copy);
  }
  if (!opened.ok()) return opened.status();
  content.memory = *std::move(opened);
  return content;
}

absl::StatusOr<SharedFd> BlobStore::Load(uid_t caller, BlobInfo blob) {
  while (true) {
    absl::StatusOr<Room> room =
        Reserve(Reservation::Purpose::kLoad, caller, blob.bytes);
    if (!room.ok()) return room.status();
    const absl::StatusOr<SharedBuffer> memory =
        spill_->Read(blob.key, blob.readers, blob.bytes);
    const std::lock_guard lock(mutex_);
    const BlobInfo* current = index_.Find(blob.key);
    if (current == nullptr) {
      return absl::NotFoundError(absl::StrCat(
          "the blob ", blob.key.name, " was removed while it was loaded"));
    }
    // Another call has loaded it meanwhile.
    if (current->in_memory) return memory_.at(blob.key);
    if (memory.ok()) {
      room->Used();
      memory_[blob.key] = memory->fd();
      index_.Loaded(room->reservation(), blob.key);
      return memory->fd();
    }
    if (!absl::IsDataLoss(memory.status())) return memory.status();
    if (current->id == blob.id && current->readers == blob.readers) {
      DropDamaged(blob.key);
      return memory.status();
    }
    // Its file was renamed or replaced meanwhile.
    blob = *current;
  }
}

void BlobStore::DropDamaged(const BlobKey& key) {
  const BlobInfo blob = *index_.Find(key);
  // If that fails, the next start finds it again, and the next get the damage.
  static_cast<void>(spill_->Remove(key, blob.readers));
  index_.Remove(key);
  events_.Publish(BlobEvent::kRemoved, blob);
}

absl::StatusOr<SharedFd> BlobStore::CopyMemory(uid_t caller,
                                               const BlobInfo& blob,
                                               const SharedFd& memory) {
  absl::StatusOr<Room> room =
      Reserve(Reservation::Purpose::kLoad, caller, blob.bytes);
  if (!room.ok()) return room.status();
  const absl::StatusOr<SharedBuffer> original = Map(memory);
  if (!original.ok()) return original.status();
  absl::StatusOr<SharedBuffer> copy = SharedBuffer::Create(original->size());
  if (!copy.ok()) return copy.status();
  std::memcpy(copy->writable().data(), original->data().data(),
              original->size());
  absl::StatusOr<SharedFd> sealed = copy->Seal();
  if (!sealed.ok()) return sealed.status();
  const std::lock_guard lock(mutex_);
  const auto current = memory_.find(blob.key);
  // Somebody else may have replaced or removed it.
  if (current != memory_.end() && current->second.get() == memory.get()) {
    current->second = *sealed;
  }
  return sealed;
}

absl::StatusOr<BlobInfo> BlobStore::Stat(uid_t caller,
                                         const BlobRef& ref) const {
  const std::lock_guard lock(mutex_);
  const absl::StatusOr<const BlobInfo*> found = Resolve(caller, ref);
  if (!found.ok()) return found.status();
  return **found;
}

absl::Status BlobStore::Remove(uid_t caller, const BlobRef& ref) {
  Freed freed;
  {
    const std::lock_guard lock(mutex_);
    const absl::StatusOr<const BlobInfo*> found = Resolve(caller, ref);
    if (!found.ok()) return found.status();
    const BlobInfo blob = **found;
    if (!BlobIndex::MayRemove(caller, blob)) {
      return absl::PermissionDeniedError(
          absl::StrCat("the blob ", blob.key.name, " belongs to user ",
                       blob.key.owner, ", who alone may remove it, and root"));
    }
    if (blob.on_disk) {
      absl::Status removed = spill_->Remove(blob.key, blob.readers);
      if (!removed.ok()) return removed;
    }
    index_.Remove(blob.key);
    DropMemory(blob.key, freed);
    events_.Publish(BlobEvent::kRemoved, blob);
  }
  return spill_.has_value() ? spill_->Sync() : absl::OkStatus();
}

bool BlobStore::NextBlobs(uid_t caller, size_t most, BlobKey& key,
                          std::vector<BlobInfo>& blobs) const {
  const std::lock_guard lock(mutex_);
  return index_.NextBlobs(caller, most, key, blobs);
}

absl::StatusOr<Pin> BlobStore::PinBlob(uid_t caller, const BlobRef& ref) {
  const std::lock_guard lock(mutex_);
  const absl::StatusOr<const BlobInfo*> found = Resolve(caller, ref);
  if (!found.ok()) return found.status();
  return index_.PinBlob(caller, (*found)->key);
}

void BlobStore::Release(uid_t caller, const Pin& pin) {
  const std::lock_guard lock(mutex_);
  index_.Release(caller, pin);
}

absl::StatusOr<BlobStore::Room> BlobStore::Reserve(Reservation::Purpose purpose,
                                                   uid_t user, uint64_t bytes) {
  Freed freed;
  const std::lock_guard lock(mutex_);
  Evicted evicted;
  const absl::StatusOr<Reservation> reservation =
      index_.Reserve(purpose, user, bytes, evicted);
  Drop(evicted, freed);
  if (!reservation.ok()) return reservation.status();
  return Room(*this, *reservation);
}

absl::Status BlobStore::Grow(Room& room, uint64_t bytes) {
  Freed freed;
  const std::lock_guard lock(mutex_);
  Evicted evicted;
  absl::Status grown = index_.Grow(room.reservation(), bytes, evicted);
  Drop(evicted, freed);
  return grown;
}

absl::StatusOr<const BlobInfo*> BlobStore::Resolve(uid_t caller,
                                                   const BlobRef& ref) const {
  if (!IsSha256(ref.name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", absl::CHexEscape(ref.name.substr(0, 100)),
                     "\" is not the name of a blob, which has 64 hexadecimal "
                     "digits in lower case"));
  }
  const BlobInfo* found = index_.Resolve(caller, ref.name, ref.owner);
  if (found != nullptr) return found;
  return absl::NotFoundError(absl::StrCat(
      "user ", caller, " has no blob ", ref.name,
      ref.owner.has_value() ? absl::StrCat(" of user ", *ref.owner) : "",
      ", and there is none that it may read"));
}

void BlobStore::Drop(const Evicted& evicted, Freed& freed) {
  for (const BlobInfo& blob : evicted) {
    DropMemory(blob.key, freed);
    if (!blob.on_disk) events_.Publish(BlobEvent::kEvicted, blob);
  }
}

void BlobStore::DropMemory(const BlobKey& key, Freed& freed) {
  const auto found = memory_.find(key);
  if (found == memory_.end()) return;
  freed.push_back(std::move(found->second));
  memory_.erase(found);
}

}  // namespace fdrpc::blobstore
