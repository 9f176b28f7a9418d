#include "services/reflection/described_files.h"

#include <set>

#include "google/protobuf/descriptor.pb.h"

namespace fdrpc {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;

DescribedFiles::DescribedFiles(const std::vector<std::string_view>& brought) {
  for (const std::string_view bytes : brought) {
    FileDescriptorSet files;
    // Generated code has no other bytes.
    (void)files.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
    for (const FileDescriptorProto& file : files.file()) Add(file);
  }
}

void DescribedFiles::Add(const FileDescriptorProto& file) {
  // A file of another version than the one that is there is not added, and
  // neither is what depends on it: it is looked up in the linked ones.
  if (brought_.FindFileByName(file.name()) != nullptr) return;
  for (const std::string& import : file.dependency()) {
    if (brought_.FindFileByName(import) != nullptr) continue;
    const FileDescriptor* linked =
        DescriptorPool::generated_pool()->FindFileByName(import);
    if (linked == nullptr) continue;
    FileDescriptorProto imported;
    linked->CopyTo(&imported);
    Add(imported);
  }
  brought_.BuildFile(file);
}

const FileDescriptor* DescribedFiles::FindFile(const std::string& name) const {
  const FileDescriptor* found = brought_.FindFileByName(name);
  if (found != nullptr) return found;
  return DescriptorPool::generated_pool()->FindFileByName(name);
}

const FileDescriptor* DescribedFiles::FindFileOf(
    const std::string& symbol) const {
  const FileDescriptor* found = brought_.FindFileContainingSymbol(symbol);
  if (found != nullptr) return found;
  return DescriptorPool::generated_pool()->FindFileContainingSymbol(symbol);
}

const FileDescriptor* DescribedFiles::FindFileOfExtension(
    const std::string& containing_type, int number) const {
  for (const DescriptorPool* pool :
       {&brought_, DescriptorPool::generated_pool()}) {
    const Descriptor* type = pool->FindMessageTypeByName(containing_type);
    if (type == nullptr) continue;
    const FieldDescriptor* found = pool->FindExtensionByNumber(type, number);
    if (found != nullptr) return found->file();
  }
  return nullptr;
}

std::vector<int> DescribedFiles::ExtensionNumbers(
    const std::string& containing_type, bool& known) const {
  std::set<int> numbers;
  known = false;
  for (const DescriptorPool* pool :
       {&brought_, DescriptorPool::generated_pool()}) {
    const Descriptor* type = pool->FindMessageTypeByName(containing_type);
    if (type == nullptr) continue;
    known = true;
    std::vector<const FieldDescriptor*> extensions;
    pool->FindAllExtensions(type, &extensions);
    for (const FieldDescriptor* extension : extensions) {
      numbers.insert(extension->number());
    }
  }
  return {numbers.begin(), numbers.end()};
}

}  // namespace fdrpc
