#ifndef FDRPC_DYNAMIC_METHOD_H_
#define FDRPC_DYNAMIC_METHOD_H_

#include <string>

#include "fdrpc/internal/export.h"
#include "fdrpc/method.h"
#include "google/protobuf/descriptor.h"

namespace fdrpc {

// A method that is known by its descriptor alone: from reflection, or from a
// .proto file that is read at run time. With Caller::StartCall() and
// DynamicParcel, a program calls it without generated code.
//
// Needs the full runtime of Protocol Buffers, and borrows the descriptor.
// It has to exist until its calls have ended.
class FDRPC_API DynamicMethod {
 public:
  explicit DynamicMethod(const google::protobuf::MethodDescriptor& descriptor);
  DynamicMethod(const DynamicMethod&) = delete;  // method() refers to it
  DynamicMethod& operator=(const DynamicMethod&) = delete;

  // Borrowed from this object.
  const Method& method() const { return method_; }
  const google::protobuf::MethodDescriptor& descriptor() const {
    return descriptor_;
  }

 private:
  const google::protobuf::MethodDescriptor& descriptor_;
  const std::string full_name_;
  Method method_;
};

}  // namespace fdrpc

#endif  // FDRPC_DYNAMIC_METHOD_H_
