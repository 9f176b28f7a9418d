#include "tests/grpc/certificate.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

// For the leak checker, in the programs that have gRPC with TLS: OpenSSL has
// objects of gRPC's threads, which may not have ended when the process does.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libcrypto.so";
}

namespace fdrpc::testing {
namespace {

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
template <typename T, auto free>
using Owned = std::unique_ptr<T, Free<free>>;

using Bio = Owned<BIO, BIO_free_all>;

std::string Content(const Bio& memory) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

void AddExtension(X509* certificate, int what, const std::string& value) {
  const Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str()));
  X509_add_ext(certificate, extension.get(), -1);
}

}  // namespace

Certificate Certificate::For(const std::string& name) {
  constexpr long kHour = 3600;
  const Owned<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-256"));
  const Owned<X509, X509_free> x509(X509_new());
  X509_set_version(x509.get(), 2);  // which is 3
  ASN1_INTEGER_set(X509_get_serialNumber(x509.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509.get()), -kHour);
  X509_gmtime_adj(X509_getm_notAfter(x509.get()), kHour);
  X509_set_pubkey(x509.get(), key.get());
  X509_NAME* const subject = X509_get_subject_name(x509.get());
  X509_NAME_add_entry_by_txt(
      subject, "CN", MBSTRING_UTF8,
      reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x509.get(), subject);
  AddExtension(x509.get(), NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(x509.get(), NID_subject_alt_name,
               "DNS:" + name + ",IP:127.0.0.1");
  X509_sign(x509.get(), key.get(), EVP_sha256());

  const Bio key_pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0,
                           nullptr, nullptr);
  const Bio certificate_pem(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate_pem.get(), x509.get());
  return {.key = Content(key_pem), .certificate = Content(certificate_pem)};
}

}  // namespace fdrpc::testing
