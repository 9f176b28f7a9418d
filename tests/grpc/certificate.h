#ifndef FDRPC_TESTS_GRPC_CERTIFICATE_H_
#define FDRPC_TESTS_GRPC_CERTIFICATE_H_

#include <string>

namespace fdrpc::testing {

// A new key and a certificate of it for a name, signed by itself, in PEM.
struct Certificate {
  std::string key;
  std::string certificate;

  static Certificate For(const std::string& name);
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_GRPC_CERTIFICATE_H_
