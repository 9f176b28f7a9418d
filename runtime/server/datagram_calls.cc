#include "server/datagram_calls.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/recycled.h"
#include "os/background_close.h"
#include "server/call_record.h"
#include "server/call_terms.h"
#include "server/datagram_origin.h"
#include "wire/limits.h"
#include "wire/metadata_block.h"
#include "wire/status_header.h"

namespace fdrpc {
namespace {

// The most that an answer may have behind its header.
constexpr size_t kMostAnswerBytes = kMaxPacketBytes - kDatagramHeaderBytes;

// Users whose calls have ended are forgotten once there are that many.
constexpr size_t kMostUsers = 64;

// How many descriptors of senders without an account may wait to be closed.
constexpr size_t kMostClosesOfOthers = 64;

// What recvmsg(2) says of a sender for which the kernel has recorded nothing,
// because neither socket had SO_PASSCRED: /proc/sys/kernel/overflowuid.
constexpr uid_t kNobody = 65534;

absl::Status NotACall(const char* what) {
  return absl::InvalidArgumentError(what);
}

OutgoingFrames StatusOnly(const absl::Status& status) {
  return BuildStatus(kDatagramCallId, status, {}, {}, nullptr, {});
}

// The status in place of an answer that does not fit.
absl::Status WithoutTheRest(const OutgoingFrame& end, size_t bytes) {
  const FrameHeader header = DecodeFrameHeader(end.head.data());
  StatusHeader status;
  const std::string_view payload =
      std::string_view(end.head).substr(kFrameHeaderBytes);
  if (header.argument != 0 &&
      DecodeStatusHeader(header.flags, header.argument, payload, status).ok()) {
    return absl::Status(
        status.status.code(),
        absl::StrCat(std::string(status.status.message()),
                     " (its details and metadata do not fit in a datagram)"));
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("the reply, with its metadata, has ", bytes,
                   " bytes, and a datagram takes ", kMostAnswerBytes,
                   ": make this call over a connection"));
}

absl::Span<const AttachedFd> DescriptorsOf(const OutgoingFrame& end) {
  return FrameToSend{end.head, end.attached.get()}.descriptors();
}

}  // namespace

bool DatagramCalls::Take(ReceivedDatagram& datagram,
                         std::shared_ptr<AnswerSocket> pair,
                         std::shared_ptr<const void> host) {
  Request request;
  const bool is_call = Decode(datagram, std::move(pair), request).ok();
  const bool has_descriptors = !datagram.set.fds.empty();
  if (!is_call && !has_descriptors) return false;
  absl::StatusOr<std::shared_ptr<User>> user = UserOf(
      datagram.set.sender.has_value() ? datagram.set.sender->uid : kNobody);
  absl::Status made = user.status();
  if (has_descriptors) {
    const absl::Status noted = NoteDescriptors(datagram.set, user);
    if (made.ok()) made = noted;
  }
  if (!is_call) return false;
  ++shared_.counters.datagram_calls;
  TraceDatagram(Side::kServer, /*sent=*/false, request.call.open);
  if (request.one_way()) ++shared_.counters.one_way_calls;
  if (made.ok()) {
    made = Make(request, *std::move(user), std::move(host), datagram);
  }
  if (made.ok()) return true;
  const absl::StatusOr<RegisteredMethod> known =
      shared_.registry.Find(request.call.method);
  CallRecord::Refused(request.call.method, known.ok() ? &*known : nullptr,
                      made);
  if (request.one_way()) {
    ++shared_.counters.one_way_errors;
  } else {
    Answer(request.from, request.call.tag, StatusOnly(made));
  }
  return true;
}

absl::Status DatagramCalls::NoteDescriptors(
    const ReceivedDescriptors& set,
    const absl::StatusOr<std::shared_ptr<User>>& sender) {
  const ReceivedFdSenderScope counted(sender.ok() ? (*sender)->share->closes()
                                                  : closes_of_others_);
  for (const UniqueFd& fd : set.fds) NoteReceived(fd.get());
  if (!sender.ok()) return absl::OkStatus();
  absl::Status closes = (*sender)->share->CheckCloses();
  if (!closes.ok()) closes_too_many_ = *sender;
  return closes;
}

bool DatagramCalls::MayReceive() {
  if (closes_too_many_ != nullptr &&
      closes_too_many_->share->CheckCloses().ok()) {
    closes_too_many_.reset();
  }
  return closes_too_many_ == nullptr &&
         closes_of_others_->count() < kMostClosesOfOthers;
}

absl::Status DatagramCalls::Decode(const ReceivedDatagram& datagram,
                                   std::shared_ptr<AnswerSocket> pair,
                                   Request& request) {
  if (datagram.cut_off) return NotACall("a datagram of more than 65,536 bytes");
  absl::Status decoded = DecodeDatagramCall(datagram.bytes, request.call);
  if (!decoded.ok()) return decoded;
  const FrameHeader& header = request.call.open;
  decoded = DecodeOpenHeader(header.flags, request.call.payload, request.open);
  if (!decoded.ok()) return decoded;
  const ReceivedDescriptors& set = datagram.set;
  if (!set.truncated && header.descriptor_count != set.fds.size()) {
    return NotACall("another number of descriptors than the frame has");
  }
  if (!set.sender.has_value() ||
      (set.sender->pid == 0 && set.sender->uid == kNobody)) {
    return NotACall("a sender that the kernel does not know");
  }
  // A path may lead anywhere once the answer is sent: to another service's
  // socket, which trusts this process.
  if (pair == nullptr && !request.one_way() && !datagram.from.is_abstract()) {
    return NotACall("a sender without an abstract name to answer to");
  }
  request.peer = *set.sender;
  request.from = {
      .user = set.sender->uid, .name = datagram.from, .pair = std::move(pair)};
  return decoded;
}

absl::StatusOr<std::shared_ptr<DatagramCalls::User>> DatagramCalls::UserOf(
    uid_t uid) {
  {
    MutexLock lock(mu_);
    const auto found = users_.find(uid);
    if (found != users_.end()) {
      if (std::shared_ptr<User> user = found->second.lock()) return user;
    }
  }
  absl::StatusOr<std::unique_ptr<ClientShare>> share =
      shared_.accounts->Admit(uid);
  if (!share.ok()) return share.status();
  auto user = std::make_shared<User>(shared_.options, *std::move(share));
  MutexLock lock(mu_);
  if (users_.size() >= kMostUsers) {
    absl::erase_if(users_,
                   [](const auto& entry) { return entry.second.expired(); });
  }
  users_[uid] = user;
  return user;
}

absl::Status DatagramCalls::Make(Request& request, std::shared_ptr<User> user,
                                 std::shared_ptr<const void> host,
                                 ReceivedDatagram& datagram) {
  const ServerOptions& options = shared_.options;
  const absl::StatusOr<RegisteredMethod> method =
      shared_.registry.Find(request.call.method);
  if (!method.ok()) return method.status();
  if (method->kind() != MethodKind::kUnary) {
    return absl::UnimplementedError(
        absl::StrCat(std::string(request.call.method),
                     " has a stream, which a datagram cannot carry: call it "
                     "over a connection"));
  }
  const absl::Status fits =
      CheckMetadataSize(request.open.metadata, options.max_metadata_bytes,
                        "ServerOptions::max_metadata_bytes");
  if (!fits.ok()) return fits;
  const bool one_way = request.one_way();
  IncomingCall::Terms terms = TermsOfRequest(
      kDatagramCallId, *method, request.open, options, shared_.clock);
  terms.one_way = one_way;
  terms.reply_limits = {.bytes = kMostAnswerBytes,
                        .descriptors = kMaxSentFrameDescriptors};
  // Only this thread adds calls.
  if (user->account.calls(one_way) >= options.max_calls_per_connection) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "user ", request.peer.uid, " has ", options.max_calls_per_connection,
        " calls in datagrams in progress, the limit "
        "(ServerOptions::max_calls_per_connection): wait until one of them has "
        "ended"));
  }
  if (terms.metadata_bytes > 0) {
    const absl::Status charged = user->account.Charge(terms.metadata_bytes, 0);
    if (!charged.ok()) return charged;
  }
  user->account.AddCall(one_way);
  shared_.counters.handlers.Add();
  const auto origin = std::make_shared<DatagramOrigin>(
      *this, std::move(host), user, request.peer, std::move(request.from),
      request.call.tag);
  const auto call = MakeRecycled<IncomingCall>(origin, origin->environment(),
                                               std::move(terms));
  Add(*origin, call);
  IncomingFrame frame;
  frame.header = request.call.open;
  frame.descriptors = std::move(datagram.set.fds);
  frame.descriptors_truncated = datagram.set.truncated;
  const absl::Status delivered = call->OnMessage(frame, request.open.message);
  if (!delivered.ok()) call->Fail(absl::InternalError(delivered.message()));
  return absl::OkStatus();
}

