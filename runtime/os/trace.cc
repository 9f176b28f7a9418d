#include "os/trace.h"

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "os/syscalls.h"

namespace fdrpc {
namespace {

constexpr char kTraceVariable[] = "FDRPC_TRACE";

constexpr std::pair<const char*, uint32_t> kTraceNames[] = {
    {"statuses", Trace::kStatuses},
    {"calls", Trace::kCalls},
    {"connections", Trace::kConnections},
    {"frames", Trace::kFrames},
    {"all",
     Trace::kStatuses | Trace::kCalls | Trace::kConnections | Trace::kFrames},
};

// Where the lines go; set before any is written. Never closed.
int trace_output = STDERR_FILENO;

std::string TraceNames() {
  return absl::StrJoin(kTraceNames, ", ",
                       [](std::string* out, const auto& name) {
                         absl::StrAppend(out, name.first);
                       });
}

// The line must stay one line, and a peer must not control a terminal.
std::string EscapedForTrace(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppendFormat(&escaped, "\\x%02x", byte);
    } else {
      escaped.push_back(c);
    }
  }
  return escaped;
}

void WriteTrace(std::string_view line) {
  ssize_t written = 0;
  do {
    written = Syscalls::Get().write(trace_output, line.data(), line.size());
  } while (written < 0 && errno == EINTR);
}

// The kinds to write, after the output was opened; a value that is wrong is
// reported, and nothing is traced.
uint32_t BeginTrace() {
  // Not in a program with more rights than its user: it would write where the
  // user says.
  const char* const value = secure_getenv(kTraceVariable);
  if (value == nullptr || *value == '\0') return 0;
  const absl::StatusOr<Trace::Settings> settings = Trace::Parse(value);
  if (!settings.ok()) {
    WriteTrace(
        absl::StrCat("fdrpc: ", kTraceVariable, ": ",
                     EscapedForTrace(std::string(settings.status().message())),
                     "; nothing is traced\n"));
    return 0;
  }
  if (settings->file.empty()) return settings->kinds;
  const int file = Syscalls::Get().openat(
      AT_FDCWD, settings->file.c_str(),
      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
  if (file < 0) {
    WriteTrace(absl::StrCat("fdrpc: ", kTraceVariable, ": ",
                            EscapedForTrace(settings->file), ": ",
                            strerror(errno), "; nothing is traced\n"));
    return 0;
  }
  trace_output = file;
  return settings->kinds;
}

}  // namespace

absl::StatusOr<Trace::Settings> Trace::Parse(std::string_view value) {
  Settings settings;
  const size_t colon = value.find(':');
  if (colon != std::string_view::npos) {
    settings.file = value.substr(colon + 1);
    if (settings.file.empty()) {
      return absl::InvalidArgumentError(
          "there is no file after the colon; leave out the colon for standard "
          "error");
    }
  }
  for (const auto piece :
       absl::StrSplit(std::string(value.substr(0, colon)), ',')) {
    const std::string kind(piece);
    uint32_t bits = 0;
    for (const auto& [name, value_of] : kTraceNames) {
      if (kind == name) bits = value_of;
    }
    if (bits == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "\"", kind, "\" is not a kind of event; it takes some of ",
          TraceNames(),
          ", with commas between them, and then possibly a colon and a file"));
    }
    settings.kinds |= bits;
  }
  return settings;
}

bool Trace::ReadAndWrites(uint32_t kinds) {
  static std::once_flag once;
  std::call_once(once,
                 [] { kinds_.store(BeginTrace(), std::memory_order_release); });
  return (kinds_.load(std::memory_order_relaxed) & kinds) != 0;
}

void Trace::Line(std::string_view text) {
  // Whoever calls this has seen what was stored after the output was opened.
  (void)kinds_.load(std::memory_order_acquire);
  WriteTrace(absl::StrCat(
      absl::FormatTime("%H:%M:%E6S", absl::Now(), absl::LocalTimeZone()), " ",
      ::getpid(), "/", ::syscall(SYS_gettid), " ", EscapedForTrace(text),
      "\n"));
}

}  // namespace fdrpc
