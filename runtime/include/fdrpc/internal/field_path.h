#ifndef FDRPC_INTERNAL_FIELD_PATH_H_
#define FDRPC_INTERNAL_FIELD_PATH_H_

#include <cstdint>
#include <string>

#include "fdrpc/descriptor_set.h"
#include "fdrpc/internal/export.h"

namespace fdrpc::internal {

// The place of an fdrpc.Fd in a message: the field, the index or key of the
// element, and the path of the outer message. Borrows all of them.
class FDRPC_API FieldPath {
 public:
  // `field` is the full name. `outer` is null in the message itself.
  FieldPath(const FieldPath* outer, const char* field)
      : outer_(outer), field_(field) {}
  // An element: by its index, or by its key in a map.
  FieldPath(const FieldPath* outer, const char* field, int32_t index)
      : outer_(outer), field_(field), kind_(Kind::kInt), number_(index) {}
  FieldPath(const FieldPath* outer, const char* field, int64_t key)
      : outer_(outer), field_(field), kind_(Kind::kInt), number_(key) {}
  FieldPath(const FieldPath* outer, const char* field, uint32_t key)
      : outer_(outer), field_(field), kind_(Kind::kInt), number_(key) {}
  FieldPath(const FieldPath* outer, const char* field, uint64_t key)
      : outer_(outer),
        field_(field),
        kind_(Kind::kUint),
        number_(static_cast<int64_t>(key)) {}
  FieldPath(const FieldPath* outer, const char* field, bool key)
      : outer_(outer), field_(field), kind_(Kind::kBool), number_(key) {}
  FieldPath(const FieldPath* outer, const char* field, const std::string& key)
      : outer_(outer), field_(field), kind_(Kind::kString), text_(&key) {}

  const FieldPath* outer() const { return outer_; }
  // The field's full name.
  const char* field() const { return field_; }
  // "a.B.files[2]"; "a.File.content (by_name["x"].content of a.B)".
  std::string Path() const;
  // The same after "field ".
  std::string ToString() const;
  // Records this place, in words, in `fd`. `before`, if not null, is a
  // descriptor that may be in the same field.
  void NotePlace(AttachedFd& fd, const AttachedFd* before) const;

 private:
  enum class Kind : uint8_t { kNone, kInt, kUint, kBool, kString };

  std::string Element() const;  // "[2]", or empty

  const FieldPath* outer_;
  const char* field_;
  Kind kind_ = Kind::kNone;
  int64_t number_ = 0;
  const std::string* text_ = nullptr;
};

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_FIELD_PATH_H_
