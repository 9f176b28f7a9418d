#ifndef FDRPC_TESTS_SERVER_STREAM_SERVICES_H_
#define FDRPC_TESTS_SERVER_STREAM_SERVICES_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "fdrpc/internal/serve_async.h"
#include "fdrpc/internal/serve_blocking.h"
#include "fdrpc/internal/serve_co.h"
#include "fdrpc/service.h"
#include "google/protobuf/wrappers.pb.h"
#include "tests/server/file_parcel.h"
#include "tests/server/handler_log.h"

namespace fdrpc::testing {

using Text = google::protobuf::StringValue;

// One service in each form of handlers, without generated code. All have the
// same methods, and report at the end how far they got: Echo: the request.
// Join: the requests, joined, up to one that says stop. Repeat: the request, as
// often as its length says. Chat: each request. Pass: the same with
// descriptors.
class StreamService : public Service {
 public:
  static constexpr int kMethods = 5;
  static constexpr const char* kNames[kMethods] = {"Echo", "Join", "Repeat",
                                                   "Chat", "Pass"};

  std::string_view full_name() const override { return name_; }
  absl::Span<const internal::MethodHandler> method_handlers() const override {
    return handlers_;
  }
  HandlerLog& log() { return log_; }

 protected:
  using Serve = void (*)(Service&, std::shared_ptr<ServerCall>);

  StreamService(std::string name, Serve echo, Serve join, Serve repeat,
                Serve chat, Serve pass)
      : name_(std::move(name)) {
    const Serve serve[kMethods] = {echo, join, repeat, chat, pass};
    const MethodKind kinds[kMethods] = {
        MethodKind::kUnary, MethodKind::kClientStreaming,
        MethodKind::kServerStreaming, MethodKind::kBidirectional,
        MethodKind::kBidirectional};
    for (int i = 0; i < kMethods; ++i) {
      full_names_[i] = absl::StrCat(name_, "/", kNames[i]);
      const bool files = i == 4;
      methods_[i] = {full_names_[i], kinds[i], files, files};
      handlers_[i] = {&methods_[i], serve[i]};
    }
  }

  void Ended(ServerContext& context, int read, int written) {
    log_.Say(absl::StrCat("read ", read, ", wrote ", written,
                          context.IsCancelled() ? ", cancelled" : ""));
  }

 private:
  const std::string name_;
  std::string full_names_[kMethods];
  Method methods_[kMethods];
  internal::MethodHandler handlers_[kMethods];
  HandlerLog log_;
};

class BlockingService final : public StreamService {
 public:
  using This = BlockingService;
  BlockingService()
      : StreamService("test.Blocking",
                      internal::ServeBlocking<&This::Echo>::Serve,
                      internal::ServeBlocking<&This::Join>::Serve,
                      internal::ServeBlocking<&This::Repeat>::Serve,
                      internal::ServeBlocking<&This::Chat>::Serve,
                      internal::ServeBlocking<&This::Pass>::Serve) {}

  absl::Status Echo(ServerContext& context, const Text& request, Text& reply) {
    reply = request;
    Ended(context, 1, 1);
    return absl::OkStatus();
  }
  absl::Status Join(ServerContext& context, ServerReader<Text>& requests,
                    Text& reply) {
    int read = 0;
    for (Text request; requests.Read(request); ++read) {
      if (request.value() == "stop") break;
      *reply.mutable_value() += request.value();
    }
    Ended(context, read, 0);
    return absl::OkStatus();
  }
  absl::Status Repeat(ServerContext& context, const Text& request,
                      ServerWriter<Text>& replies) {
    const int times = static_cast<int>(request.value().size());
    int written = 0;
    while (written < times && replies.Write(request)) ++written;
    Ended(context, 1, written);
    return absl::OkStatus();
  }
  absl::Status Chat(ServerContext& context, ServerStream<Text, Text>& stream) {
    int read = 0;
    int written = 0;
    for (Text request; stream.Read(request); ++written) {
      ++read;
      if (!stream.Write(request)) break;
    }
    Ended(context, read, written);
    return absl::OkStatus();
  }
  absl::Status Pass(ServerContext& context,
                    ServerStream<FileParcel, FileParcel>& stream) {
    int read = 0;
    int written = 0;
    while (std::optional<FileParcel> request = stream.Read()) {
      ++read;
      if (!stream.Write(FileParcel(request->TakeFile()))) break;
      ++written;
    }
    Ended(context, read, written);
    return absl::OkStatus();
  }
};

class CoService final : public StreamService {
 public:
  using This = CoService;
  CoService()
      : StreamService("test.Co", internal::ServeCo<&This::Echo>::Serve,
                      internal::ServeCo<&This::Join>::Serve,
                      internal::ServeCo<&This::Repeat>::Serve,
                      internal::ServeCo<&This::Chat>::Serve,
                      internal::ServeCo<&This::Pass>::Serve) {}

