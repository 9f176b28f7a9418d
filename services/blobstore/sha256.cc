#include "services/blobstore/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>

#include "absl/strings/escaping.h"

namespace fdrpc::blobstore {
namespace {

constexpr size_t kHashBytes = 32;

// libcrypto fails here only without memory, or if its configuration forbids
// SHA-256: then there are no names, and nothing to serve.
void CheckHashing(bool done) {
  if (done) return;
  std::cerr << "fdrpc-blobstore: libcrypto cannot compute SHA-256\n";
  std::abort();
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  CheckHashing(context_ != nullptr &&
               EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::Add(absl::Span<const std::byte> bytes) {
  CheckHashing(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) ==
               1);
}

std::string Sha256::Finish() {
  std::array<unsigned char, kHashBytes> hash;
  CheckHashing(EVP_DigestFinal_ex(context_.get(), hash.data(), nullptr) == 1);
  return absl::BytesToHexString(
      {reinterpret_cast<const char*>(hash.data()), hash.size()});
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

std::string Sha256Of(absl::Span<const std::byte> bytes) {
  Sha256 hash;
  hash.Add(bytes);
  return hash.Finish();
}

bool IsSha256(std::string_view text) {
  return text.size() == 2 * kHashBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return ('0' <= c && c <= '9') || ('a' <= c && c <= 'f');
         });
}

}  // namespace fdrpc::blobstore
