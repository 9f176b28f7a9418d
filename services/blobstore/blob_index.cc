#include "services/blobstore/blob_index.h"

#include <cassert>
#include <limits>

#include "absl/strings/str_cat.h"

namespace fdrpc::blobstore {

BlobIndex::BlobIndex(const Limits& limits)
    : limits_(limits), accounts_(limits.user) {}

absl::StatusOr<Reservation> BlobIndex::Reserve(const Reservation& wanted,
                                               Evicted& evicted) {
  absl::Status allowed = accounts_.AddOperation(wanted.user);
  if (!allowed.ok()) return allowed;
  allowed = Charge(wanted);
  if (allowed.ok()) {
    allowed = MakeRoom(wanted.bytes, 1, evicted);
    if (!allowed.ok()) Discharge(wanted);
  }
  if (!allowed.ok()) {
    accounts_.RemoveOperation(wanted.user);
    return allowed;
  }
  memory_bytes_ += wanted.bytes;
  ++memory_blobs_;
  return wanted;
}

absl::Status BlobIndex::Charge(const Reservation& reservation) {
  const auto& [purpose, user, bytes, blob_id] = reservation;
  if (purpose == Reservation::Purpose::kLoad) {
    return accounts_.AddPin(user, blob_id, bytes);
  }
  absl::Status allowed = accounts_.AddBlob(user, bytes);
  if (!allowed.ok()) return allowed;
  allowed = accounts_.Hold(user, bytes);
  if (!allowed.ok()) accounts_.RemoveBlob(user, bytes);
  return allowed;
}

void BlobIndex::Discharge(const Reservation& reservation) {
  const auto& [purpose, user, bytes, blob_id] = reservation;
  if (purpose == Reservation::Purpose::kLoad) {
    return accounts_.RemovePin(user, blob_id, bytes);
  }
  accounts_.RemoveBlob(user, bytes);
  accounts_.Unhold(user, bytes);
}

absl::Status BlobIndex::Grow(Reservation& reservation, uint64_t bytes,
                             Evicted& evicted) {
  assert(reservation.purpose == Reservation::Purpose::kPut);
  // Counted as one blob from the beginning.
  absl::Status allowed = accounts_.AddBlob(reservation.user, bytes, 0);
  if (!allowed.ok()) return allowed;
  allowed = accounts_.Hold(reservation.user, bytes, 0);
  if (!allowed.ok()) {
    accounts_.RemoveBlob(reservation.user, bytes, 0);
    return allowed;
  }
  allowed = MakeRoom(bytes, 0, evicted);
  reservation.bytes += bytes;
  memory_bytes_ += bytes;
  return allowed;
}

void BlobIndex::Cancel(const Reservation& reservation) {
  memory_bytes_ -= reservation.bytes;
  --memory_blobs_;
  Discharge(reservation);
  accounts_.RemoveOperation(reservation.user);
}

const BlobInfo& BlobIndex::Add(const Reservation& reservation,
                               const BlobKey& key, Readers readers,
                               bool on_disk) {
  assert(reservation.purpose == Reservation::Purpose::kPut);
  assert(reservation.user == key.owner);
  const auto [at, added] = entries_.try_emplace(key);
  assert(added);
  static_cast<void>(added);
  Entry& entry = at->second;
  entry.info = {.key = key,
                .id = ++last_id_,
                .bytes = reservation.bytes,
                .readers = readers,
                .in_memory = true,
                .on_disk = on_disk};
  Enqueue(entry);
  accounts_.Unhold(reservation.user, reservation.bytes);
  accounts_.RemoveOperation(reservation.user);
  return entry.info;
}

void BlobIndex::Loaded(const Reservation& reservation, const BlobKey& key) {
  Entry& entry = At(key);
  assert(!entry.info.in_memory && entry.info.bytes == reservation.bytes);
  entry.info.in_memory = true;
  if (entry.info.pins == 0) Enqueue(entry);
  Discharge(reservation);
  accounts_.RemoveOperation(reservation.user);
}

void BlobIndex::AddFromDisk(const BlobKey& key, uint64_t bytes,
                            Readers readers) {
  Entry& entry = entries_[key];
  entry.info = {.key = key,
                .id = ++last_id_,
                .bytes = bytes,
                .readers = readers,
                .on_disk = true};
  accounts_.AddExistingBlob(key.owner, bytes);
}

void BlobIndex::OpenToEveryone(const BlobKey& key) {
  At(key).info.readers = Readers::kEveryone;
}

void BlobIndex::Remove(const BlobKey& key) {
  Entry& entry = At(key);
  Dequeue(entry);
  if (entry.info.in_memory) {
    memory_bytes_ -= entry.info.bytes;
    --memory_blobs_;
  }
  accounts_.RemoveBlob(key.owner, entry.info.bytes);
  // `key` may be the entry's own.
  entries_.erase(entries_.find(key));
}

const BlobInfo* BlobIndex::Find(const BlobKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second.info;
}

const BlobInfo* BlobIndex::Resolve(uid_t caller, const std::string& name,
                                   std::optional<uid_t> owner) const {
  if (const BlobInfo* own = Find({name, owner.value_or(caller)})) {
    return MayRead(caller, *own) ? own : nullptr;
  }
  if (owner.has_value()) return nullptr;
  for (auto at = entries_.lower_bound({name, 0});
       at != entries_.end() && at->first.name == name; ++at) {
    if (MayRead(caller, at->second.info)) return &at->second.info;
  }
  return nullptr;
}

bool BlobIndex::MayRead(uid_t caller, const BlobInfo& blob) {
  return blob.readers == Readers::kEveryone || MayRemove(caller, blob);
}

bool BlobIndex::MayRemove(uid_t caller, const BlobInfo& blob) {
  return caller == blob.key.owner || caller == 0;
}

bool BlobIndex::NextBlobs(uid_t caller, size_t most, BlobKey& key,
                          std::vector<BlobInfo>& blobs) const {
  auto at = key.name.empty() ? entries_.begin() : entries_.upper_bound(key);
  for (size_t looked = 0; at != entries_.end() && looked < most;
       ++at, ++looked) {
    if (MayRead(caller, at->second.info)) blobs.push_back(at->second.info);
    key = at->first;
  }
  return at != entries_.end();
}

void BlobIndex::Touch(const BlobKey& key) {
  Entry& entry = At(key);
  if (entry.place.has_value()) {
    order_.splice(order_.end(), order_, *entry.place);
  }
}

absl::StatusOr<Pin> BlobIndex::PinBlob(uid_t user, const BlobKey& key) {
  Entry& entry = At(key);
  absl::Status allowed =
      accounts_.AddPin(user, entry.info.id, entry.info.bytes);
  if (!allowed.ok()) return allowed;
  if (entry.info.pins++ == 0) Dequeue(entry);
  return Pin{.key = key, .id = entry.info.id, .bytes = entry.info.bytes};
}

void BlobIndex::Release(uid_t user, const Pin& pin) {
  accounts_.RemovePin(user, pin.id, pin.bytes);
  const auto found = entries_.find(pin.key);
  if (found == entries_.end() || found->second.info.id != pin.id) return;
  Entry& entry = found->second;
  if (--entry.info.pins == 0 && entry.info.in_memory) Enqueue(entry);
}

absl::Status BlobIndex::MakeRoom(uint64_t bytes, size_t blobs,
                                 Evicted& evicted) {
  if (bytes > limits_.memory_bytes ||
      memory_bytes_ - evictable_bytes_ > limits_.memory_bytes - bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the store's capacity is ", limits_.memory_bytes,
        " bytes (--capacity), of which pinned blobs and puts in progress use ",
        memory_bytes_ - evictable_bytes_, ", and ", bytes,
        " more do not fit; release pins, or wait for puts to end"));
  }
  if (memory_blobs_ - order_.size() + blobs > limits_.memory_blobs) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the store has memory files for ", limits_.memory_blobs,
        " blobs (its limit of open files), and all are pinned or being put; "
        "release pins, or wait for puts to end"));
  }
  while (memory_bytes_ > limits_.memory_bytes - bytes ||
         memory_blobs_ + blobs > limits_.memory_blobs) {
    EvictOldest(evicted);
  }
  return absl::OkStatus();
}

void BlobIndex::EvictOldest(Evicted& evicted) {
  Entry& entry = At(order_.front());
  evicted.push_back(entry.info);
  if (!entry.info.on_disk) return Remove(evicted.back().key);
  Dequeue(entry);
  entry.info.in_memory = false;
  memory_bytes_ -= entry.info.bytes;
  --memory_blobs_;
}

BlobIndex::Entry& BlobIndex::At(const BlobKey& key) {
  const auto found = entries_.find(key);
  assert(found != entries_.end());
  return found->second;
}

void BlobIndex::Enqueue(Entry& entry) {
  entry.place = order_.insert(order_.end(), entry.info.key);
  evictable_bytes_ += entry.info.bytes;
}

void BlobIndex::Dequeue(Entry& entry) {
  if (!entry.place.has_value()) return;
  order_.erase(*entry.place);
  entry.place.reset();
  evictable_bytes_ -= entry.info.bytes;
}

}  // namespace fdrpc::blobstore
