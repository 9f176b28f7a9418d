#include "client/datagram_channel.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/datagram_client_call.h"
#include "connection/outgoing_datagram.h"
#include "fdrpc/answered_call.h"
#include "fdrpc/internal/take_reply.h"
#include "os/parker.h"
#include "transport/send_error.h"
#include "wire/datagram.h"

namespace fdrpc {
namespace {

// How often a call that waits for a server is tried.
constexpr absl::Duration kServerPause = absl::Milliseconds(20);
// The same if room cannot be waited for, for want of a descriptor.
constexpr absl::Duration kRoomPause = absl::Milliseconds(5);
// How long a call that has ended may still be answered, so that the queue is
// emptied before each call.
constexpr absl::Duration kLate = absl::Seconds(10);

// Whether a send failed because there is no server, which may come.
bool NoServer(int error) {
  return error == ENOENT || error == ECONNREFUSED || error == ECONNRESET ||
         error == EPIPE || error == ENOTCONN;
}

// Whether it failed because of what was sent: its descriptors, or memory.
bool ConcernsDatagramOnly(int error, bool has_descriptors) {
  // With an address, the path may forbid it.
  return error != EACCES && ConcernsFrameOnly(error, has_descriptors);
}

absl::Span<const AttachedFd> DescriptorsOf(const OutgoingFrames& frames) {
  return FrameToSend{frames.front().head, frames.front().attached.get()}
      .descriptors();
}

}  // namespace

DatagramChannel::DatagramChannel(SocketMaker make_socket,
                                 const ChannelOptions& options,
                                 std::shared_ptr<LoopCore> loop,
                                 const Clock& clock, ChannelTarget target)
    : ChannelBase(mutex_, options, std::move(loop), clock, std::move(target)),
      make_socket_(std::move(make_socket)) {}

DatagramChannel::~DatagramChannel() {
  if (inherited_by_fork()) return;
  ChannelLock lock(mutex_);
  if (room_.has_value()) room_->Unwatch();
}

absl::Status DatagramChannel::CallUnary(const Method& method,
                                        OutgoingMessage request,
                                        IncomingMessage reply,
                                        const CallOptions& options) {
  if (inherited_by_fork()) return CheckProcess();
  DatagramClientCall call(*this, method, options);
  call.Start(options, request);
  call.Await(CallEvent::kEnd);
  return internal::TakeReply(call, reply);
}

std::shared_ptr<ClientCall> DatagramChannel::StartCall(
    const Method& method, const OutgoingMessage* request,
    const CallOptions& options, CallForm form) {
  absl::Status possible = CheckProcess();
  if (possible.ok()) possible = DatagramClientCall::CheckMethod(method);
  if (!possible.ok()) {
    return std::make_shared<AnsweredCall>(*this, form, std::move(possible));
  }
  auto call = std::make_shared<DatagramClientCall>(*this, method, options);
  if (form == CallForm::kNotified) call->RunOnLoop();
  call->KeepChannel(shared_from_this());
  call->Start(options, *request);
  // Nobody else may wait for a one-way call whose caller does not.
  if (form == CallForm::kBlocking && method.one_way) {
    call->Await(CallEvent::kEnd);
  }
  return call;
}

// ---- state

ChannelState DatagramChannel::state() {
  if (inherited_by_fork()) return ChannelState::kShutdown;
  ChannelLock lock(mutex_);
  return state_;
}

ChannelStatistics DatagramChannel::statistics() {
  ChannelStatistics statistics;
  if (inherited_by_fork()) return statistics;
  ChannelLock lock(mutex_);
  account_.AddTo(statistics);
  for (const auto* waiting : {&waiting_unary_, &waiting_one_way_}) {
    for (DatagramClientCall* const call : *waiting) {
      const OutgoingFrames& frames = call->pending().open;
      statistics.queued_bytes += BytesOf(frames);
      statistics.queued_descriptors += DescriptorsOf(frames).size();
    }
  }
  return statistics;
}

absl::StatusOr<ChannelStateWatch> DatagramChannel::WatchState(
    absl::AnyInvocable<void(ChannelState)>) {
  absl::Status process = CheckProcess();
  if (!process.ok()) return process;
  return absl::FailedPreconditionError(
      "a channel without a connection has no state to watch: it learns of a "
      "server only when it sends a call");
}

absl::Status DatagramChannel::WaitForReady(absl::Duration timeout) {
  absl::Status status = CheckProcess();
  if (!status.ok()) return status;
  const MonotonicTime deadline = DeadlineAfter(clock().Now(), timeout);
  Parker parker;
  while (true) {
    {
      ChannelLock lock(mutex_);
      status = OpenSocket();
      if (status.ok() && socket_->is_pair()) {
        // Only a call finds out that the other socket is closed, for ever.
        return no_server_ == 0 ? status : socket_->Failure(no_server_);
      }
      UniqueFd probe;
      if (status.ok()) status = socket_->WatchServersQueue(probe);
      if (status.ok()) state_ = ChannelState::kReady;
    }
    if (!absl::IsUnavailable(status)) return status;
    const MonotonicTime now = clock().Now();
    if (now >= deadline) break;
    parker.Park(clock().SleepUntil(
        std::min(deadline, DeadlineAfter(now, kServerPause))));
  }
  return absl::DeadlineExceededError(absl::StrCat(
      "the server was not ready in time: ", std::string(status.message())));
}

absl::Status DatagramChannel::OpenSocket() {
  if (socket_.has_value()) return absl::OkStatus();
  absl::StatusOr<WaitingThreads> threads = WaitingThreads::Create();
  if (!threads.ok()) return threads.status();
  key_ = numbers_.Next();
  absl::StatusOr<DatagramSocket> socket = make_socket_(key_);
  if (!socket.ok()) return socket.status();
  socket_.emplace(*std::move(socket));
  Handler& handler = *this;
  reader_.emplace(*socket_, *std::move(threads), account_, mutex_, clock(),
                  options().max_busy_poll, handler);
  room_.emplace(*socket_);
  make_socket_ = nullptr;
  return absl::OkStatus();
}

absl::Status DatagramChannel::ReadWith(const std::shared_ptr<LoopCore>& loop) {
  if (room_->watched()) return absl::OkStatus();
  absl::Status watched = room_->WatchWith(loop, weak_from_this());
  if (!watched.ok()) return watched;
  if (!room_->Watch().ok()) RetryAt(DeadlineAfter(clock().Now(), kRoomPause));
  Arm();
  return absl::OkStatus();
}

// ---- sending

void DatagramChannel::Begin(DatagramClientCall& call, ChannelLock& lock) {
  PendingCall& pending = call.pending();
  absl::Status ready = account_.CheckCloses();
  if (ready.ok()) ready = OpenSocket();
  if (ready.ok() && pending.loop != nullptr) ready = ReadWith(loop());
  if (!ready.ok()) return call.End(std::move(ready), lock);
  ReadLate(lock);
  if (pending.state.ended()) return;
  if (room_->waits() || !(call.one_way() || WindowIsOpen())) {
    return Keep(call);
  }
  Enter(call);
  OutgoingFrames frames = std::exchange(pending.open, {});
  // A thread that reads may end the call meanwhile.
  lock.Unlock();
  const IoResult io = call.TrySend(*socket_, key_, frames);
  lock.Relock();
  if (OnTried(call, std::move(frames), io, lock)) return;
  Leave(call);
  Keep(call);
  if (io.error == EAGAIN && !room_->waits()) WaitForRoom();
}

void DatagramChannel::Keep(DatagramClientCall& call) {
  (call.one_way() ? waiting_one_way_ : waiting_unary_).push_back(&call);
  call.set_waits(true);
}

void DatagramChannel::Enter(DatagramClientCall& call) {
  if (call.one_way()) return;
  do {
    call.set_number(numbers_.Next());
  } while (!calls_.emplace(call.number(), &call).second);
}

void DatagramChannel::Leave(DatagramClientCall& call) {
  if (!call.one_way()) calls_.erase(call.number());
}

void DatagramChannel::Forget(DatagramClientCall& call, bool answered) {
  if (call.waits()) {
    std::erase(call.one_way() ? waiting_one_way_ : waiting_unary_, &call);
  } else if (!call.one_way() && calls_.erase(call.number()) > 0 && !answered) {
    late_until_ = DeadlineAfter(clock().CoarseNow(), kLate);
  }
}

void DatagramChannel::SendMore(ChannelLock& lock) {
  if (waiting_unary_.empty() || room_->waits() || sends_waiting_ ||
      retry_at_ != kNoDeadline) {
    return;
  }
  SendWaiting(lock);
}

bool DatagramChannel::OnTried(DatagramClientCall& call, OutgoingFrames frames,
                              const IoResult& io, ChannelLock& lock) {
  PendingCall& pending = call.pending();
  absl::Status failure;
  if (io.error == 0) {
    state_ = ChannelState::kReady;
    if (!pending.state.ended()) {
      pending.state.OnOpened({});
      if (pending.method.one_way) call.End(absl::OkStatus(), lock);
    }
  } else if (pending.state.ended()) {
    // Cancelled meanwhile.
  } else if (io.error == EAGAIN) {
    pending.open = std::move(frames);
    return false;
  } else if (ConcernsDatagramOnly(io.error, !DescriptorsOf(frames).empty())) {
    failure = Refusal(io.error, DescriptorsOf(frames));
  } else if (io.error == EMSGSIZE) {
    failure = absl::ResourceExhaustedError(
        "the request does not fit in the socket's send buffer "
        "(net.core.wmem_default)");
  } else {
    if (NoServer(io.error)) {
      state_ = ChannelState::kTransientFailure;
      no_server_ = io.error;
      if (call.waits_for_server() && !socket_->is_pair()) {
        pending.open = std::move(frames);
        RetryAt(DeadlineAfter(clock().Now(), kServerPause));
        return false;
      }
    }
    failure = socket_->Failure(io.error);
  }
  // Its descriptors are closed without the lock.
  lock.DropLater(std::move(frames));
  if (!failure.ok()) call.End(std::move(failure), lock);
  return true;
}

void DatagramChannel::SendWaiting(ChannelLock& lock) {
  room_->EndWait();
  retry_at_ = kNoDeadline;
  sends_waiting_ = true;
  SendWaiting(waiting_one_way_, lock);
  if (!room_->waits()) SendWaiting(waiting_unary_, lock);
  sends_waiting_ = false;
}

void DatagramChannel::SendWaiting(std::deque<DatagramClientCall*>& waiting,
                                  ChannelLock& lock) {
  while (!waiting.empty() && (waiting.front()->one_way() || WindowIsOpen())) {
    DatagramClientCall& call = *waiting.front();
    Enter(call);
    OutgoingFrames frames = std::exchange(call.pending().open, {});
    // With the lock, without which the call might be destroyed.
    const IoResult io = call.TrySend(*socket_, key_, frames);
    waiting.pop_front();
    call.set_waits(false);
    if (OnTried(call, std::move(frames), io, lock)) continue;
    Leave(call);
    waiting.push_front(&call);
    call.set_waits(true);
    if (io.error == EAGAIN) return WaitForRoom();
    return EndImpatient(waiting, socket_->Failure(io.error), lock);
  }
}

void DatagramChannel::EndImpatient(std::deque<DatagramClientCall*>& waiting,
                                   const absl::Status& why, ChannelLock& lock) {
  const std::deque<DatagramClientCall*> all = std::exchange(waiting, {});
  for (DatagramClientCall* call : all) {
    if (call->waits_for_server()) waiting.push_back(call);
  }
  for (DatagramClientCall* call : all) {
    if (call->waits_for_server()) continue;
    call->set_waits(false);
    call->End(why, lock);
  }
}

void DatagramChannel::WaitForRoom() {
  if (!room_->BeginWait().ok()) {
    return RetryAt(DeadlineAfter(clock().Now(), kRoomPause));
  }
  // It must wait for that, too.
  reader_->WakeReader();
}

std::string DatagramChannel::WhyNotSent() const {
  if (room_->waits()) return std::string(room_->Reason());
  if (state_ == ChannelState::kTransientFailure && no_server_ != 0) {
    return std::string(socket_->Failure(no_server_).message());
  }
  return absl::StrCat("it has not answered ", calls_.size(), " earlier calls");
}

void DatagramChannel::RetryAt(MonotonicTime at) {
  retry_at_ = std::min(retry_at_, at);
  reader_->WakeReader();
  Arm();
}

// ---- reading

void DatagramChannel::WaitOnce(WaitingThread& thread, MonotonicTime deadline,
                               ChannelLock& lock) {
  const DatagramReader::Room room = room_->ForReader();
  // A thread that reads also sends.
  if (!reader_->there_is_reader()) deadline = std::min(deadline, retry_at_);
  const bool read = reader_->WaitOnce(thread, room, deadline, lock);
  if (read && (room.wanted() || clock().Now() >= retry_at_)) SendWaiting(lock);
}

void DatagramChannel::EndWait(ChannelLock& lock) {
  if (reader_->EndWait(lock)) loop()->Wake(weak_from_this());
}

void DatagramChannel::ReadLate(ChannelLock& lock) {
  if (late_until_ == MonotonicTime() || reader_->there_is_reader() ||
      room_->watched()) {
    return;
  }
  if (clock().CoarseNow() >= late_until_) late_until_ = MonotonicTime();
  if (reader_->ReadArrived(lock)) loop()->Wake(weak_from_this());
}

void DatagramChannel::OnDatagram(std::string_view bytes, bool cut_off,
                                 ReceivedDescriptors& set) {
  DatagramTag tag;
  std::string_view frames;
  // It is forged.
  if (!DecodeDatagramAnswer(bytes, tag, frames).ok() || tag.key != key_) return;
  ChannelLock lock(mutex_);
  const auto found = calls_.find(tag.call);
  if (found == calls_.end()) return;  // too late, or forged
  DatagramClientCall& call = *found->second;
  call.OnAnswer(frames, cut_off, set, lock);
}

// ---- the loop

std::optional<size_t> DatagramChannel::OnReady(Poller::Event event) {
  {
    ChannelLock lock(mutex_);
    if (event.writable && room_->waits()) SendWaiting(lock);
    if (room_->IsOnlyRoom(event.token)) return 1;
  }
  if (event.readable && reader_->ReadInLoop()) {
    ChannelLock lock(mutex_);
    loop()->Wake(weak_from_this());
  }
  return 1;
}

void DatagramChannel::OnWake() {
  ChannelBase::OnWake();
  {
    ChannelLock lock(mutex_);
    if (!room_.has_value() || !room_->watched()) return;
  }
  (void)OnReady({.readable = true});
}

void DatagramChannel::OnTime(MonotonicTime now, ChannelLock& lock) {
  if (now >= retry_at_) SendWaiting(lock);
}

}  // namespace fdrpc
