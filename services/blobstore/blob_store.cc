#include "services/blobstore/blob_store.h"

#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/blobstore/blob_memory.h"

namespace fdrpc::blobstore {
namespace {

constexpr SharedBufferLimits kAnySize = {
    .max_bytes = std::numeric_limits<size_t>::max()};

}  // namespace

BlobStore::BlobStore(const BlobIndex::Limits& limits,
                     std::optional<SpillDirectory> spill)
    : index_(limits), spill_(std::move(spill)) {
  if (!spill_.has_value()) return;
  for (const SpillDirectory::StoredBlob& blob : spill_->TakeBlobs()) {
    index_.AddFromDisk(blob.key, blob.bytes, blob.readers);
  }
}

BlobStore::Work::~Work() {
  if (store_ == nullptr) return;
  const std::lock_guard lock(store_->mutex_);
  store_->index_.accounts().RemoveBusyThread();
  if (remover_.has_value()) {
    store_->index_.accounts().RemoveOperation(*remover_);
  }
}

absl::StatusOr<BlobStore::Work> BlobStore::BeginWork(
    std::optional<uid_t> remover) {
  const std::lock_guard lock(mutex_);
  UserAccounts& accounts = index_.accounts();
  if (remover.has_value()) {
    absl::Status allowed = accounts.AddOperation(*remover);
    if (!allowed.ok()) return allowed;
  }
  absl::Status allowed = accounts.AddBusyThread();
  if (allowed.ok()) return Work(*this, remover);
  if (remover.has_value()) accounts.RemoveOperation(*remover);
  return allowed;
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
  const absl::StatusOr<Work> work = BeginWork();
  if (!work.ok()) return work.status();
  absl::StatusOr<Room> room = Reserve({.user = user, .bytes = memory->size()});
  if (!room.ok()) return room.status();
  return Durable(
      Add(*std::move(room), *memory, Sha256Of(memory->data()), readers));
}

absl::StatusOr<BlobStore::StreamedPut> BlobStore::BeginPut(uid_t user) {
  absl::StatusOr<Room> room = Reserve({.user = user});
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
  const absl::StatusOr<Work> work = store_.BeginWork();
  if (!work.ok()) return work.status();
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
  if (!put.ok()) return put;
  absl::Status synced = spill_.has_value() ? spill_->Sync() : absl::OkStatus();
  Freed freed;
  const std::lock_guard lock(mutex_);
  const auto untold = untold_.find(put->blob.id);
  if (untold != untold_.end()) {
    const BlobEvent event = untold->second;
    const BlobInfo blob = *index_.Find(put->blob.key);
    if (synced.ok()) {
      untold_.erase(untold);
      events_.Publish(event, blob);
    } else if (event == BlobEvent::kAdded) {
      // Nobody may rely on it. If its file stays, the next start finds it.
      static_cast<void>(spill_->Remove(blob.key, blob.readers));
      index_.Remove(blob.key);
      DropMemory(blob.key, freed);
      PublishGone(BlobEvent::kRemoved, blob);
    }
  }
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
  untold_.emplace(blob.id, BlobEvent::kAdded);
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
    untold_.try_emplace(blob->id, BlobEvent::kOpened);
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
  const absl::StatusOr<Work> work = BeginWork();
  if (!work.ok()) return work.status();
  while (true) {
    absl::StatusOr<Room> room =
        Reserve({Reservation::Purpose::kLoad, caller, blob.bytes, blob.id});
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
  PublishGone(BlobEvent::kRemoved, blob);
}

absl::StatusOr<SharedFd> BlobStore::CopyMemory(uid_t caller,
                                               const BlobInfo& blob,
                                               const SharedFd& memory) {
  const absl::StatusOr<Work> work = BeginWork();
  if (!work.ok()) return work.status();
  absl::StatusOr<Room> room =
      Reserve({Reservation::Purpose::kLoad, caller, blob.bytes, blob.id});
  if (!room.ok()) return room.status();
  const absl::StatusOr<SharedFd> copy = CopyOf(memory);
  if (!copy.ok()) return copy.status();
  const std::lock_guard lock(mutex_);
  const auto current = memory_.find(blob.key);
  // Somebody else may have replaced or removed it.
  if (current != memory_.end() && current->second.get() == memory.get()) {
    current->second = *copy;
  }
  return copy;
}

absl::StatusOr<BlobInfo> BlobStore::Stat(uid_t caller,
                                         const BlobRef& ref) const {
  const std::lock_guard lock(mutex_);
  const absl::StatusOr<const BlobInfo*> found = Resolve(caller, ref);
  if (!found.ok()) return found.status();
  return **found;
}

absl::Status BlobStore::Remove(uid_t caller, const BlobRef& ref) {
  const absl::StatusOr<Work> work = BeginWork(caller);
  if (!work.ok()) return work.status();
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
    PublishGone(BlobEvent::kRemoved, blob);
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

absl::StatusOr<BlobStore::Room> BlobStore::Reserve(const Reservation& wanted) {
  Freed freed;
  const std::lock_guard lock(mutex_);
  Evicted evicted;
  const absl::StatusOr<Reservation> reservation =
      index_.Reserve(wanted, evicted);
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
    if (!blob.on_disk) PublishGone(BlobEvent::kEvicted, blob);
  }
}

void BlobStore::PublishGone(BlobEvent event, BlobInfo blob) {
  const auto untold = untold_.find(blob.id);
  if (untold != untold_.end()) {
    const bool is_known = untold->second != BlobEvent::kAdded;
    untold_.erase(untold);
    if (!is_known) return;
    // Others than its owner do not know it yet.
    blob.readers = Readers::kOwner;
  }
  events_.Publish(event, blob);
}

void BlobStore::DropMemory(const BlobKey& key, Freed& freed) {
  const auto found = memory_.find(key);
  if (found == memory_.end()) return;
  freed.push_back(std::move(found->second));
  memory_.erase(found);
}

}  // namespace fdrpc::blobstore
