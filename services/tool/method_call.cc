#include "services/tool/method_call.h"

#include <iostream>
#include <thread>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "services/tool/exit_status.h"
#include "services/tool/reply_text.h"

namespace fdrpc::tool {

using google::protobuf::Descriptor;

int MethodCall::Run(Caller& caller) {
  absl::Status started = Start(caller);
  if (!started.ok()) {
    return absl::IsInvalidArgument(started) ? FailUsage(started)
                                            : Fail(started);
  }
  std::thread sends;
  if (method_.method().streams_requests()) {
    sends = std::thread([this] { SendRequests(); });
  }
  if (settings_.verbose && !method_.method().one_way) {
    call_->Await(CallEvent::kHeaders);
    ShowMetadata("header", call_->headers());
  }
  ShowReplies();
  call_->Await(CallEvent::kEnd);
  lines_.Stop();
  if (sends.joinable()) sends.join();
  const absl::Status status = call_->status();
  if (settings_.verbose) {
    ShowMetadata("trailer", call_->trailers());
    std::cerr << "status: " << absl::StatusCodeToString(status.code()) << "\n";
  }
  if (!request_error_.ok()) {
    return absl::IsInvalidArgument(request_error_) ? FailUsage(request_error_)
                                                   : Fail(request_error_);
  }
  if (exit_ != 0) return exit_;
  return status.ok() ? kExitOk : FailCall(status);
}

std::unique_ptr<DynamicParcel> MethodCall::NewMessage(const Descriptor& type) {
  return std::make_unique<DynamicParcel>(
      std::unique_ptr<google::protobuf::Message>(
          factory_.GetPrototype(&type)->New()));
}

absl::Status MethodCall::Parse(const std::string& json,
                               DynamicParcel& request) {
  absl::Status status = text_.Parse(json, request);
  for (UniqueFd& pipe : text_.TakeFeeds()) copies_.Feed(std::move(pipe));
  for (UniqueFd& pipe : text_.TakeOutputs()) copies_.Output(std::move(pipe));
  return status;
}

absl::Status MethodCall::Start(Caller& caller) {
  std::unique_ptr<DynamicParcel> request;
  std::optional<OutgoingMessage> message;
  if (!method_.method().streams_requests()) {
    request = NewMessage(*method_.descriptor().input_type());
    const std::string json =
        settings_.requests.empty() ? "{}" : settings_.requests[0];
    absl::Status parsed = Parse(json, *request);
    if (!parsed.ok()) return parsed;
    message.emplace(*request);
  }
  call_ = caller.StartCall(method_.method(),
                           message.has_value() ? &*message : nullptr,
                           settings_.call, CallForm::kBlocking);
  return absl::OkStatus();
}

std::optional<std::string> MethodCall::NextRequest() {
  if (settings_.requests.empty()) return lines_.Next();
  if (next_request_ == settings_.requests.size()) return std::nullopt;
  return settings_.requests[next_request_++];
}

void MethodCall::SendRequests() {
  while (const std::optional<std::string> json = NextRequest()) {
    const auto request = NewMessage(*method_.descriptor().input_type());
    absl::Status parsed = Parse(*json, *request);
    if (!parsed.ok()) {
      request_error_ =
          absl::Status(parsed.code(),
                       absl::StrCat("request ",
                                    settings_.requests.empty() ? lines_.number()
                                                               : next_request_,
                                    ": ", parsed.message()));
      return call_->Abort(absl::CancelledError("a request is wrong"));
    }
    call_->Await(CallEvent::kRoom);
    if (!call_->Send(*request, /*last=*/false)) return;
  }
  if (!lines_.status().ok()) {
    request_error_ = lines_.status();
    return call_->Abort(absl::CancelledError("the requests cannot be read"));
  }
  call_->HalfClose();
}

void MethodCall::ShowReplies() {
  if (method_.method().one_way) return;
  const bool one = !method_.method().streams_replies();
  while (true) {
    call_->Await(one ? CallEvent::kEnd : CallEvent::kMessage);
    const auto reply = NewMessage(*method_.descriptor().output_type());
    if (!call_->Take(*reply)) return;
    if (one && !call_->status().ok()) return;
    if (!Show(*reply)) {
      return call_->Abort(absl::CancelledError("a reply cannot be used"));
    }
    if (one) return;
  }
}

bool MethodCall::Show(DynamicParcel& reply) {
  if (!received_.occupies_output()) {
    const absl::StatusOr<std::string> text = ReplyText(reply);
    if (!text.ok()) {
      exit_ = Fail(text.status());
      return false;
    }
    std::cout << *text << std::endl;  // as it arrives
  }
  const absl::StatusOr<int> used = received_.Use(reply);
  exit_ = used.ok() ? *used : Fail(used.status());
  return exit_ == 0;
}

void MethodCall::ShowMetadata(const char* what,
                              const Metadata& metadata) const {
  for (const auto& [key, value] : metadata) {
    std::cerr << what << ": " << key << ": "
              << (absl::EndsWith(key, "-bin") ? absl::Base64Escape(value)
                                              : value)
              << "\n";
  }
}

}  // namespace fdrpc::tool
