#include "client/method_ids.h"

#include <cassert>

#include "absl/strings/string_view.h"
#include "wire/limits.h"

namespace fdrpc {
namespace {

// Not a std::string_view, from which abseil's maps would make a string.
absl::string_view Key(std::string_view full_name) {
  return {full_name.data(), full_name.size()};
}

}  // namespace

bool MethodIds::MayHave(std::string_view full_name) const {
  return ids_.size() < kMaxMethods || ids_.contains(Key(full_name));
}

MethodIds::Id MethodIds::Of(std::string_view full_name) {
  assert(MayHave(full_name));
  if (full_name == last_name_) return {last_id_, false};
  const auto [it, is_new] =
      ids_.try_emplace(Key(full_name), static_cast<uint32_t>(ids_.size() + 1));
  last_name_ = full_name;
  last_id_ = it->second;
  return {last_id_, is_new};
}

}  // namespace fdrpc
