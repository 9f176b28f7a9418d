#ifndef FDRPC_TESTS_SUPPORT_TEST_SERVICE_H_
#define FDRPC_TESTS_SUPPORT_TEST_SERVICE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "testing.fdrpc.h"

namespace fdrpc::testing {

inline Text TextOf(const std::string& text, int64_t number = 0) {
  Text message;
  message.set_text(text);
  message.set_number(number);
  return message;
}
inline Text Numbered(int64_t number) { return TextOf("", number); }

// The test service, with handlers that a test can replace. By default Echo
// returns its request, and Exchange the descriptors that it received; Put
// counts descriptors, and Get returns `number` files that contain the request's
// text. Of the streaming methods, Watch replies `number` times with the text
// and the count, Collect joins the texts and counts them, Chat echoes, and
// GetAll, PutAll and ExchangeAll do the same with descriptors.
class FakeService final : public TestService::Service {
 public:
  std::function<absl::Status(ServerContext&, const Text&, Text&)> echo;
  std::function<absl::Status(ServerContext&, Parcel<Files>&, Parcel<Files>&)>
      exchange;
  std::function<absl::Status(ServerContext&, Parcel<Files>&, Text&)> put;
  std::function<absl::Status(ServerContext&, const Text&, Parcel<Files>&)> get;

  std::function<absl::Status(ServerContext&, const Text&, ServerWriter<Text>&)>
      watch;
  std::function<absl::Status(ServerContext&, ServerReader<Text>&, Text&)>
      collect;
  std::function<absl::Status(ServerContext&, ServerStream<Text, Text>&)> chat;
  std::function<absl::Status(ServerContext&, const Text&,
                             ServerWriter<Parcel<Files>>&)>
      get_all;
  std::function<absl::Status(ServerContext&, ServerReader<Parcel<Files>>&,
                             Text&)>
      put_all;
  std::function<absl::Status(ServerContext&,
                             ServerStream<Parcel<Files>, Parcel<Files>>&)>
      exchange_all;

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
  absl::Status Watch(ServerContext& context, const Text& request,
                     ServerWriter<Text>& replies) override {
    return watch(context, request, replies);
  }
  absl::Status Collect(ServerContext& context, ServerReader<Text>& requests,
                       Text& reply) override {
    return collect(context, requests, reply);
  }
  absl::Status Chat(ServerContext& context,
                    ServerStream<Text, Text>& stream) override {
    return chat(context, stream);
  }
  absl::Status GetAll(ServerContext& context, const Text& request,
                      ServerWriter<Parcel<Files>>& replies) override {
    return get_all(context, request, replies);
  }
  absl::Status PutAll(ServerContext& context,
                      ServerReader<Parcel<Files>>& requests,
                      Text& reply) override {
    return put_all(context, requests, reply);
  }
  absl::Status ExchangeAll(
      ServerContext& context,
      ServerStream<Parcel<Files>, Parcel<Files>>& stream) override {
    return exchange_all(context, stream);
  }
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_TEST_SERVICE_H_
