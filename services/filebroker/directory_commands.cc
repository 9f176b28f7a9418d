#include "services/filebroker/directory_commands.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "services/filebroker/open_error.h"

namespace fdrpc::filebroker {
namespace {

using Kind = DirectoryCommand::Kind;

struct Form {
  const char* option;
  Kind kind;
  size_t paths;
  const char* operands;
};
constexpr Form kForms[] = {
    {"list", Kind::kList, 1, "one DIR"},
    {"watch", Kind::kWatch, 1, "one DIR"},
    {"rename", Kind::kRename, 2, "FROM and TO"},
    {"unlink", Kind::kUnlink, 1, "one PATH"},
    {"make-directory", Kind::kMakeDirectory, 1, "one PATH"},
};

const char* NameOf(v1::FileKind kind) {
  switch (kind) {
    case v1::FILE_KIND_REGULAR:
      return "file";
    case v1::FILE_KIND_FIFO:
      return "fifo";
    case v1::FILE_KIND_CHARACTER_DEVICE:
      return "character-device";
    case v1::FILE_KIND_BLOCK_DEVICE:
      return "block-device";
    case v1::FILE_KIND_DIRECTORY:
      return "directory";
    case v1::FILE_KIND_SYMBOLIC_LINK:
      return "link";
    case v1::FILE_KIND_SOCKET:
      return "socket";
    default:
      return "unknown";
  }
}

const char* NameOf(v1::Event::Kind kind) {
  switch (kind) {
    case v1::Event::KIND_STARTED:
      return "watching";
    case v1::Event::KIND_CREATED:
      return "created";
    case v1::Event::KIND_REMOVED:
      return "removed";
    case v1::Event::KIND_CHANGED:
      return "changed";
    case v1::Event::KIND_MOVED_FROM:
      return "moved-from";
    case v1::Event::KIND_MOVED_TO:
      return "moved-to";
    case v1::Event::KIND_OVERFLOW:
      return "overflow";
    default:
      return "unknown";
  }
}

absl::Status PrintList(v1::Directory::Stub& root, const std::string& path,
                       const CallOptions& call) {
  v1::ListRequest request;
  request.set_path(path);
  auto entries = root.List(request, call);
  while (std::optional<v1::Entry> entry = entries.Read()) {
    std::cout << absl::StrCat(NameOf(entry->kind()), " ", entry->size(), " ",
                              Quoted(entry->name()), "\n");
  }
  return entries.Finish();
}

absl::Status PrintEvents(v1::Directory::Stub& root, const std::string& path,
                         const CallOptions& call) {
  v1::WatchRequest request;
  request.set_path(path);
  auto events = root.Watch(request, call);
  while (std::cout.flush()) {
    const std::optional<v1::Event> event = events.Read();
    if (!event.has_value()) return events.Finish();
    std::cout << NameOf(event->kind());
    if (!event->name().empty()) std::cout << " " << Quoted(event->name());
    std::cout << "\n";
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<DirectoryCommand>> ParseDirectoryCommand(
    const program::CommandLine& line) {
  const Form* form = nullptr;
  for (const Form& each : kForms) {
    if (!line.Has(each.option)) continue;
    if (form != nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--", form->option, " and --", each.option, " exclude each other"));
    }
    form = &each;
  }
  for (const auto& [option, of] :
       {std::pair{"no-replace", "rename"}, std::pair{"directory", "unlink"}}) {
    if (line.Has(option) && !line.Has(of)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", option, " is an option of --", of));
    }
  }
  if (form == nullptr) return std::nullopt;
  for (const char* option :
       {"mode", "create", "exclusive", "truncate", "permissions", "fd"}) {
    if (line.Has(option)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--", option, " is for opening a file, not for --", form->option));
    }
  }
  if (line.operands().size() != form->paths || line.command() != nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", form->option, " takes ", form->operands));
  }
  return DirectoryCommand{.kind = form->kind,
                          .paths = line.operands(),
                          .no_replace = line.Has("no-replace"),
                          .is_directory = line.Has("directory")};
}

absl::Status RunDirectoryCommand(const Channel& channel,
                                 const DirectoryCommand& command,
                                 const CallOptions& call) {
  v1::OpenDirectoryRequest open;
  open.set_path(".");
  absl::StatusOr<Parcel<v1::OpenDirectoryReply>> reply =
      v1::FileBroker::Stub(channel).OpenDirectory(open, call);
  if (!reply.ok()) return reply.status();
  absl::StatusOr<v1::Directory::Stub> root = reply->take_directory();
  if (!root.ok()) return root.status();
  CallOptions unlimited = call;
  unlimited.timeout = absl::InfiniteDuration();
  switch (command.kind) {
    case Kind::kList:
      return PrintList(*root, command.paths[0], unlimited);
    case Kind::kWatch:
      return PrintEvents(*root, command.paths[0], unlimited);
    case Kind::kRename: {
      v1::RenameRequest request;
      request.set_from(command.paths[0]);
      request.set_to(command.paths[1]);
      request.set_no_replace(command.no_replace);
      return root->Rename(request, call).status();
    }
    case Kind::kUnlink: {
      v1::UnlinkRequest request;
      request.set_path(command.paths[0]);
      request.set_directory(command.is_directory);
      return root->Unlink(request, call).status();
    }
    case Kind::kMakeDirectory: {
      v1::MakeDirectoryRequest request;
      request.set_path(command.paths[0]);
      return root->MakeDirectory(request, call).status();
    }
  }
  return absl::InternalError("no such command");
}

}  // namespace fdrpc::filebroker
