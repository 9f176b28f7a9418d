#include "services/process/child_side.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <limits>
#include <string_view>

#include "absl/strings/match.h"
#include "services/process/start_error.h"

namespace fdrpc::process {
namespace {

// As execvp(3) has it.
constexpr char kUsualPath[] = "/bin:/usr/bin";

constexpr int kStandardStreams = 3;

constexpr int kMostPidDigits = 10;

std::optional<std::string> SearchPathOf(const ProcessSpec& spec) {
  if (absl::StrContains(spec.program, '/')) return std::nullopt;
  constexpr std::string_view kName = "PATH=";
  std::string path = kUsualPath;
  for (const std::string& variable : spec.environment) {
    if (variable.starts_with(kName)) path = variable.substr(kName.size());
  }
  return path;
}

std::vector<char*> PointersTo(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const std::string& word : words) {
    pointers.push_back(const_cast<char*>(word.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<int> SortedNumbers(const ProcessSpec& spec) {
  std::vector<int> numbers;
  for (const MappedDescriptor& mapped : spec.descriptors) {
    numbers.push_back(mapped.number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

bool IsMapped(const ChildPlan& plan, int number) {
  return std::binary_search(plan.numbers.begin(), plan.numbers.end(), number);
}

[[noreturn]] void Fail(const ChildPlan& plan, StartStep step, int index = 0) {
  const StartFailure failure = {.step = step, .error = errno, .index = index};
  (void)!write(plan.failure_pipe, &failure, sizeof(failure));
  _exit(127);
}

void ResetSignals() {
  struct sigaction action = {};
  action.sa_handler = SIG_DFL;
  // Fails for those that cannot be handled, and those of the C library.
  for (int signal = 1; signal < NSIG; ++signal) {
    sigaction(signal, &action, nullptr);
  }
}

int CloseRange(int first, int last) {
  if (first > last) return 0;
  return static_cast<int>(syscall(SYS_close_range, first, last, 0));
}

// The one that is open becomes `number`; a closed one stays.
void MoveTo(const ChildPlan& plan, int& fd, int number) {
  if (fd < 0) return;
  if (dup3(fd, number, O_CLOEXEC) < 0 && errno != EINVAL) {
    Fail(plan, StartStep::kIsolateDescriptors);
  }
  fd = number;
}

// At once, and not only at exec: this process may hold ends of pipes of others
// that its parent serves, and exec can take long.
void CloseOthers(ChildPlan& plan) {
  const int pipe = plan.first_free_number;
  const int gate = pipe + 2;
  // In this order: each copy is above those before it.
  MoveTo(plan, plan.failure_pipe, pipe);
  MoveTo(plan, plan.directory, pipe + 1);
  MoveTo(plan, plan.gate, gate);
  int next = 0;
  int error = CloseRange(plan.gate < 0 ? gate : gate + 1,
                         std::numeric_limits<int>::max());
  for (const int number : plan.numbers) {
    error |= CloseRange(next, number - 1);
    next = number + 1;
  }
  error |= CloseRange(next, pipe - 1);
  if (error < 0) Fail(plan, StartStep::kIsolateDescriptors);
}

// Afterwards only what is mapped is open, the pipe and the directory.
void MapDescriptors(ChildPlan& plan) {
  const std::vector<MappedDescriptor>& mapped = plan.spec.descriptors;
  // First out of the way of the numbers to come.
  const auto move = [&plan](int fd, StartStep step, int index) {
    const int moved = fcntl(fd, F_DUPFD_CLOEXEC, plan.first_free_number);
    if (moved < 0) Fail(plan, step, index);
    return moved;
  };
  plan.failure_pipe =
      move(plan.failure_pipe, StartStep::kIsolateDescriptors, 0);
  plan.directory = plan.spec.working_directory;
  if (plan.directory < 0) {
    plan.directory = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (plan.directory < 0) Fail(plan, StartStep::kWorkingDirectory);
  }
  plan.directory = move(plan.directory, StartStep::kWorkingDirectory, 0);
  if (plan.spec.gate >= 0) {
    plan.gate = move(plan.spec.gate, StartStep::kIsolateDescriptors, 0);
  }
  for (size_t i = 0; i < mapped.size(); ++i) {
    plan.moved[i] =
        move(mapped[i].fd, StartStep::kMapDescriptor, static_cast<int>(i));
  }
  for (size_t i = 0; i < mapped.size(); ++i) {
    if (dup2(plan.moved[i], mapped[i].number) < 0) {
      Fail(plan, StartStep::kMapDescriptor, static_cast<int>(i));
    }
  }
  CloseOthers(plan);
}

// Those of 0, 1 and 2 that are not mapped.
void OpenNullDevice(const ChildPlan& plan) {
  for (int number = 0; number < kStandardStreams; ++number) {
    if (IsMapped(plan, number)) continue;
    const int null_device = open("/dev/null", O_RDWR);
    if (null_device < 0 || dup2(null_device, number) < 0) {
      Fail(plan, StartStep::kNullDevice);
    }
    if (null_device != number) close(null_device);
  }
}

void SetLimits(const ChildPlan& plan) {
  for (size_t i = 0; i < plan.spec.limits.size(); ++i) {
    const ResourceLimit& limit = plan.spec.limits[i];
    if (setrlimit(static_cast<__rlimit_resource>(limit.resource),
                  &limit.limit) < 0) {
      Fail(plan, StartStep::kLimit, static_cast<int>(i));
    }
  }
}

// Not by the C library's functions, which want all threads of the parent to
// change their user, too.
void BecomeUser(const ChildPlan& plan) {
  if (!plan.spec.user.has_value()) return;
  const UserIds& user = *plan.spec.user;
  // The parent's session keyring is not for that user. Where a filter denies
  // keyctl(2), the new process cannot use keys either.
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr) < 0 &&
      errno != ENOSYS && errno != EPERM) {
    Fail(plan, StartStep::kUser);
  }
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
      syscall(SYS_setgroups, user.groups.size(), user.groups.data()) < 0 ||
      syscall(SYS_setresgid, user.gid, user.gid, user.gid) < 0 ||
      syscall(SYS_setresuid, user.uid, user.uid, user.uid) < 0) {
    Fail(plan, StartStep::kUser);
  }
}

// After BecomeUser(), as a new user clears the signal.
void DieWithParent(const ChildPlan& plan) {
  if (!plan.spec.dies_with_parent) return;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) Fail(plan, StartStep::kDeathSignal);
  // It may have died before.
  if (getppid() != plan.parent) _exit(127);
}

// With the others closed, of which one may be the other end.
void AwaitGate(const ChildPlan& plan) {
  if (plan.gate < 0) return;
  char byte;
  ssize_t bytes;
  do {
    bytes = read(plan.gate, &byte, 1);
  } while (bytes < 0 && errno == EINTR);
  if (bytes != 1) _exit(127);
}

void FillInPid(const ChildPlan& plan) {
  if (plan.pid_values.empty()) return;
  char digits[kMostPidDigits];
  int count = 0;
  for (auto rest = static_cast<long>(syscall(SYS_getpid)); rest > 0;
       rest /= 10) {
    digits[count++] = static_cast<char>('0' + rest % 10);
  }
  for (char* const value : plan.pid_values) {
    std::reverse_copy(digits, digits + count, value);
    value[count] = '\0';
  }
}

void Execute(const ChildPlan& plan, const char* path) {
  execve(path, plan.arguments.data(), plan.environment.data());
}

// False, with errno, if the path is too long.
bool JoinPath(std::string_view directory, std::string_view name,
              char (&path)[PATH_MAX]) {
  // An empty one is the working directory.
  if (directory.empty()) directory = ".";
  if (directory.size() + 1 + name.size() >= sizeof(path)) {
    errno = ENAMETOOLONG;
    return false;
  }
  char* end = std::copy(directory.begin(), directory.end(), path);
  *end++ = '/';
  end = std::copy(name.begin(), name.end(), end);
  *end = '\0';
  return true;
}

void Search(const ChildPlan& plan) {
  std::string_view rest = *plan.search_path;
  int error = ENOENT;
  while (true) {
    const size_t colon = rest.find(':');
    char path[PATH_MAX];
    if (JoinPath(rest.substr(0, colon), plan.spec.program, path)) {
      Execute(plan, path);
    }
    if (errno == EACCES || errno == ENAMETOOLONG) {
      // A later one may be allowed.
      error = errno;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      return;
    }
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  errno = error;
}

}  // namespace

ChildPlan::ChildPlan(const ProcessSpec& of)
    : spec(of),
      search_path(SearchPathOf(of)),
      arguments(PointersTo(of.arguments)),
      environment(PointersTo(of.environment)),
      numbers(SortedNumbers(of)),
      first_free_number(numbers.empty()
                            ? kStandardStreams
                            : std::max(kStandardStreams, numbers.back() + 1)),
      moved(of.descriptors.size()),
      parent(getpid()) {
  // Pointers into them follow.
  pid_variables.reserve(of.pid_variables.size());
  environment.pop_back();
  for (const std::string& name : of.pid_variables) {
    std::string& variable = pid_variables.emplace_back(
        name + '=' + std::string(kMostPidDigits, '0'));
    pid_values.push_back(variable.data() + name.size() + 1);
    environment.push_back(variable.data());
  }
  environment.push_back(nullptr);
}

void RunChild(ChildPlan& plan) {
  const ProcessSpec& spec = plan.spec;
  ResetSignals();
  MapDescriptors(plan);
  AwaitGate(plan);
  FillInPid(plan);
  OpenNullDevice(plan);
  if (setsid() < 0) Fail(plan, StartStep::kSession);
  SetLimits(plan);
  if (spec.umask.has_value()) umask(*spec.umask);
  BecomeUser(plan);
  // With the rights of that user, and not those of the parent.
  if (spec.controlling_terminal.has_value() &&
      ioctl(*spec.controlling_terminal, TIOCSCTTY, 0) < 0) {
    Fail(plan, StartStep::kTerminal);
  }
  if (fchdir(plan.directory) < 0) Fail(plan, StartStep::kWorkingDirectory);
  DieWithParent(plan);
  if (spec.no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
    Fail(plan, StartStep::kNoNewPrivileges);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (plan.search_path.has_value()) {
    Search(plan);
  } else {
    Execute(plan, spec.program.c_str());
  }
  Fail(plan, StartStep::kExec);
}

}  // namespace fdrpc::process
