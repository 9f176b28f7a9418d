#include "services/tool/given_schema.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fdrpc/fd.pb.h"
#include "fdrpc/options.pb.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc::tool {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;

void AddServices(const FileDescriptorProto& file,
                 std::vector<std::string>& services) {
  for (const auto& service : file.service()) {
    services.push_back(absl::StrCat(
        file.package(), file.package().empty() ? "" : ".", service.name()));
  }
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

}  // namespace

GivenSchema::GivenSchema()
    : linked_(*DescriptorPool::generated_pool()),
      sources_(&directories_, &linked_) {
  sources_.RecordErrorsTo(&errors_);
  // The linker drops what nobody names, and with it the files.
  Fd::descriptor();
  FdRules::descriptor();
}

void GivenSchema::Errors::AddError(const std::string& file, int line,
                                   int column, const std::string& message) {
  if (!first.empty()) return;
  first = file;
  // Counted from 0; -1 stands for the file.
  if (line >= 0) absl::StrAppend(&first, ":", line + 1, ":", column + 1);
  absl::StrAppend(&first, ": ", message);
}

absl::StatusOr<std::unique_ptr<GivenSchema>> GivenSchema::FromProtos(
    const std::vector<std::string>& files,
    std::vector<std::string> directories) {
  std::unique_ptr<GivenSchema> schema(new GivenSchema());
  if (directories.empty()) {
    directories.push_back(".");
    for (const std::string& file : files) {
      directories.push_back(DirectoryOf(file));
    }
  }
  for (const std::string& directory : directories) {
    schema->directories_.MapPath("", directory);
  }
  for (const std::string& file : files) {
    // Named as in an import, or by a path.
    std::string name = file;
    std::string path;
    std::string shadowing;
    if (!schema->directories_.VirtualFileToDiskFile(name, &path)) {
      using Tree = google::protobuf::compiler::DiskSourceTree;
      switch (
          schema->directories_.DiskFileToVirtualFile(file, &name, &shadowing)) {
        case Tree::SUCCESS:
          break;
        case Tree::SHADOWED:
          return absl::InvalidArgumentError(absl::StrCat(
              file, ": ", shadowing, " comes before it in the directories"));
        case Tree::CANNOT_OPEN:
        case Tree::NO_MAPPING:
          return absl::NotFoundError(absl::StrCat(
              file,
              ": cannot be read, or is not beneath a directory given "
              "with -I"));
      }
    }
    if (!schema->Load(name)) {
      const std::string& why = schema->errors_.first;
      return absl::InvalidArgumentError(
          why.empty() ? absl::StrCat(file, ": cannot be read") : why);
    }
    FileDescriptorProto loaded;
    schema->files_.FindFileByName(name, &loaded);
    AddServices(loaded, schema->services_);
  }
  return schema;
}

bool GivenSchema::Load(const std::string& name) {
  FileDescriptorProto file;
  if (files_.FindFileByName(name, &file)) return true;
  if (!sources_.FindFileByName(name, &file)) return false;
  // Before its imports, so that a circle ends; the pool reports it.
  files_.Add(file);
  for (const std::string& import : file.dependency()) {
    if (!Load(import)) return false;
  }
  return true;
}

absl::StatusOr<std::unique_ptr<GivenSchema>> GivenSchema::FromDescriptorSet(
    const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream bytes;
  bytes << stream.rdbuf();
  if (!stream.is_open() || stream.bad()) {
    return absl::NotFoundError(
        absl::StrCat(path, ": ", strerror(errno == 0 ? EIO : errno)));
  }
  return FromSerializedSet(bytes.str(), path);
}

absl::StatusOr<std::unique_ptr<GivenSchema>> GivenSchema::FromSerializedSet(
    const std::string& bytes, const std::string& path) {
  FileDescriptorSet set;
  if (!set.ParseFromString(bytes) || set.file().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        path,
        ": this is not a descriptor set (protoc --descriptor_set_out "
        "with --include_imports)"));
  }
  std::unique_ptr<GivenSchema> schema(new GivenSchema());
  for (const FileDescriptorProto& file : set.file()) {
    if (!schema->files_.Add(file)) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": ", file.name(), " defines what another file defines"));
    }
    AddServices(file, schema->services_);
  }
  return schema;
}

absl::StatusOr<std::vector<std::string>> GivenSchema::Services() {
  return services_;
}

absl::Status GivenSchema::status() const {
  if (errors_.first.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(errors_.first);
}

bool GivenSchema::FindFileByName(const std::string& name,
                                 FileDescriptorProto* file) {
  return files_.FindFileByName(name, file) ||
         linked_.FindFileByName(name, file);
}

bool GivenSchema::FindFileContainingSymbol(const std::string& symbol,
                                           FileDescriptorProto* file) {
  return files_.FindFileContainingSymbol(symbol, file) ||
         linked_.FindFileContainingSymbol(symbol, file);
}

bool GivenSchema::FindFileContainingExtension(const std::string& type,
                                              int number,
                                              FileDescriptorProto* file) {
  return files_.FindFileContainingExtension(type, number, file) ||
         linked_.FindFileContainingExtension(type, number, file);
}

}  // namespace fdrpc::tool
