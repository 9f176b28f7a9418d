#ifndef FDRPC_TESTS_SUPPORT_TEST_SERVICE_H_
#define FDRPC_TESTS_SUPPORT_TEST_SERVICE_H_

#include <functional>

#include "testing.fdrpc.h"

namespace fdrpc::testing {

// The test service, with handlers that a test can replace. By default Echo
// returns its request and Exchange the descriptors that it was sent; Put counts
// descriptors, and Get returns files that hold the request's text, `number` of
// them.
class FakeService final : public TestService::Service {
 public:
  std::function<absl::Status(ServerContext&, const Text&, Text&)> echo;
  std::function<absl::Status(ServerContext&, Parcel<Files>&, Parcel<Files>&)>
      exchange;
  std::function<absl::Status(ServerContext&, Parcel<Files>&, Text&)> put;
  std::function<absl::Status(ServerContext&, const Text&, Parcel<Files>&)> get;

  FakeService();

  absl::Status Echo(ServerContext& context, const Text& request,
                    Text& reply) override {
    return echo(context, request, reply);
  }
  absl::Status Exchange(ServerContext& context, Parcel<Files>& request,
                        Parcel<Files>& reply) override {
    return exchange(context, request, reply);
  }
  absl::Status Put(ServerContext& context, Parcel<Files>& request,
                   Text& reply) override {
    return put(context, request, reply);
  }
  absl::Status Get(ServerContext& context, const Text& request,
                   Parcel<Files>& reply) override {
    return get(context, request, reply);
  }
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_TEST_SERVICE_H_
