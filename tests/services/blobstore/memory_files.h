#ifndef FDRPC_TESTS_SERVICES_BLOBSTORE_MEMORY_FILES_H_
#define FDRPC_TESTS_SERVICES_BLOBSTORE_MEMORY_FILES_H_

#include <fcntl.h>
#include <sys/mman.h>

#include <string>

#include "fdrpc/unique_fd.h"
#include "gtest/gtest.h"
#include "services/blobstore/sha256.h"
#include "services/program/copy.h"

namespace fdrpc::testing {

inline constexpr int kBlobSeals =
    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

// A memory file with such content and seals.
inline UniqueFd MemoryWith(const std::string& content, int seals = kBlobSeals) {
  UniqueFd file(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_TRUE(program::WriteAll(file.get(), content));
  if (seals != 0) {
    EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, seals), 0);
  }
  return file;
}

inline std::string NameOfBlob(const std::string& content) {
  return blobstore::Sha256Of(
      {reinterpret_cast<const std::byte*>(content.data()), content.size()});
}

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_BLOBSTORE_MEMORY_FILES_H_
