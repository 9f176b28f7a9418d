#ifndef FDRPC_TESTS_CODEGEN_GENERATED_VISITED_FIELDS_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_VISITED_FIELDS_H_

#include <string>
#include <utility>
#include <vector>

#include "fdrpc/parcel.h"

namespace fdrpc {

// The fields that a parcel visits.
class VisitedFields final : public internal::SlotVisitor {
 public:
  std::vector<std::string> fields;

 private:
  void VisitSlot(const internal::FieldPath& field, internal::FdSlot&) override {
    fields.emplace_back(field.field());
  }
};

template <typename Message>
std::vector<std::string> Visited(Parcel<Message>& parcel) {
  VisitedFields visited;
  Parcel<Message>::VisitSlots(*parcel, visited);
  return std::move(visited.fields);
}

}  // namespace fdrpc

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_VISITED_FIELDS_H_
