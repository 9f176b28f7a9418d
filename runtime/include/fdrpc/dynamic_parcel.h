#ifndef FDRPC_DYNAMIC_PARCEL_H_
#define FDRPC_DYNAMIC_PARCEL_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "fdrpc/internal/export.h"
#include "fdrpc/parcel.h"
#include "fdrpc/unique_fd.h"
#include "google/protobuf/message.h"

namespace fdrpc {

// A message whose type is known at run time alone, and its descriptors. It is
// sent and received like a Parcel; the type may also be one without fdrpc.Fd.
// The rules of fields (fdrpc.FdRules) are not checked here: the server checks
// them in requests; in replies the reader has to.
//
// Where a function takes `field`, that is a message of type fdrpc.Fd within
// message(). Threads: like a container.
class FDRPC_API DynamicParcel final : public ParcelBase {
 public:
  // `message` is of the full runtime, such as one of a
  // google::protobuf::DynamicMessageFactory, which has to outlive this.
  explicit DynamicParcel(std::unique_ptr<google::protobuf::Message> message)
      : message_(std::move(message)) {}

  google::protobuf::Message& message() { return *message_; }
  const google::protobuf::Message& message() const { return *message_; }
  google::protobuf::MessageLite& lite_message() override { return *message_; }

  // As in Parcel: attaches a descriptor, moves it out, or tells its number.
  void Attach(google::protobuf::Message& field, UniqueFd fd);
  UniqueFd Take(const google::protobuf::Message& field);
  int Borrow(const google::protobuf::Message& field) const;

  // Calls `visit` with each fdrpc.Fd that is present, in the order of the
  // fields, and with its place: "file", "files[2]", "by_name[x].content".
  void ForEachField(absl::FunctionRef<void(google::protobuf::Message& field,
                                           const std::string& place)>
                        visit);

 private:
  void VisitSlots(internal::SlotVisitor& visitor) override;

  const std::unique_ptr<google::protobuf::Message> message_;
};

}  // namespace fdrpc

#endif  // FDRPC_DYNAMIC_PARCEL_H_
