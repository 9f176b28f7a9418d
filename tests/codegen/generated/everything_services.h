#ifndef FDRPC_TESTS_CODEGEN_GENERATED_EVERYTHING_SERVICES_H_
#define FDRPC_TESTS_CODEGEN_GENERATED_EVERYTHING_SERVICES_H_

// One service three times, with handlers of each form; for each kind of method,
// one for plain messages and one for parcels.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tests/codegen/generated/open_descriptors.h"
#include "tests/codegen/protos/services.fdrpc.h"

namespace fdrpc {

using test::services::Everything;
using test::services::Plain;
using test::services::WithFd;

inline Plain Text(std::string text) {
  Plain plain;
  plain.set_text(std::move(text));
  return plain;
}

inline Parcel<WithFd> File() {
  Parcel<WithFd> parcel;
  parcel.set_file(OpenFile());
  return parcel;
}

// The reply to a request: "got " and its text, or its descriptor.
inline Plain ReplyTo(const Plain& request) {
  return Text("got " + request.text());
}
inline Parcel<WithFd> ReplyTo(Parcel<WithFd>& request) {
  Parcel<WithFd> reply;
  reply.set_file(request.take_file());
  return reply;
}

// The replies to a request: one for each letter, or for the descriptor.
inline std::vector<Plain> RepliesTo(const Plain& request) {
  std::vector<Plain> replies;
  for (char letter : request.text()) {
    replies.push_back(Text(std::string(1, letter)));
  }
  return replies;
}
inline std::vector<Parcel<WithFd>> RepliesTo(Parcel<WithFd>& request) {
  std::vector<Parcel<WithFd>> replies;
  replies.push_back(ReplyTo(request));
  return replies;
}

// Adds a request to the common reply: its text, or its descriptor in a message
// of its own.
inline void Collect(const Plain& request, Plain& reply) {
  reply.set_text(reply.text() + request.text());
}
inline void Collect(Parcel<WithFd>& request, Parcel<WithFd>& reply) {
  reply.Attach(reply->add_nested()->mutable_file(), request.take_file());
}

// The status of bidirectional calls: not OK, which is the default.
inline absl::Status TheEnd() { return absl::DataLossError("the end"); }

class BlockingEverything final : public Everything::Service {
 public:
  absl::Status PlainToPlain(ServerContext&, const Plain& request,
                            Plain& reply) override {
    return One(request, reply);
  }
  absl::Status ParcelToParcel(ServerContext&, Parcel<WithFd>& request,
                              Parcel<WithFd>& reply) override {
    return One(request, reply);
  }
  absl::Status PlainsToPlain(ServerContext&, ServerReader<Plain>& requests,
                             Plain& reply) override {
    return Up(requests, reply);
  }
  absl::Status ParcelsToParcel(ServerContext&,
                               ServerReader<Parcel<WithFd>>& requests,
                               Parcel<WithFd>& reply) override {
    return Up(requests, reply);
  }
  absl::Status PlainToPlains(ServerContext&, const Plain& request,
                             ServerWriter<Plain>& replies) override {
    return Down(request, replies);
  }
  absl::Status ParcelToParcels(ServerContext&, Parcel<WithFd>& request,
                               ServerWriter<Parcel<WithFd>>& replies) override {
    return Down(request, replies);
  }
  absl::Status PlainsToPlains(ServerContext&,
                              ServerStream<Plain, Plain>& stream) override {
    return Both(stream);
  }
  absl::Status ParcelsToParcels(
      ServerContext&,
      ServerStream<Parcel<WithFd>, Parcel<WithFd>>& stream) override {
    return Both(stream);
  }

 private:
  template <typename Request, typename Reply>
  static absl::Status One(Request& request, Reply& reply) {
    reply = ReplyTo(request);
    return absl::OkStatus();
  }
  template <typename Request, typename Reply>
  static absl::Status Up(ServerReader<Request>& requests, Reply& reply) {
    while (std::optional<Request> request = requests.Read()) {
      Collect(*request, reply);
    }
    return absl::OkStatus();
  }
  template <typename Request, typename Reply>
  static absl::Status Down(Request& request, ServerWriter<Reply>& replies) {
    for (Reply& reply : RepliesTo(request)) {
      if (!replies.Write(std::move(reply))) break;
    }
    return absl::OkStatus();
  }
  template <typename Message>
  static absl::Status Both(ServerStream<Message, Message>& stream) {
    while (std::optional<Message> request = stream.Read()) {
      if (!stream.Write(ReplyTo(*request))) break;
    }
    return TheEnd();
  }
};

class AsyncEverything final : public Everything::AsyncService {
 public:
  void PlainToPlain(AsyncServerUnary<Plain, Plain> call) override { One(call); }
  void ParcelToParcel(
      AsyncServerUnary<Parcel<WithFd>, Parcel<WithFd>> call) override {
    One(call);
  }
  void PlainsToPlain(AsyncServerReader<Plain, Plain> call) override {
    Up(call, Plain());
  }
  void ParcelsToParcel(
      AsyncServerReader<Parcel<WithFd>, Parcel<WithFd>> call) override {
    Up(call, Parcel<WithFd>());
  }
  void PlainToPlains(AsyncServerWriter<Plain, Plain> call) override {
    Down(call, RepliesTo(call.request()), 0);
  }
  void ParcelToParcels(
      AsyncServerWriter<Parcel<WithFd>, Parcel<WithFd>> call) override {
    Down(call, RepliesTo(call.request()), 0);
  }
  void PlainsToPlains(AsyncServerStream<Plain, Plain> call) override {
    Both(call);
  }
  void ParcelsToParcels(
      AsyncServerStream<Parcel<WithFd>, Parcel<WithFd>> call) override {
    Both(call);
  }

