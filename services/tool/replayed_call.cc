#include "services/tool/replayed_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "services/tool/given_descriptor.h"
#include "services/tool/reply_text.h"

namespace fdrpc::tool {
namespace {

using capture::Direction;
using capture::Event;
using google::protobuf::Message;
using google::protobuf::util::MessageDifferencer;

std::string StatusWords(const absl::Status& status) {
  return absl::StrCat(absl::StatusCodeToString(status.code()),
                      status.message().empty() ? "" : ": ", status.message());
}

std::string TextOr(const absl::StatusOr<std::string>& text) {
  return text.ok() ? *text : "without JSON";
}

// What must be the same of descriptors: sizes, for example, need not.
void AddKind(const DescriptorInfo& info, std::vector<std::string>& kinds) {
  kinds.push_back(absl::StrCat(static_cast<int>(info.kind), " ",
                               static_cast<int>(info.access)));
}

}  // namespace

ReplayedCall::ReplayedCall(const google::protobuf::MethodDescriptor& method,
                           MessageTypes& types, std::shared_ptr<Caller> caller,
                           CallOptions options, std::string fd)
    : method_(std::make_unique<DynamicMethod>(method)),
      types_(types),
      caller_(std::move(caller)),
      options_(std::move(options)),
      fd_(std::move(fd)) {
  if (method_->method().streams_requests()) {
    call_ = caller_->StartCall(method_->method(), nullptr, options_,
                               CallForm::kBlocking);
  }
}

absl::Status ReplayedCall::Repeat(const Event& event) {
  switch (event.kind) {
    case Event::Kind::kMessage:
      if (event.direction == Direction::kFromClient) return Send(event);
      ExpectReply(event);
      break;
    case Event::Kind::kHalfClose:
      if (call_ != nullptr) call_->HalfClose();
      break;
    case Event::Kind::kStatus:
      ExpectStatus(event);
      has_ended_ = true;
      break;
    case Event::Kind::kCancel:
      Abort("as recorded");
      break;
    default:
      break;
  }
  return absl::OkStatus();
}

void ReplayedCall::Abort(absl::string_view why) {
  has_ended_ = true;
  if (call_ != nullptr) call_->Abort(absl::CancelledError(why));
}

absl::Status ReplayedCall::Send(const Event& request) {
  const auto parsed = types_.Parse(request);
  if (!parsed.ok()) {
    differences_.push_back(absl::StrCat("a recorded request cannot be sent: ",
                                        parsed.status().message()));
    Abort("a recorded request cannot be sent");
    return absl::OkStatus();
  }
  DynamicParcel& parcel = **parsed;
  absl::Status attached;
  parcel.ForEachField([&](Message& field, const std::string&) {
    if (!attached.ok()) return;
    absl::StatusOr<GivenDescriptor> given = OpenDescriptor(fd_);
    attached = given.status();
    field.Clear();
    if (given.ok()) parcel.Attach(field, std::move(given->fd));
  });
  if (!attached.ok()) return attached;
  if (!method_->method().streams_requests()) {
    if (call_ != nullptr) return absl::OkStatus();  // the recorded mistake
    OutgoingMessage message(parcel);
    call_ = caller_->StartCall(method_->method(), &message, options_,
                               CallForm::kBlocking);
    if (method_->method().one_way) {
      call_->Await(CallEvent::kEnd);
      status_ = call_->status();
      has_ended_ = true;
    }
    return absl::OkStatus();
  }
  call_->Await(CallEvent::kRoom);
  call_->Send(parcel, /*last=*/false);
  return absl::OkStatus();
}

std::unique_ptr<DynamicParcel> ReplayedCall::NewReply() {
  return types_.New(*method_->descriptor().output_type());
}

void ReplayedCall::ExpectReply(const Event& recorded) {
  if (call_ == nullptr) return;
  if (!method_->method().streams_replies()) {
    single_reply_ = recorded;
    return;
  }
  call_->Await(CallEvent::kMessage);
  const auto reply = NewReply();
  ++replies_;
  if (!call_->Take(*reply)) return;  // the status will say why
  Compare(recorded, *reply);
}

void ReplayedCall::ExpectStatus(const Event& recorded) {
  if (call_ == nullptr) return;
  const auto reply = NewReply();
  if (method_->method().streams_replies()) {
    call_->Await(CallEvent::kMessage);
    if (call_->Take(*reply)) {
      differences_.push_back(
          absl::StrCat("has more than the ", replies_,
                       " recorded replies: ", TextOr(ReplyText(*reply))));
      do {
        call_->Await(CallEvent::kMessage);
      } while (call_->Take(*NewReply()));
    }
    call_->Await(CallEvent::kEnd);
  } else {
    call_->Await(CallEvent::kEnd);
    if (call_->Take(*reply) && call_->status().ok() &&
        single_reply_.has_value()) {
      ++replies_;
      Compare(*single_reply_, *reply);
    }
  }
  status_ = call_->status();
  if (status_.code() != recorded.status.code()) {
    differences_.push_back(absl::StrCat("status ", StatusWords(status_),
                                        ", recorded ",
                                        StatusWords(recorded.status)));
  }
}

void ReplayedCall::Compare(const Event& recorded, DynamicParcel& reply) {
  const absl::StatusOr<std::string> text = ReplyText(reply);
  std::vector<std::string> kinds;
  for (const DescriptorInfo& info : reply.ListDescriptors()) {
    AddKind(info, kinds);
  }
  std::vector<std::string> recorded_kinds;
  const auto parsed = types_.Parse(recorded);
  if (!parsed.ok()) return;
  (*parsed)->ForEachField([&](Message& field, const std::string&) {
    const auto* slot = field.GetDescriptor()->FindFieldByName("slot");
    const uint32_t number = field.GetReflection()->GetUInt32(field, slot);
    if (number >= 1 && number <= recorded.descriptors.size()) {
      AddKind(recorded.descriptors[number - 1], recorded_kinds);
    }
    field.Clear();
  });
  reply.ForEachField([](Message& field, const std::string&) { field.Clear(); });
  if (kinds == recorded_kinds &&
      MessageDifferencer::Equals((*parsed)->message(), reply.message())) {
    return;
  }
  differences_.push_back(absl::StrCat("reply ", replies_, " is ", TextOr(text),
                                      ", recorded ",
                                      TextOr(types_.Json(recorded))));
}

}  // namespace fdrpc::tool
