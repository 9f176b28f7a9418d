#ifndef FDRPC_SERVICES_REFLECTION_DESCRIBED_FILES_H_
#define FDRPC_SERVICES_REFLECTION_DESCRIBED_FILES_H_

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc {

// The .proto files of a program: those that its services bring
// (Service::descriptor_files()) and, behind them, all others that are linked.
//
// Threads: any.
class DescribedFiles {
 public:
  // What services bring; the first of several with one file counts.
  explicit DescribedFiles(const std::vector<std::string_view>& brought);
  DescribedFiles(const DescribedFiles&) = delete;
  DescribedFiles& operator=(const DescribedFiles&) = delete;

  // Null if there is none.
  const google::protobuf::FileDescriptor* FindFile(
      const std::string& name) const;
  const google::protobuf::FileDescriptor* FindFileOf(
      const std::string& symbol) const;
  const google::protobuf::FileDescriptor* FindFileOfExtension(
      const std::string& containing_type, int number) const;
  // In order. `known` says whether there is such a message.
  std::vector<int> ExtensionNumbers(const std::string& containing_type,
                                    bool& known) const;

 private:
  // Adds a file, behind those of its imports that only the program has.
  void Add(const google::protobuf::FileDescriptorProto& file);

  google::protobuf::DescriptorPool brought_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVICES_REFLECTION_DESCRIBED_FILES_H_
