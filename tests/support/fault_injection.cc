#include "tests/support/fault_injection.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "gtest/gtest.h"
#include "os/syscalls.h"

namespace fdrpc::testing {
namespace {

constexpr size_t kMostNames = 64;

Mutex plan_mu;
// A call that uses the plan shares it, so that it outlives a test that ends
// meanwhile.
std::shared_ptr<const FaultInjection::Plan> plan ABSL_GUARDED_BY(plan_mu);
std::array<std::atomic<size_t>, kMostNames> counts;

size_t IndexOf(std::string_view name) {
  const auto& names = FaultInjection::Names();
  return std::find(names.begin(), names.end(), name) - names.begin();
}

// A replacement for one system call: counts the call, asks the plan, and makes
// the real call if the plan allows.
template <size_t name_index, auto member>
struct InterposedCall;

template <size_t name_index, typename Result, typename... Arguments,
          Result (*Syscalls::*member)(Arguments...)>
struct InterposedCall<name_index, member> {
  static FaultInjection::Fault Ask() {
    const size_t index = counts[name_index].fetch_add(1);
    std::shared_ptr<const FaultInjection::Plan> asked;
    {
      MutexLock lock(plan_mu);
      asked = plan;
    }
    return (*asked)(FaultInjection::Names()[name_index], index);
  }
  static Result Call(Arguments... arguments) {
    if (const int error = Ask().error; error != 0) {
      errno = error;
      return -1;
    }
    return (Syscalls::real.*member)(arguments...);
  }
};

// A copy of a message header whose vector holds at most `most` bytes.
struct ShortenedMessage {
  ShortenedMessage(const msghdr& message, size_t most) : header(message) {
    for (size_t i = 0; i < message.msg_iovlen && most > 0; ++i) {
      iovec piece = message.msg_iov[i];
      piece.iov_len = std::min(piece.iov_len, most);
      most -= piece.iov_len;
      pieces.push_back(piece);
    }
    header.msg_iov = pieces.data();
    header.msg_iovlen = pieces.size();
  }
  std::vector<iovec> pieces;
  msghdr header;
};

constexpr size_t kSendmsg = 7;
constexpr size_t kRecvmsg = 8;

ssize_t Sendmsg(int fd, const msghdr* message, int flags) {
  const auto fault = InterposedCall<kSendmsg, &Syscalls::sendmsg>::Ask();
  if (fault.error != 0) {
    errno = fault.error;
    return -1;
  }
  if (fault.most_bytes == 0) return Syscalls::real.sendmsg(fd, message, flags);
  ShortenedMessage shortened(*message, fault.most_bytes);
  return Syscalls::real.sendmsg(fd, &shortened.header, flags);
}

// The runtime may use either of the two.
ssize_t Send(int fd, const void* data, size_t size, int flags) {
  const auto fault = InterposedCall<kSendmsg, &Syscalls::sendmsg>::Ask();
  if (fault.error != 0) {
    errno = fault.error;
    return -1;
  }
  if (fault.most_bytes != 0) size = std::min(size, fault.most_bytes);
  return Syscalls::real.send(fd, data, size, flags);
}

ssize_t Recvmsg(int fd, msghdr* message, int flags) {
  const auto fault = InterposedCall<kRecvmsg, &Syscalls::recvmsg>::Ask();
  if (fault.error != 0) {
    errno = fault.error;
    return -1;
  }
  if (fault.most_bytes == 0) return Syscalls::real.recvmsg(fd, message, flags);
  ShortenedMessage shortened(*message, fault.most_bytes);
  const ssize_t got = Syscalls::real.recvmsg(fd, &shortened.header, flags);
  message->msg_flags = shortened.header.msg_flags;
  message->msg_controllen = shortened.header.msg_controllen;
  return got;
}

const Syscalls interposed = {
    .socket = InterposedCall<0, &Syscalls::socket>::Call,
    .bind = InterposedCall<1, &Syscalls::bind>::Call,
    .listen = InterposedCall<2, &Syscalls::listen>::Call,
    .connect = InterposedCall<3, &Syscalls::connect>::Call,
    .accept4 = InterposedCall<4, &Syscalls::accept4>::Call,
    .getsockopt = InterposedCall<5, &Syscalls::getsockopt>::Call,
    .shutdown = InterposedCall<6, &Syscalls::shutdown>::Call,
    .sendmsg = Sendmsg,
    .send = Send,
    .recvmsg = Recvmsg,
    .ppoll = InterposedCall<9, &Syscalls::ppoll>::Call,
    .epoll_create1 = InterposedCall<10, &Syscalls::epoll_create1>::Call,
    .epoll_ctl = InterposedCall<11, &Syscalls::epoll_ctl>::Call,
    .epoll_wait = InterposedCall<12, &Syscalls::epoll_wait>::Call,
    .eventfd = InterposedCall<13, &Syscalls::eventfd>::Call,
    .timerfd_create = InterposedCall<14, &Syscalls::timerfd_create>::Call,
    .timerfd_settime = InterposedCall<15, &Syscalls::timerfd_settime>::Call,
    .read = InterposedCall<16, &Syscalls::read>::Call,
    .write = InterposedCall<17, &Syscalls::write>::Call,
    .openat = InterposedCall<18, &Syscalls::openat>::Call,
    .fstat = InterposedCall<19, &Syscalls::fstat>::Call,
    .fstatat = InterposedCall<20, &Syscalls::fstatat>::Call,
    .unlinkat = InterposedCall<21, &Syscalls::unlinkat>::Call,
    .flock = InterposedCall<22, &Syscalls::flock>::Call,
    .fchmod = InterposedCall<23, &Syscalls::fchmod>::Call,
    .chmod = InterposedCall<24, &Syscalls::chmod>::Call,
    .fchownat = InterposedCall<25, &Syscalls::fchownat>::Call,
    .duplicate = InterposedCall<26, &Syscalls::duplicate>::Call,
    .getsockname = InterposedCall<27, &Syscalls::getsockname>::Call,
    .set_nonblocking = InterposedCall<28, &Syscalls::set_nonblocking>::Call,
    .set_close_on_exec = InterposedCall<29, &Syscalls::set_close_on_exec>::Call,
    .getpeername = InterposedCall<30, &Syscalls::getpeername>::Call,
    .pidfd_open = InterposedCall<31, &Syscalls::pidfd_open>::Call,
    .memfd_create = InterposedCall<32, &Syscalls::memfd_create>::Call,
    .add_seals = InterposedCall<33, &Syscalls::add_seals>::Call,
    .get_seals = InterposedCall<34, &Syscalls::get_seals>::Call,
    .fstatfs = InterposedCall<35, &Syscalls::fstatfs>::Call,
    .pread = InterposedCall<36, &Syscalls::pread>::Call,
    .sendto = InterposedCall<37, &Syscalls::sendto>::Call,
    .socketpair = InterposedCall<38, &Syscalls::socketpair>::Call,
    .setsockopt = InterposedCall<39, &Syscalls::setsockopt>::Call,
    .map_memory = InterposedCall<40, &Syscalls::map_memory>::Call,
    .get_open_files_limit =
        InterposedCall<41, &Syscalls::get_open_files_limit>::Call,
    .set_open_files_limit =
        InterposedCall<42, &Syscalls::set_open_files_limit>::Call,
    .unreceived_bytes = InterposedCall<43, &Syscalls::unreceived_bytes>::Call,
    .get_status_flags = InterposedCall<44, &Syscalls::get_status_flags>::Call,
    .statx = InterposedCall<45, &Syscalls::statx>::Call,
    .readlink = InterposedCall<46, &Syscalls::readlink>::Call,
    .isatty = InterposedCall<47, &Syscalls::isatty>::Call,
    .get_pipe_size = InterposedCall<48, &Syscalls::get_pipe_size>::Call,
    .map_file = InterposedCall<49, &Syscalls::map_file>::Call,
    .fallocate = InterposedCall<50, &Syscalls::fallocate>::Call,
    .lseek = InterposedCall<51, &Syscalls::lseek>::Call,
    .keep_from_children =
        InterposedCall<52, &Syscalls::keep_from_children>::Call,
    .get_file_size_limit =
        InterposedCall<53, &Syscalls::get_file_size_limit>::Call,
    .ftruncate = InterposedCall<54, &Syscalls::ftruncate>::Call,
    .populate = InterposedCall<55, &Syscalls::populate>::Call,
};

}  // namespace

const std::vector<std::string>& FaultInjection::Names() {
  static const std::vector<std::string> names = {"socket",
                                                 "bind",
                                                 "listen",
                                                 "connect",
                                                 "accept4",
                                                 "getsockopt",
                                                 "shutdown",
                                                 "sendmsg",
                                                 "recvmsg",
                                                 "ppoll",
                                                 "epoll_create1",
                                                 "epoll_ctl",
                                                 "epoll_wait",
                                                 "eventfd",
                                                 "timerfd_create",
                                                 "timerfd_settime",
                                                 "read",
                                                 "write",
                                                 "openat",
                                                 "fstat",
                                                 "fstatat",
                                                 "unlinkat",
                                                 "flock",
                                                 "fchmod",
                                                 "chmod",
                                                 "fchownat",
                                                 "duplicate",
                                                 "getsockname",
                                                 "set_nonblocking",
                                                 "set_close_on_exec",
                                                 "getpeername",
                                                 "pidfd_open",
                                                 "memfd_create",
                                                 "add_seals",
                                                 "get_seals",
                                                 "fstatfs",
                                                 "pread",
                                                 "sendto",
                                                 "socketpair",
                                                 "setsockopt",
                                                 "map_memory",
                                                 "get_open_files_limit",
                                                 "set_open_files_limit",
                                                 "unreceived_bytes",
                                                 "get_status_flags",
                                                 "statx",
                                                 "readlink",
                                                 "isatty",
                                                 "get_pipe_size",
                                                 "map_file",
                                                 "fallocate",
                                                 "lseek",
                                                 "keep_from_children",
                                                 "get_file_size_limit",
                                                 "ftruncate",
                                                 "populate"};
  return names;
}

FaultInjection::Plan FaultInjection::FailFirst(std::string failing,
                                               size_t count, int error) {
  return [=](std::string_view name, size_t index) {
    return Fault{.error = name == failing && index < count ? error : 0};
  };
}

FaultInjection::FaultInjection(Plan new_plan) {
  EXPECT_EQ(Syscalls::current.load(), &Syscalls::real) << "one at a time";
  {
    MutexLock lock(plan_mu);
    plan = std::make_shared<const Plan>(std::move(new_plan));
  }
  for (auto& count : counts) count = 0;
  Syscalls::current.store(&interposed, std::memory_order_release);
}

FaultInjection::~FaultInjection() {
  Syscalls::current.store(&Syscalls::real, std::memory_order_release);
}

size_t FaultInjection::CountOf(std::string_view name) const {
  return counts[IndexOf(name)].load();
}

}  // namespace fdrpc::testing
