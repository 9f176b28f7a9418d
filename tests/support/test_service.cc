#include "tests/support/test_service.h"

#include "tests/support/files.h"

namespace fdrpc::testing {

FakeService::FakeService() {
  echo = [](ServerContext&, const Text& request, Text& reply) {
    reply = request;
    return absl::OkStatus();
  };
  exchange = [](ServerContext&, Parcel<Files>& request, Parcel<Files>& reply) {
    for (int i = 0; i < request.files_size(); ++i) {
      reply.add_files(request.take_files(i));
    }
    if (request.has_first()) reply.set_first(request.take_first());
    reply->set_text(request->text());
    return absl::OkStatus();
  };
  put = [](ServerContext&, Parcel<Files>& request, Text& reply) {
    reply.set_number(request.files_size() + (request.has_first() ? 1 : 0));
    return absl::OkStatus();
  };
  get = [](ServerContext&, const Text& request, Parcel<Files>& reply) {
    for (int i = 0; i < request.number(); ++i) {
      reply.add_files(FileWith(request.text()));
    }
    return absl::OkStatus();
  };
}

}  // namespace fdrpc::testing
