#include "server/incoming_call.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "call/kinds_differ.h"
#include "call/parse.h"
#include "call/prepare_message.h"
#include "call/status_in_place.h"
#include "wire/metadata_block.h"

namespace fdrpc {
namespace {

// Keys and values that break the rules are the handler's mistake, not the
// client's; too much of them is what it says.
absl::Status CheckHandlersMetadata(const Metadata& metadata, const char* name) {
  absl::Status valid = CheckMetadata(metadata);
  if (valid.ok()) return valid;
  return absl::Status(
      absl::IsResourceExhausted(valid) ? valid.code()
                                       : absl::StatusCode::kInternal,
      absl::StrCat("the handler's ", name, ": ", valid.message()));
}

size_t MessageBytes(const OutgoingFrames& frames) {
  size_t bytes = 0;
  for (const OutgoingFrame& frame : frames) {
    bytes += frame.bytes() - kFrameHeaderBytes;
  }
  return bytes;
}

}  // namespace

IncomingCall::IncomingCall(std::shared_ptr<Origin> origin,
                           const CallEnvironment& environment, Terms terms)
    : origin_(std::move(origin)),
      environment_(environment),
      id_(terms.id),
      method_(terms.method),
      one_way_(terms.one_way),
      metadata_bytes_(terms.metadata_bytes),
      reply_limits_(terms.reply_limits),
      context_(*this, environment, std::move(terms.metadata), terms.deadline),
      requests_(terms.request_limits,
                method_.streams_requests()
                    ? std::optional<Credit>(terms.request_window)
                    : std::nullopt,
                environment.account),
      replies_(method_.streams_replies()
                   ? std::make_unique<MessageOutbox>(terms.reply_window)
                   : nullptr) {}

IncomingCall::~IncomingCall() {
  NoteHandlerEnded();
  requests_.ReleaseAll();
  if (metadata_bytes_ > 0) environment_.account.Release(metadata_bytes_, 0);
  origin_->OnCallGone(one_way_);
}

void IncomingCall::Start() {
  starting_ = shared_from_this();
  environment_.executor.Post(*this);
}

void IncomingCall::Run() {
  std::shared_ptr<IncomingCall> self = std::move(starting_);
  const bool cancelled = context_.IsCancelled();
  // What it would reply would only be added to what the client does not read.
  if (!cancelled && !one_way_ && !origin_->HasRoom()) {
    return origin_->StartLater(std::move(self));
  }
  origin_->StartNext();
  if (cancelled) return Finish(DeadlinePassed(), nullptr);
  method_.Serve(std::move(self));
}

absl::Status IncomingCall::DeadlinePassed() {
  return absl::DeadlineExceededError("the call's deadline has passed");
}

// Requests.

absl::Status IncomingCall::OnMessage(IncomingFrame& frame,
                                     std::string_view piece) {
  absl::Status possible;
  bool start = false;
  bool incomplete = false;
  {
    WokenThreads woken;
    MutexLock lock(mu_);
    absl::Status violation;
    possible = requests_.Add(frame, piece, violation);
    if (!violation.ok()) return violation;
    if (possible.ok()) {
      incomplete = !ended_ && requests_.incomplete();
      start = !method_.streams_requests() && requests_.half_closed();
      if (IsReady(CallEvent::kMessage)) {
        waits_.End(CallEvent::kMessage, environment_.executor, woken);
      }
    }
  }
  if (!incomplete) {
    incomplete_since_.reset();
  } else if (!incomplete_since_.has_value()) {
    incomplete_since_ = Clock::Real().Now();
  }
  if (!possible.ok()) {
    Fail(possible);
  } else if (start) {
    Start();
  }
  return absl::OkStatus();
}

absl::Status IncomingCall::TakeRequest(IncomingMessage request) {
  ReceivedMessage received;
  {
    MutexLock lock(mu_);
    received = requests_.TakeSingle();
  }
  return ParseReceived(std::move(received), request);
}

bool IncomingCall::Take(IncomingMessage message) {
  ReceivedMessage received;
  Credit grant;
  {
    MutexLock lock(mu_);
    if (!requests_.Take(received, grant)) return false;
    if (!grant.empty()) origin_->Enqueue(BuildCredit(id_, grant));
  }
  if (!grant.empty()) origin_->Flush();
  const absl::Status parsed = ParseReceived(std::move(received), message);
  if (!parsed.ok()) Fail(parsed);
  return parsed.ok();
}

// Replies.

absl::Status IncomingCall::Prepare(const OutgoingMessage& message,
                                   DescriptorSet& descriptors) const {
  absl::Status sendable =
      PrepareMessage(message, method_.handler->method->reply_has_any,
                     reply_limits_, descriptors);
  // A parcel that is not in order, required fields that are missing: the
  // handler's mistake, not the client's.
  return absl::IsInvalidArgument(sendable)
             ? absl::InternalError(sendable.message())
             : sendable;
}

absl::Status IncomingCall::EnqueueHeaders() {
  absl::Status valid = CheckHandlersMetadata(context_.headers(), "headers");
  if (!valid.ok()) return valid;
  headers_sent_ = true;
  OutgoingFrames frames;
  frames.push_back(BuildHeaders(id_, context_.headers()));
  origin_->Enqueue(std::move(frames));
  return valid;
}

void IncomingCall::SendHeaders() {
  absl::Status sent;
  {
    MutexLock lock(mu_);
    if (ended_ || headers_sent_ || one_way_) return;
    sent = EnqueueHeaders();
  }
  if (!sent.ok()) return Fail(sent);
  origin_->Flush();
}

bool IncomingCall::Send(OutgoingMessage message, bool) {
  if (context_.IsCancelled()) return false;
  DescriptorSet descriptors;
  absl::Status status = Prepare(message, descriptors);
  if (!status.ok()) {
    Fail(status);
    return false;
  }
  const size_t descriptor_count = descriptors.size();
  OutgoingFrames frames =
      BuildMessage(id_, message, std::move(descriptors), false);
  const size_t bytes = MessageBytes(frames);
  bool queued = false;
  {
    WokenThreads woken;
    MutexLock lock(mu_);
    if (ended_) {
      Dropped dropped;
      dropped.message = std::move(frames);
      return false;
    }
    FDRPC_CHECK(replies_ != nullptr && replies_->has_room(),
                Misuse("a call's Send() comes when kRoom is ready"));
    if (!headers_sent_ && !context_.headers().empty()) {
      status = EnqueueHeaders();
      queued = true;
    }
    headers_sent_ = true;
    if (status.ok()) {
      if (origin_->HasRoom() &&
          replies_->SpendAtOnce(bytes, descriptor_count)) {
        origin_->Enqueue(std::move(frames));
        queued = true;
      } else {
        replies_->Put(std::move(frames), bytes, descriptor_count);
        queued |= Advance(woken);
      }
    }
  }
  if (!status.ok()) Fail(status);
  if (queued && !(message.may_linger && origin_->LetsLinger())) {
    origin_->Flush();
  }
  return status.ok();
}

absl::Status IncomingCall::OnCredit(Credit credit) {
  bool queued = false;
  {
    WokenThreads woken;
    MutexLock lock(mu_);
    if (ended_for_client_) return absl::OkStatus();
    if (replies_ != nullptr) {
      if (!replies_->Grant(credit)) {
        return absl::InvalidArgumentError("more credit than a stream can have");
      }
      queued = Advance(woken);
    }
  }
  if (replies_ == nullptr) {
    Fail(KindsDiffer(method_.handler->method->full_name, "reply", "replies",
                     /*streams_on_server=*/false));
    return absl::OkStatus();
  }
  if (queued) origin_->Flush();
  return absl::OkStatus();
}

bool IncomingCall::OnRoom() {
  WokenThreads woken;
  MutexLock lock(mu_);
  return !ended_for_client_ && Advance(woken);
}

bool IncomingCall::Advance(WokenThreads& woken) {
  bool queued = false;
  if (replies_ != nullptr) {
    if (replies_->can_send() && origin_->HasRoom()) {
      origin_->Enqueue(replies_->Take());
      queued = true;
    }
    if (!replies_->has_room()) return queued;
    waits_.End(CallEvent::kRoom, environment_.executor, woken);
  }
  if (end_.empty()) return queued;
  EndForClient(std::exchange(end_, {}));
  return true;
}

// Ends.

void IncomingCall::Finish(absl::Status status, const OutgoingMessage* reply) {
  FinishOnce(std::move(status), reply);
  NoteHandlerEnded();
}

void IncomingCall::FinishOnce(absl::Status status,
                              const OutgoingMessage* reply) {
  if (context_.past_deadline()) status = DeadlinePassed();
  if (one_way_) return FinishOneWay(status);
  bool with_headers = false;
  {
    Dropped dropped;
    WokenThreads woken;
    MutexLock lock(mu_);
    if (ended_) return;
    EndForHandler(dropped, woken);
    with_headers = !std::exchange(headers_sent_, true);
  }
  OutgoingFrames end = BuildEnd(std::move(status), reply, with_headers);
  bool queued = false;
  {
    WokenThreads woken;
    MutexLock lock(mu_);
    if (ended_for_client_) {
      Dropped dropped;
      dropped.end = std::move(end);
      return;
    }
    end_ = std::move(end);
    queued = Advance(woken);
    if (!ended_for_client_) WatchDeadline();
  }
  if (queued) origin_->Flush();
}

void IncomingCall::FinishOneWay(const absl::Status& status) {
  {
    Dropped dropped;
    WokenThreads woken;
    MutexLock lock(mu_);
    if (ended_for_client_) return;
    EndForHandler(dropped, woken);
    EndForClient({});
  }
  if (!status.ok()) ++environment_.counters.one_way_errors;
  origin_->Flush();  // nothing, but a server that drains may wait for this
}

OutgoingFrames IncomingCall::BuildEnd(absl::Status status,
                                      const OutgoingMessage* reply,
                                      bool with_headers) {
  const bool replies_once = !method_.streams_replies();
  // To a client that does not know the method as a one-way one: its reply has
  // no fields, so no bytes.
  const bool empty_reply =
      status.ok() && reply == nullptr && method_.handler->method->one_way;
  BackgroundCloses closes;
  DescriptorSet descriptors;
  if (status.ok() && replies_once && !empty_reply) {
    status = reply != nullptr
                 ? Prepare(*reply, descriptors)
                 : absl::InternalError("the handler gave no reply");
  }
  Metadata& headers = context_.headers();
  Metadata& trailers = context_.trailers();
  if (!with_headers) headers.Clear();
  for (const auto& [metadata, name] :
       {std::pair(&headers, "headers"), std::pair(&trailers, "trailers")}) {
    absl::Status valid = CheckHandlersMetadata(*metadata, name);
    if (valid.ok()) continue;
    status = InPlaceOf(status, valid);
    metadata->Clear();
  }
  if (!status.ok()) descriptors.clear();
  const bool replies = status.ok() && replies_once && !empty_reply;
  OutgoingFrames end =
      BuildStatus(id_, status, headers, trailers, replies ? reply : nullptr,
                  std::move(descriptors));
  if (status.ok() && empty_reply) AddFlags(end.front(), kFlagMessage);
  return end;
}

void IncomingCall::Fail(const absl::Status& error) {
  OutgoingFrames end;
  if (!one_way_) end = BuildStatus(id_, error, {}, {}, nullptr, {});
  EndNow(std::move(end), error);
}

void IncomingCall::OnClientGone(absl::Status why) {
  {
    MutexLock lock(mu_);
    if (one_way_ && requests_.half_closed()) return;
  }
  Cancel(std::move(why));
}

void IncomingCall::EndNow(OutgoingFrames end, absl::Status why) {
  const bool tells = !end.empty() || one_way_;
  {
    Dropped dropped;
    WokenThreads woken;
    MutexLock lock(mu_);
    if (ended_for_client_) return;
    context_.SetCancelled(std::move(why));
    EndForHandler(dropped, woken);
    if (replies_ != nullptr) dropped.message = replies_->Drop();
    dropped.end = std::exchange(end_, {});
    EndForClient(std::move(end));
  }
  if (one_way_) ++environment_.counters.one_way_errors;
  if (tells) origin_->Flush();
  context_.PostCancelled();
}

void IncomingCall::EndForHandler(Dropped& dropped, WokenThreads& woken) {
  ended_ = true;
  dropped.requests = requests_.Drop();
  waits_.EndAll(environment_.executor, woken);
}

void IncomingCall::EndForClient(OutgoingFrames end) {
  ended_for_client_ = true;
  if (deadline_watched_) environment_.deadlines.Remove(*this);
  origin_->EndCall(id_, std::move(end));
}

}  // namespace fdrpc
