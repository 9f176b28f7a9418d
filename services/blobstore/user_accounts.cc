#include "services/blobstore/user_accounts.h"

#include "absl/strings/str_cat.h"

namespace fdrpc::blobstore {

absl::Status UserAccounts::AddOperation(uid_t user) {
  Account& account = accounts_[user];
  if (account.operations >= limits_.operations) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "user ", user, " has ", account.operations,
        " puts and loads from disk in progress, which is the limit for a "
        "user; call again once one has ended"));
  }
  ++account.operations;
  return absl::OkStatus();
}

void UserAccounts::RemoveOperation(uid_t user) {
  --accounts_[user].operations;
  ForgetIfEmpty(user);
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

void UserAccounts::RemoveBlob(uid_t user, uint64_t bytes) {
  Total& stored = accounts_[user].stored;
  stored.bytes -= bytes;
  --stored.blobs;
  ForgetIfEmpty(user);
}

absl::Status UserAccounts::AddPin(uid_t user, uint64_t bytes) {
  Total& pinned = accounts_[user].pinned;
  absl::Status fits;
  if (pinned.blobs >= limits_.blobs) {
    fits = absl::ResourceExhaustedError(
        absl::StrCat("user ", user, " has ", pinned.blobs,
                     " pins, which is the limit for a user (--user-blobs); "
                     "release some first"));
  } else if (bytes > limits_.bytes || pinned.bytes > limits_.bytes - bytes) {
    fits = absl::ResourceExhaustedError(absl::StrCat(
        "user ", user, " pins ", pinned.bytes, " bytes in all, and ", bytes,
        " more exceed the limit for a user, which is ", limits_.bytes,
        " (--user-bytes); release some first"));
  }
  if (fits.ok()) {
    pinned.bytes += bytes;
    ++pinned.blobs;
  }
  ForgetIfEmpty(user);
  return fits;
}

void UserAccounts::RemovePin(uid_t user, uint64_t bytes) {
  Total& pinned = accounts_[user].pinned;
  pinned.bytes -= bytes;
  --pinned.blobs;
  ForgetIfEmpty(user);
}

void UserAccounts::ForgetIfEmpty(uid_t user) {
  const auto found = accounts_.find(user);
  if (found == accounts_.end()) return;
  const Account& account = found->second;
  if (account.stored.blobs == 0 && account.pinned.blobs == 0 &&
      account.operations == 0) {
    accounts_.erase(found);
  }
}

}  // namespace fdrpc::blobstore
