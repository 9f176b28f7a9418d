#ifndef FDRPC_TESTS_SERVER_FILE_PARCEL_H_
#define FDRPC_TESTS_SERVER_FILE_PARCEL_H_

#include <cstdint>
#include <string>
#include <utility>

#include "fdrpc/parcel.h"
#include "google/protobuf/wrappers.pb.h"

namespace fdrpc::testing {

// The smallest parcel: a number, which is a slot, and its descriptor, without
// generated code.
class FileParcel final : public ParcelOf<google::protobuf::UInt32Value> {
 public:
  FileParcel() = default;
  explicit FileParcel(UniqueFd fd) {
    Slot slot{**this, named_};
    Attach(&slot, std::move(fd));
  }

  UniqueFd TakeFile() { return Take(Slot{**this, named_}); }

  // The message on the wire.
  static std::string Bytes(uint32_t slot = 1) {
    google::protobuf::UInt32Value message;
    message.set_value(slot);
    return message.SerializeAsString();
  }

 private:
  // As in an fdrpc.Fd.
  struct Slot {
    uint32_t slot() const { return message.value(); }
    void set_slot(uint32_t slot) { message.set_value(slot); }
    uint64_t parcel() const { return named; }
    void set_parcel(uint64_t parcel) { named = parcel; }
    google::protobuf::UInt32Value& message;
    uint64_t& named;
  };

  void VisitSlots(internal::SlotVisitor& visitor) override {
    Slot slot{**this, named_};
    visitor.Visit("file", slot);
  }

  uint64_t named_ = 0;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_FILE_PARCEL_H_
