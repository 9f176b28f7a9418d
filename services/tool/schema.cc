#include "services/tool/schema.h"

#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace fdrpc::tool {
namespace {

using google::protobuf::DebugStringOptions;
using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorSet;
using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;

// Protocol Buffers strips the first line of a comment alone: it prints the
// space behind the slashes of the others twice.
std::string WithOneSpace(const std::string& text) {
  std::string result;
  bool in_comment = false;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t start = line.find_first_not_of(' ');
    const bool is_comment = start != absl::string_view::npos &&
                            absl::StartsWith(line.substr(start), "//");
    if (is_comment && in_comment &&
        absl::StartsWith(line.substr(start), "//  ")) {
      absl::StrAppend(&result, line.substr(0, start), "//");
      line.remove_prefix(start + 3);
    }
    absl::StrAppend(&result, line, "\n");
    in_comment = is_comment;
  }
  result.pop_back();
  return result;
}

// The text of what one of the pool's functions has found; empty if it has found
// nothing.
template <typename Element>
std::string TextOf(const Element* element) {
  if (element == nullptr) return "";
  DebugStringOptions options;
  options.include_comments = true;
  return WithOneSpace(std::string(element->DebugStringWithOptions(options)));
}

std::string Find(const DescriptorPool& pool, const std::string& symbol) {
  for (std::string text : {TextOf(pool.FindServiceByName(symbol)),
                           TextOf(pool.FindMethodByName(symbol)),
                           TextOf(pool.FindMessageTypeByName(symbol)),
                           TextOf(pool.FindFieldByName(symbol)),
                           TextOf(pool.FindOneofByName(symbol)),
                           TextOf(pool.FindEnumTypeByName(symbol)),
                           TextOf(pool.FindEnumValueByName(symbol)),
                           TextOf(pool.FindExtensionByName(symbol))}) {
    if (!text.empty()) return text;
  }
  return "";
}

void AddFile(const FileDescriptor& file, std::set<std::string>& names,
             FileDescriptorSet& to) {
  if (!names.insert(std::string(file.name())).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddFile(*file.dependency(i), names, to);
  }
  file.CopyTo(to.add_file());
}

}  // namespace

Schema::Schema(std::unique_ptr<SchemaSource> source)
    : source_(std::move(source)), pool_(source_.get(), &errors_) {}

void Schema::Errors::AddError(const std::string& file,
                              const std::string& element,
                              const google::protobuf::Message* /*descriptor*/,
                              ErrorLocation /*location*/,
                              const std::string& message) {
  if (first.empty()) first = absl::StrCat(file, ": ", element, ": ", message);
}

absl::Status Schema::NotFound(const std::string& what) const {
  if (!source_->status().ok()) return source_->status();
  if (!errors_.first.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the .proto files do not fit together: ", errors_.first));
  }
  return absl::NotFoundError(what);
}

absl::StatusOr<const ServiceDescriptor*> Schema::FindService(
    const std::string& name) {
  const ServiceDescriptor* service = pool_.FindServiceByName(name);
  if (service != nullptr) return service;
  std::string what = absl::StrCat("there is no service ", name);
  const absl::StatusOr<std::vector<std::string>> services = Services();
  if (services.ok() && !services->empty()) {
    absl::StrAppend(&what, "; there are:");
    for (const std::string& other : *services) {
      absl::StrAppend(&what, " ", other);
    }
  }
  return NotFound(what);
}

absl::StatusOr<const MethodDescriptor*> Schema::FindMethod(
    const std::string& name) {
  const size_t cut = name.find_last_of("/.");
  if (cut == std::string::npos || cut == 0 || cut + 1 == name.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", name, "\" is not a method: write package.Service/Method"));
  }
  absl::StatusOr<const ServiceDescriptor*> service =
      FindService(name.substr(0, cut));
  if (!service.ok()) return service.status();
  const std::string method_name = name.substr(cut + 1);
  const MethodDescriptor* method = (*service)->FindMethodByName(method_name);
  if (method != nullptr) return method;
  std::string what = absl::StrCat("service ", name.substr(0, cut),
                                  " has no method ", method_name, "; it has:");
  for (int i = 0; i < (*service)->method_count(); ++i) {
    absl::StrAppend(&what, " ", std::string((*service)->method(i)->name()));
  }
  return absl::NotFoundError(what);
}

absl::StatusOr<FileDescriptorSet> Schema::Files() {
  const absl::StatusOr<std::vector<std::string>> services = Services();
  if (!services.ok()) return services.status();
  FileDescriptorSet files;
  std::set<std::string> names;
  for (const std::string& name : *services) {
    const auto service = FindService(name);
    if (!service.ok()) return service.status();
    AddFile(*(*service)->file(), names, files);
  }
  return files;
}

absl::StatusOr<std::string> Schema::Describe(const std::string& symbol) {
  if (std::string text = Find(pool_, symbol); !text.empty()) return text;
  // "package.Service/Method"; a file has an ending.
  std::string dotted = symbol;
  if (const size_t slash = dotted.rfind('/'); slash != std::string::npos) {
    dotted[slash] = '.';
    if (std::string text = Find(pool_, dotted); !text.empty()) return text;
  }
  if (std::string text = TextOf(pool_.FindFileByName(symbol)); !text.empty()) {
    return text;
  }
  return NotFound(absl::StrCat(
      "there is no symbol ", symbol,
      "; give the full name, such as package.Message, or a file, such as "
      "package/file.proto"));
}

}  // namespace fdrpc::tool