void DatagramCalls::Answer(const DatagramSender& to, const DatagramTag& tag,
                           OutgoingFrames frames) {
  BackgroundCloseScope closes;
  std::string header;
  AppendDatagramAnswer(tag, header);
  const size_t bytes = BytesOf(frames);
  if (bytes > kMostAnswerBytes) {
    frames = StatusOnly(WithoutTheRest(frames.back(), bytes));
  }
  TraceSentDatagram(Side::kServer, frames.back());
  absl::Status why;
  DatagramReplies::Outcome outcome = replies_.Send(
      to, OutgoingDatagram(header, frames), DescriptorsOf(frames.back()), why);
  if (outcome == DatagramReplies::Outcome::kRefused) {
    frames = StatusOnly(absl::IsInvalidArgument(why)
                            ? absl::InternalError(why.message())
                            : why);
    absl::Status plain;
    outcome = replies_.Send(to, OutgoingDatagram(header, frames), {}, plain);
  }
  if (outcome != DatagramReplies::Outcome::kSent) {
    ++shared_.counters.dropped_replies;
  }
}

void DatagramCalls::Add(const DatagramOrigin& origin,
                        std::shared_ptr<IncomingCall> call) {
  MutexLock lock(mu_);
  calls_.emplace(&origin, std::move(call));
}

void DatagramCalls::Remove(const DatagramOrigin& origin) {
  std::shared_ptr<IncomingCall> removed;
  bool last = false;
  {
    MutexLock lock(mu_);
    const auto found = calls_.find(&origin);
    if (found == calls_.end()) return;
    removed = std::move(found->second);
    calls_.erase(found);
    last = calls_.empty();
  }
  if (last && draining_.is_set()) shared_.waker.Wake();
}

void DatagramCalls::Drain() {
  if (draining_.Set()) draining_.PostCallbacks(*shared_.executor);
}

bool DatagramCalls::Ended(bool late, const absl::Status& why) {
  std::vector<std::shared_ptr<IncomingCall>> all;
  {
    MutexLock lock(mu_);
    if (calls_.empty()) return true;
    if (!late) return false;
    for (const auto& [origin, call] : calls_) all.push_back(call);
  }
  for (const auto& call : all) call->Fail(why);
  MutexLock lock(mu_);
  return calls_.empty();
}

}  // namespace fdrpc