 private:
  template <typename Message>
  static void One(AsyncServerUnary<Message, Message> call) {
    call.Finish(ReplyTo(call.request()));
  }
  template <typename Message>
  static void Up(AsyncServerReader<Message, Message> call, Message reply) {
    call.Read([call, reply = std::move(reply)](
                  std::optional<Message> request) mutable {
      if (!request.has_value()) return call.Finish(std::move(reply));
      Collect(*request, reply);
      Up(call, std::move(reply));
    });
  }
  template <typename Message>
  static void Down(AsyncServerWriter<Message, Message> call,
                   std::vector<Message> replies, size_t next) {
    if (next == replies.size()) return call.Finish(absl::OkStatus());
    Message reply = std::move(replies[next]);
    call.Write(std::move(reply), [call, replies = std::move(replies),
                                  next](bool /*sent*/) mutable {
      Down(call, std::move(replies), next + 1);
    });
  }
  template <typename Message>
  static void Both(AsyncServerStream<Message, Message> call) {
    call.Read([call](std::optional<Message> request) mutable {
      if (!request.has_value()) return call.Finish(TheEnd());
      call.Write(ReplyTo(*request), [call](bool /*sent*/) { Both(call); });
    });
  }
};

class CoEverything final : public Everything::CoService {
 public:
  Task<absl::Status> PlainToPlain(ServerContext&, const Plain& request,
                                  Plain& reply) override {
    return One(request, reply);
  }
  Task<absl::Status> ParcelToParcel(ServerContext&, Parcel<WithFd>& request,
                                    Parcel<WithFd>& reply) override {
    return One(request, reply);
  }
  Task<absl::Status> PlainsToPlain(ServerContext&,
                                   CoServerReader<Plain>& requests,
                                   Plain& reply) override {
    return Up(requests, reply);
  }
  Task<absl::Status> ParcelsToParcel(ServerContext&,
                                     CoServerReader<Parcel<WithFd>>& requests,
                                     Parcel<WithFd>& reply) override {
    return Up(requests, reply);
  }
  Task<absl::Status> PlainToPlains(ServerContext&, const Plain& request,
                                   CoServerWriter<Plain>& replies) override {
    return Down(request, replies);
  }
  Task<absl::Status> ParcelToParcels(
      ServerContext&, Parcel<WithFd>& request,
      CoServerWriter<Parcel<WithFd>>& replies) override {
    return Down(request, replies);
  }
  Task<absl::Status> PlainsToPlains(
      ServerContext&, CoServerStream<Plain, Plain>& stream) override {
    return Both(stream);
  }
  Task<absl::Status> ParcelsToParcels(
      ServerContext&,
      CoServerStream<Parcel<WithFd>, Parcel<WithFd>>& stream) override {
    return Both(stream);
  }

 private:
  template <typename Request, typename Reply>
  static Task<absl::Status> One(Request& request, Reply& reply) {
    reply = ReplyTo(request);
    co_return absl::OkStatus();
  }
  template <typename Request, typename Reply>
  static Task<absl::Status> Up(CoServerReader<Request>& requests,
                               Reply& reply) {
    while (std::optional<Request> request = co_await requests.Read()) {
      Collect(*request, reply);
    }
    co_return absl::OkStatus();
  }
  template <typename Request, typename Reply>
  static Task<absl::Status> Down(Request& request,
                                 CoServerWriter<Reply>& replies) {
    for (Reply& reply : RepliesTo(request)) {
      if (!co_await replies.Write(std::move(reply))) break;
    }
    co_return absl::OkStatus();
  }
  template <typename Message>
  static Task<absl::Status> Both(CoServerStream<Message, Message>& stream) {
    while (std::optional<Message> request = co_await stream.Read()) {
      if (!co_await stream.Write(ReplyTo(*request))) break;
    }
    co_return TheEnd();
  }
};

}  // namespace fdrpc

#endif  // FDRPC_TESTS_CODEGEN_GENERATED_EVERYTHING_SERVICES_H_
