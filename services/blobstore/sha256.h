#ifndef FDRPC_SERVICES_BLOBSTORE_SHA256_H_
#define FDRPC_SERVICES_BLOBSTORE_SHA256_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/types/span.h"

struct evp_md_ctx_st;

namespace fdrpc::blobstore {

// The SHA-256 of bytes that come in pieces, by libcrypto.
class Sha256 {
 public:
  Sha256();

  void Add(absl::Span<const std::byte> bytes);
  // In 64 lower-case hexadecimal digits. The last call.
  std::string Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string Sha256Of(absl::Span<const std::byte> bytes);

// Whether a text has the form of such a hash.
bool IsSha256(std::string_view text);

}  // namespace fdrpc::blobstore

#endif  // FDRPC_SERVICES_BLOBSTORE_SHA256_H_
