#ifndef FDRPC_TESTS_GRPC_CERTIFICATE_H_
#define FDRPC_TESTS_GRPC_CERTIFICATE_H_

#include <string>

namespace fdrpc::testing {

// A new key and a certificate of it for a name and 127.0.0.1, signed by itself,
// in PEM. (To look up "localhost", gRPC's c-ares takes memory that it never
// frees.)
struct Certificate {
  std::string key;
  std::string certificate;

  static Certificate For(const std::string& name);
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_GRPC_CERTIFICATE_H_
