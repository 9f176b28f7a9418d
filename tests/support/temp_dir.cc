#include "tests/support/temp_dir.h"

#include <stdlib.h>

#include <system_error>

#include "gtest/gtest.h"

namespace fdrpc::testing {

TempDir::TempDir() {
  std::string name =
      (std::filesystem::temp_directory_path() / "fdrpc-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "mkdtemp failed";
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TempDir::OpenToAll() const {
  using std::filesystem::perms;
  // A server requires the sticky bit if everybody may write.
  std::filesystem::permissions(path_, perms::all | perms::sticky_bit);
}

void TempDir::OpenToAll(const std::string& name) const {
  std::filesystem::permissions(path_ / name, std::filesystem::perms::all);
}

}  // namespace fdrpc::testing
