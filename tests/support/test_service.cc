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
  watch = [](ServerContext&, const Text& request, ServerWriter<Text>& replies) {
    Text reply = request;
    for (int i = 0; i < request.number(); ++i) {
      reply.set_number(i);
      if (!replies.Write(reply)) return absl::CancelledError();
    }
    return absl::OkStatus();
  };
  collect = [](ServerContext&, ServerReader<Text>& requests, Text& reply) {
    Text request;
    while (requests.Read(request)) {
      reply.mutable_text()->append(request.text());
      reply.set_number(reply.number() + 1);
    }
    return absl::OkStatus();
  };
  chat = [](ServerContext&, ServerStream<Text, Text>& stream) {
    Text message;
    while (stream.Read(message) && stream.Write(message)) {
    }
    return absl::OkStatus();
  };
  get_all = [](ServerContext&, const Text& request,
               ServerWriter<Parcel<Files>>& replies) {
    for (int i = 0; i < request.number(); ++i) {
      Parcel<Files> reply;
      reply.add_files(FileWith(request.text()));
      if (!replies.Write(std::move(reply))) return absl::CancelledError();
    }
    return absl::OkStatus();
  };
  put_all = [](ServerContext&, ServerReader<Parcel<Files>>& requests,
               Text& reply) {
    while (std::optional<Parcel<Files>> request = requests.Read()) {
      reply.set_number(reply.number() + request->files_size() +
                       (request->has_first() ? 1 : 0));
    }
    return absl::OkStatus();
  };
  exchange_all = [this](ServerContext& context,
                        ServerStream<Parcel<Files>, Parcel<Files>>& stream) {
    while (std::optional<Parcel<Files>> request = stream.Read()) {
      Parcel<Files> reply;
      (void)exchange(context, *request, reply);
      if (!stream.Write(std::move(reply))) break;
    }
    return absl::OkStatus();
  };
}

}  // namespace fdrpc::testing
