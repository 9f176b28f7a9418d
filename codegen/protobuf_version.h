#ifndef FDRPC_CODEGEN_PROTOBUF_VERSION_H_
#define FDRPC_CODEGEN_PROTOBUF_VERSION_H_

// The differences between the releases of Protocol Buffers with which the
// generator can be built. No other file of the generator depends on the
// version.

#include <cstdint>
#include <functional>
#include <string>

#include "google/protobuf/compiler/code_generator.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/stubs/common.h"

// Release 27 (5.27 of the C++ library) was the first with editions.
#define FDRPC_PROTOBUF_HAS_EDITIONS (GOOGLE_PROTOBUF_VERSION >= 5027000)

namespace fdrpc::codegen {

// The newest edition that both the generator and its Protocol Buffers know,
// such as 2024; 0 if there are none.
int NewestEdition();

// A plugin of protoc that accepts files in proto2, in proto3 and in every
// edition up to the newest.
class EditionsPlugin : public google::protobuf::compiler::CodeGenerator {
 public:
  uint64_t GetSupportedFeatures() const override;
#if FDRPC_PROTOBUF_HAS_EDITIONS
  google::protobuf::Edition GetMinimumEdition() const override;
  google::protobuf::Edition GetMaximumEdition() const override;
#endif
};

// The namespace in which protoc's own C++ generator puts the code of `file`:
// "foo::bar" for package foo.bar, unless an option of the file names another;
// empty if there is no package.
std::string Namespace(const google::protobuf::FileDescriptor& file);

// For tests: during its lifetime, Namespace() returns the result of `answer`,
// as a newer release might. One at a time.
class ScopedNamespace {
 public:
  using Answer =
      std::function<std::string(const google::protobuf::FileDescriptor&)>;
  explicit ScopedNamespace(Answer answer);
  ~ScopedNamespace();
  ScopedNamespace(const ScopedNamespace&) = delete;
  ScopedNamespace& operator=(const ScopedNamespace&) = delete;

 private:
  const Answer answer_;
};

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_PROTOBUF_VERSION_H_
