#include "codegen/protobuf_version.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_replace.h"
#include "google/protobuf/compiler/cpp/names.h"

namespace fdrpc::codegen {
namespace {

using google::protobuf::FileDescriptor;

const ScopedNamespace::Answer* answer_of_test = nullptr;

#if FDRPC_PROTOBUF_HAS_EDITIONS
// As numbers, since a release knows only the names of its own editions.
constexpr int kEdition2023 = 1000;
constexpr int kEdition2024 = 1001;
constexpr int kEdition2026 = 1002;

constexpr int kNewestEdition = std::min(
    static_cast<int>(google::protobuf::compiler::ProtocMaximumEdition()),
    kEdition2026);
#endif

}  // namespace

#if FDRPC_PROTOBUF_HAS_EDITIONS

int NewestEdition() {
  switch (kNewestEdition) {
    case kEdition2023:
      return 2023;
    case kEdition2024:
      return 2024;
    default:
      return 2026;
  }
}

uint64_t EditionsPlugin::GetSupportedFeatures() const {
  return FEATURE_PROTO3_OPTIONAL | FEATURE_SUPPORTS_EDITIONS;
}

google::protobuf::Edition EditionsPlugin::GetMinimumEdition() const {
  return google::protobuf::EDITION_PROTO2;
}

google::protobuf::Edition EditionsPlugin::GetMaximumEdition() const {
  return static_cast<google::protobuf::Edition>(kNewestEdition);
}

#else

int NewestEdition() { return 0; }

uint64_t EditionsPlugin::GetSupportedFeatures() const {
  return FEATURE_PROTO3_OPTIONAL;
}

#endif

std::string Namespace(const FileDescriptor& file) {
  if (answer_of_test != nullptr) return (*answer_of_test)(file);
#if FDRPC_PROTOBUF_HAS_EDITIONS
  // An option of the file may have set it.
  std::string name = google::protobuf::compiler::cpp::Namespace(&file);
  return name.empty() ? name : name.substr(2);  // without "::"
#else
  return absl::StrReplaceAll(std::string(file.package()), {{".", "::"}});
#endif
}

ScopedNamespace::ScopedNamespace(Answer answer) : answer_(std::move(answer)) {
  answer_of_test = &answer_;
}

ScopedNamespace::~ScopedNamespace() { answer_of_test = nullptr; }

}  // namespace fdrpc::codegen
