#include "services/filebroker/directory_access.h"

#include "absl/strings/str_cat.h"
#include "services/filebroker/file_kind.h"
#include "services/filebroker/open_request.h"

namespace fdrpc::filebroker {

std::string DirectoryAccess::PathFromRoot(std::string_view path) const {
  const std::string text(path);
  return path_.empty() ? text : absl::StrCat(path_, "/", text);
}

absl::Status DirectoryAccess::CheckWritable() const {
  if (!read_only_) return absl::OkStatus();
  return absl::PermissionDeniedError(
      "this is for reading only: by the broker's options, or because the "
      "directory was given so");
}

absl::Status DirectoryAccess::Open(const v1::OpenRequest& request,
                                   Parcel<v1::OpenReply>& reply) const {
  const absl::StatusOr<OpenOptions> options = OptionsFor(request);
  if (!options.ok()) return options.status();
  if (options->write) {
    if (absl::Status may = CheckWritable(); !may.ok()) return may;
  }
  absl::StatusOr<OpenedFile> file = directory_->Open(request.path(), *options);
  if (!file.ok()) return file.status();
  reply->set_kind(KindOf(file->info.st_mode));
  if (S_ISREG(file->info.st_mode)) {
    reply->set_size(static_cast<uint64_t>(file->info.st_size));
  }
  reply.set_file(std::move(file->fd));
  return absl::OkStatus();
}

absl::StatusOr<DirectoryAccess> DirectoryAccess::OpenDirectory(
    std::string_view path, bool read_only) const {
  absl::StatusOr<RootDirectory> directory = directory_->OpenDirectory(path);
  if (!directory.ok()) return directory.status();
  DirectoryAccess access(
      std::make_shared<const RootDirectory>(*std::move(directory)),
      read_only_ || read_only, client_);
  access.path_ = PathFromRoot(path);
  return access;
}

absl::StatusOr<UniqueFd> DirectoryAccess::OpenForWatching(
    std::string_view path) const {
  return directory_->OpenForWatching(path);
}

absl::StatusOr<DirectoryListing> DirectoryAccess::List(
    std::string_view path) const {
  absl::StatusOr<UniqueFd> directory = directory_->OpenForListing(path);
  if (!directory.ok()) return directory.status();
  return DirectoryListing::Create(*std::move(directory));
}

absl::Status DirectoryAccess::Rename(const v1::RenameRequest& request) const {
  if (absl::Status may = CheckWritable(); !may.ok()) return may;
  return directory_->Rename(request.from(), request.to(),
                            request.no_replace()
                                ? RootDirectory::Existing::kIsKept
                                : RootDirectory::Existing::kIsReplaced);
}

absl::Status DirectoryAccess::Unlink(const v1::UnlinkRequest& request) const {
  if (absl::Status may = CheckWritable(); !may.ok()) return may;
  return request.directory() ? directory_->UnlinkDirectory(request.path())
                             : directory_->Unlink(request.path());
}

absl::Status DirectoryAccess::MakeDirectory(
    const v1::MakeDirectoryRequest& request) const {
  if (absl::Status may = CheckWritable(); !may.ok()) return may;
  constexpr mode_t kPrivate = 0700;
  return directory_->MakeDirectory(request.path(), request.has_permissions()
                                                       ? request.permissions()
                                                       : kPrivate);
}

}  // namespace fdrpc::filebroker
