#include "services/blobstore/user_accounts.h"

#include "absl/strings/str_cat.h"

namespace fdrpc::blobstore {

absl::Status UserAccounts::AddOperation(uid_t user) {
  Account& account = accounts_[user];
  if (account.operations >= limits_.operations) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "user ", user, " has ", account.operations,
        " puts, loads from disk and removals in progress, which is the limit "
        "for a user; call again once one has ended"));
  }
  ++account.operations;
  return absl::OkStatus();
}

void UserAccounts::RemoveOperation(uid_t user) {
  --accounts_[user].operations;
  ForgetIfEmpty(user);
}

absl::Status UserAccounts::AddBusyThread() {
  if (busy_threads_ >= limits_.busy_threads) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the store has ", busy_threads_,
        " puts, loads from disk and removals in progress, which is the limit "
        "for all users; call again once one has ended"));
  }
  ++busy_threads_;
  return absl::OkStatus();
}

absl::Status UserAccounts::AddBlob(uid_t user, uint64_t bytes, size_t blobs) {
  Total& stored = accounts_[user].stored;
  absl::Status fits;
  if (stored.blobs + blobs > limits_.blobs) {
    fits = absl::ResourceExhaustedError(
        absl::StrCat("user ", user, " has ", stored.blobs,
                     " blobs, which is the limit for a user (--user-blobs); "
                     "remove some first"));
  } else if (bytes > limits_.bytes || stored.bytes > limits_.bytes - bytes) {
    fits = absl::ResourceExhaustedError(absl::StrCat(
        "user ", user, " has blobs of ", stored.bytes, " bytes in all, and ",
        bytes, " more exceed the limit for a user, which is ", limits_.bytes,
        " (--user-bytes); remove some first"));
  }
  if (fits.ok()) {
    stored.bytes += bytes;
    stored.blobs += blobs;
  }
  ForgetIfEmpty(user);
  return fits;
}

void UserAccounts::AddExistingBlob(uid_t user, uint64_t bytes) {
  Total& stored = accounts_[user].stored;
  stored.bytes += bytes;
  ++stored.blobs;
}

void UserAccounts::RemoveBlob(uid_t user, uint64_t bytes, size_t blobs) {
  Total& stored = accounts_[user].stored;
  stored.bytes -= bytes;
  stored.blobs -= blobs;
  ForgetIfEmpty(user);
}

absl::Status UserAccounts::Hold(uid_t user, uint64_t bytes, size_t blobs) {
  Total& held = accounts_[user].held;
  absl::Status fits;
  if (held.blobs + blobs > limits_.held_blobs) {
    fits = absl::ResourceExhaustedError(absl::StrCat(
        "user ", user, " keeps ", held.blobs,
        " blobs from being evicted, by pins, puts and loads, which is the "
        "limit for a user (half of the blobs in memory); release pins, or wait "
        "for puts to end"));
  } else if (bytes > limits_.held_bytes ||
             held.bytes > limits_.held_bytes - bytes) {
    fits = absl::ResourceExhaustedError(absl::StrCat(
        "user ", user, " keeps ", held.bytes,
        " bytes from being evicted, by pins, puts and loads, and ", bytes,
        " more exceed the limit for a user, which is ", limits_.held_bytes,
        " (half of --capacity); release pins, or wait for puts to end"));
  }
  if (fits.ok()) {
    held.bytes += bytes;
    held.blobs += blobs;
  }
  ForgetIfEmpty(user);
  return fits;
}

void UserAccounts::Unhold(uid_t user, uint64_t bytes) {
  Total& held = accounts_[user].held;
  held.bytes -= bytes;
  --held.blobs;
  ForgetIfEmpty(user);
}

absl::Status UserAccounts::AddPin(uid_t user, uint64_t blob_id,
                                  uint64_t bytes) {
  Account& account = accounts_[user];
  if (account.all_pins >= limits_.pins) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "user ", user, " has ", account.all_pins,
        " pins, which is the limit for a user; release some first"));
  }
  if (!account.pins.contains(blob_id)) {
    absl::Status fits = Hold(user, bytes);
    if (!fits.ok()) return fits;
  }
  ++account.pins[blob_id];
  ++account.all_pins;
  return absl::OkStatus();
}

void UserAccounts::RemovePin(uid_t user, uint64_t blob_id, uint64_t bytes) {
  Account& account = accounts_[user];
  --account.all_pins;
  const auto pins = account.pins.find(blob_id);
  if (--pins->second > 0) return;
  account.pins.erase(pins);
  Unhold(user, bytes);
}

void UserAccounts::ForgetIfEmpty(uid_t user) {
  const auto found = accounts_.find(user);
  if (found == accounts_.end()) return;
  const Account& account = found->second;
  if (account.stored.blobs == 0 && account.held.blobs == 0 &&
      account.operations == 0) {
    accounts_.erase(found);
  }
}

}  // namespace fdrpc::blobstore
