#include "services/capture/relayed_datagrams.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string_view>

#include "os/descriptor_kind.h"
#include "os/local_socket.h"
#include "services/capture/relayed_users.h"
#include "wire/limits.h"
#include "wire/little_endian.h"

namespace fdrpc::capture {
namespace {

// How many answers it takes before others have their turn.
constexpr int kMostAnswers = 16;

void SetTag(const DatagramTag& tag, std::string& bytes) {
  StoreLittleEndian(bytes.data() + kDatagramKeyOffset, tag.key);
  StoreLittleEndian(bytes.data() + kDatagramKeyOffset + sizeof(tag.key),
                    tag.call);
}

std::vector<int> NumbersOf(const std::vector<UniqueFd>& fds) {
  std::vector<int> numbers;
  numbers.reserve(fds.size());
  for (const UniqueFd& fd : fds) numbers.push_back(fd.get());
  return numbers;
}

iovec PieceOf(std::string& bytes) {
  return {.iov_base = bytes.data(), .iov_len = bytes.size()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<RelayedDatagrams>> RelayedDatagrams::Create(
    const UnixAddress& server, RecordingWriter& writer) {
  RandomNumbers random;
  const uint64_t key = random.Next();
  absl::StatusOr<DatagramSocket> socket = DatagramSocket::Create(
      server, kDatagramAnswerMagic, key, kDatagramKeyOffset);
  if (!socket.ok()) return socket.status();
  absl::StatusOr<UniqueFd> answers = NewLocalSocket(SOCK_DGRAM);
  if (!answers.ok()) return answers.status();
  return std::unique_ptr<RelayedDatagrams>(new RelayedDatagrams(
      *std::move(socket), key, random.Next(), *std::move(answers), writer));
}

RelayedDatagrams::RelayedDatagrams(DatagramSocket socket, uint64_t key,
                                   uint64_t number, UniqueFd answers,
                                   RecordingWriter& writer)
    : socket_(std::move(socket)),
      key_(key),
      number_(number),
      answers_(std::move(answers)),
      writer_(writer) {}

bool RelayedDatagrams::Pass(ReceivedDatagram datagram) {
  DatagramCall call;
  if (datagram.cut_off || datagram.set.truncated ||
      !DecodeDatagramCall(datagram.bytes, call).ok()) {
    return true;
  }
  const bool is_one_way = (call.open.flags & kFlagOneWay) != 0;
  if (!is_one_way && !datagram.from.is_abstract()) return true;
  Datagram passed = {.bytes = std::string(datagram.bytes),
                     .fds = std::move(datagram.set.fds)};
  Record(Direction::kFromClient, passed);
  if (!is_one_way) {
    const uid_t user = datagram.set.sender->uid;
    calls_[++number_] = {
        .client = datagram.from, .tag = call.tag, .user = user};
    ForgetOne(user);
    SetTag({.key = key_, .call = number_}, passed.bytes);
  }
  waiting_ = std::move(passed);
  return Retry();
}

void RelayedDatagrams::ForgetOne(uid_t user) {
  const auto forget_first = [this](size_t most, auto of_those) {
    const auto count = std::count_if(calls_.begin(), calls_.end(), of_those);
    if (count <= static_cast<ptrdiff_t>(most)) return false;
    calls_.erase(std::find_if(calls_.begin(), calls_.end(), of_those));
    return true;
  };
  if (!RelayedUsers::IsForeign(user)) {
    if (calls_.size() > kMostCalls) calls_.erase(calls_.begin());
    return;
  }
  if (forget_first(kMostCalls / 4, [user](const auto& entry) {
        return entry.second.user == user;
      })) {
    return;
  }
  forget_first(kMostCalls / 2, [](const auto& entry) {
    return RelayedUsers::IsForeign(entry.second.user);
  });
}

bool RelayedDatagrams::Retry() {
  const iovec pieces[] = {PieceOf(waiting_.bytes)};
  const IoResult sent = socket_.Send(pieces, NumbersOf(waiting_.fds));
  if (sent.error == EAGAIN) return false;
  // After another error the client waits for its deadline, as it would for a
  // server that has ended.
  waiting_ = {};
  return true;
}

void RelayedDatagrams::ReceiveAnswers() {
  if (buffer_ == nullptr) {
    buffer_ = std::make_unique_for_overwrite<char[]>(kMaxPacketBytes);
  }
  for (int i = 0; i < kMostAnswers; ++i) {
    const iovec pieces[] = {
        {.iov_base = buffer_.get(), .iov_len = kMaxPacketBytes}};
    ReceivedDescriptors set;
    const IoResult io = socket_.Receive(pieces, set);
    if (io.error != 0) return;
    if (io.cut_off || set.truncated) continue;
    PassAnswer(
        {.bytes = std::string(buffer_.get(), static_cast<size_t>(io.bytes)),
         .fds = std::move(set.fds)});
  }
}

void RelayedDatagrams::PassAnswer(Datagram answer) {
  DatagramTag tag;
  std::string_view frames;
  if (!DecodeDatagramAnswer({answer.bytes.data(), answer.bytes.size()}, tag,
                            frames)
           .ok()) {
    return;
  }
  const auto call = calls_.find(tag.call);
  if (tag.key != key_ || call == calls_.end()) return;
  SetTag(call->second.tag, answer.bytes);
  Record(Direction::kFromServer, answer);
  const iovec pieces[] = {PieceOf(answer.bytes)};
  // A client whose queue is full loses it, as from the server itself.
  SendWithDescriptors(answers_.get(), pieces, NumbersOf(answer.fds), nullptr,
                      &call->second.client);
  calls_.erase(call);
}

void RelayedDatagrams::Record(Direction direction, const Datagram& datagram) {
  std::vector<DescriptorInfo> descriptors;
  for (const UniqueFd& fd : datagram.fds) {
    descriptors.push_back(InfoOf(fd.get()));
  }
  writer_.Add(RecordKind::kDatagram, direction, 0, descriptors,
              {datagram.bytes.data(), datagram.bytes.size()});
}

}  // namespace fdrpc::capture
