#include "fdrpc/internal/field_path.h"

#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "wire/cut_text.h"

namespace fdrpc::internal {
namespace {

// An error message shows at most this much of a key.
constexpr size_t kMostKeyBytes = 64;

std::string Quoted(const std::string& key) {
  if (key.size() <= kMostKeyBytes) {
    return absl::StrCat("\"", absl::Utf8SafeCEscape(key), "\"");
  }
  const std::string beginning(CutText(key, kMostKeyBytes));
  return absl::StrCat("\"", absl::Utf8SafeCEscape(beginning), "\"...");
}

// "c" of "a.B.c".
std::string_view LastName(std::string_view full_name) {
  return full_name.substr(full_name.rfind('.') + 1);
}

constexpr std::string_view kField = "field ";

// The concatenation of both texts.
std::shared_ptr<const char[]> Joined(std::string_view first,
                                     std::string_view second) {
  std::shared_ptr<char[]> joined =
      std::make_shared<char[]>(first.size() + second.size() + 1);
  first.copy(joined.get(), first.size());
  second.copy(joined.get() + first.size(), second.size());
  return joined;
}

}  // namespace

std::string FieldPath::Element() const {
  switch (kind_) {
    case Kind::kNone:
      return "";
    case Kind::kInt:
      return absl::StrCat("[", number_, "]");
    case Kind::kUint:
      return absl::StrCat("[", static_cast<uint64_t>(number_), "]");
    case Kind::kBool:
      return number_ != 0 ? "[true]" : "[false]";
    case Kind::kString:
      return absl::StrCat("[", Quoted(*text_), "]");
  }
  return "";
}

std::string FieldPath::Path() const {
  if (outer_ == nullptr) return absl::StrCat(field_, Element());
  std::string path;
  std::string_view outermost;
  for (const FieldPath* at = this; at != nullptr; at = at->outer_) {
    outermost = at->field_;
    const std::string name =
        absl::StrCat(std::string(LastName(outermost)), at->Element());
    path = path.empty() ? name : absl::StrCat(name, ".", path);
  }
  const std::string_view message = outermost.substr(0, outermost.rfind('.'));
  return absl::StrCat(field_, " (", path, " of ", std::string(message), ")");
}

std::string FieldPath::ToString() const {
  return absl::StrCat(std::string(kField), Path());
}

void FieldPath::NotePlace(AttachedFd& fd, const AttachedFd* before) const {
  fd.index_ = -1;
  const bool is_element = outer_ == nullptr && kind_ == Kind::kInt &&
                          number_ >= 0 &&
                          number_ <= std::numeric_limits<int>::max();
  if (is_element) {
    fd.index_ = static_cast<int>(number_);
  } else if (outer_ != nullptr || kind_ != Kind::kNone) {
    fd.place_ = Joined(ToString(), "");
    return;
  }
  fd.place_ =
      is_element && before != nullptr && before->index_ >= 0 &&
              std::strcmp(before->place_.get() + kField.size(), field_) == 0
          ? before->place_
          : Joined(kField, field_);
}

}  // namespace fdrpc::internal