  Task<absl::Status> Echo(ServerContext& context, const Text& request,
                          Text& reply) {
    reply = request;
    Ended(context, 1, 1);
    co_return absl::OkStatus();
  }
  Task<absl::Status> Join(ServerContext& context,
                          CoServerReader<Text>& requests, Text& reply) {
    int read = 0;
    while (std::optional<Text> request = co_await requests.Read()) {
      if (request->value() == "stop") break;
      *reply.mutable_value() += request->value();
      ++read;
    }
    Ended(context, read, 0);
    co_return absl::OkStatus();
  }
  Task<absl::Status> Repeat(ServerContext& context, const Text& request,
                            CoServerWriter<Text>& replies) {
    const int times = static_cast<int>(request.value().size());
    int written = 0;
    // Not in one condition: GCC 12 awaits the right side of an && in any case.
    for (; written < times; ++written) {
      if (!co_await replies.Write(request)) break;
    }
    Ended(context, 1, written);
    co_return absl::OkStatus();
  }
  Task<absl::Status> Chat(ServerContext& context,
                          CoServerStream<Text, Text>& stream) {
    int read = 0;
    int written = 0;
    while (std::optional<Text> request = co_await stream.Read()) {
      ++read;
      if (!co_await stream.Write(*request)) break;
      ++written;
    }
    Ended(context, read, written);
    co_return absl::OkStatus();
  }
  Task<absl::Status> Pass(ServerContext& context,
                          CoServerStream<FileParcel, FileParcel>& stream) {
    int read = 0;
    int written = 0;
    while (std::optional<FileParcel> request = co_await stream.Read()) {
      ++read;
      if (!co_await stream.Write(FileParcel(request->TakeFile()))) break;
      ++written;
    }
    Ended(context, read, written);
    co_return absl::OkStatus();
  }
};

class AsyncService final : public StreamService {
 public:
  using This = AsyncService;
  AsyncService()
      : StreamService("test.Async", internal::ServeAsync<&This::Echo>::Serve,
                      internal::ServeAsync<&This::Join>::Serve,
                      internal::ServeAsync<&This::Repeat>::Serve,
                      internal::ServeAsync<&This::Chat>::Serve,
                      internal::ServeAsync<&This::Pass>::Serve) {}

  void Echo(AsyncServerUnary<Text, Text> call) {
    Ended(call.context(), 1, 1);
    call.Finish(call.request());
  }
  void Join(AsyncServerReader<Text, Text> call) { JoinOn(call, Text(), 0); }
  void Repeat(AsyncServerWriter<Text, Text> call) { RepeatOn(call, 0); }
  void Chat(AsyncServerStream<Text, Text> call) {
    AnswerOn<Text>(call, 0, [](Text request) { return request; });
  }
  void Pass(AsyncServerStream<FileParcel, FileParcel> call) {
    AnswerOn<FileParcel>(call, 0, [](FileParcel request) {
      return FileParcel(request.TakeFile());
    });
  }

 private:
  // Each is one step, and makes the next one when it is done.
  void JoinOn(AsyncServerReader<Text, Text> call, Text joined, int read) {
    call.Read([=, this](std::optional<Text> request) mutable {
      if (!request.has_value() || request->value() == "stop") {
        Ended(call.context(), read, 0);
        return call.Finish(joined);
      }
      *joined.mutable_value() += request->value();
      JoinOn(call, joined, read + 1);
    });
  }
  void RepeatOn(AsyncServerWriter<Text, Text> call, int written) {
    if (written == static_cast<int>(call.request().value().size())) {
      Ended(call.context(), 1, written);
      return call.Finish(absl::OkStatus());
    }
    call.Write(call.request(), [=, this](bool sent) mutable {
      if (sent) return RepeatOn(call, written + 1);
      Ended(call.context(), 1, written);
      call.Finish(absl::OkStatus());
    });
  }
  template <typename Message>
  void AnswerOn(AsyncServerStream<Message, Message> call, int done,
                Message (*answer)(Message)) {
    call.Read([=, this](std::optional<Message> request) mutable {
      if (!request.has_value()) {
        Ended(call.context(), done, done);
        return call.Finish(absl::OkStatus());
      }
      call.Write(answer(*std::move(request)), [=, this](bool sent) mutable {
        if (sent) return AnswerOn(call, done + 1, answer);
        Ended(call.context(), done + 1, done);
        call.Finish(absl::OkStatus());
      });
    });
  }
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVER_STREAM_SERVICES_H_
