#include "services/host/service_log.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/host/file_output.h"
#include "services/host/journal_output.h"
#include "services/host/log_follower.h"

namespace fdrpc::host {
namespace {

v1::LogLine LineOf(pid_t pid, std::string_view text, bool truncated) {
  v1::LogLine line;
  line.set_time_us(static_cast<uint64_t>(absl::ToUnixMicros(absl::Now())));
  line.set_pid(pid);
  line.set_text(std::string(text));
  line.set_truncated(truncated);
  return line;
}

v1::LogLine OwnLine(std::string_view text) {
  return LineOf(getpid(), absl::StrCat("fdrpc-host: ", std::string(text)),
                false);
}

}  // namespace

ServiceLog::ServiceLog(Options options) : options_(std::move(options)) {
  Configure(options_.settings);
}

ServiceLog::~ServiceLog() {
  for (const auto& [id, follower] : followers_) {
    follower->Finish(absl::UnavailableError(absl::StrCat(
        "the service ", options_.name, " is not hosted any more")));
  }
}

void ServiceLog::Configure(const LogSettings& settings) {
  v1::Log::Destination destination = settings.destination;
  if (destination == v1::Log::DESTINATION_AUTOMATIC) {
    destination = JournalOutput::IsThere(options_.journal_socket)
                      ? v1::Log::DESTINATION_JOURNAL
                  : options_.directory.empty() ? v1::Log::DESTINATION_NONE
                                               : v1::Log::DESTINATION_FILE;
  }
  output_ = nullptr;
  if (destination == v1::Log::DESTINATION_JOURNAL) {
    output_ =
        std::make_unique<JournalOutput>(options_.name, options_.journal_socket);
  } else if (destination == v1::Log::DESTINATION_FILE) {
    if (options_.directory.empty()) {
      return Say("its log cannot be a file, as the host has no log directory");
    }
    output_ = std::make_unique<FileOutput>(
        absl::StrCat(options_.directory, "/", options_.name, ".log"),
        settings.max_size, settings.files);
  }
}

void ServiceLog::Append(pid_t pid, std::string_view bytes) {
  std::string& line = unfinished_[pid];
  while (!bytes.empty()) {
    const size_t end = std::min(bytes.find('\n'), bytes.size());
    const size_t fits = std::min(end, kMostOfLine - line.size());
    line.append(bytes.substr(0, fits));
    bytes.remove_prefix(fits);
    if (bytes.empty()) return;
    const bool is_whole = bytes.front() == '\n';
    if (is_whole) bytes.remove_prefix(1);
    Add(LineOf(pid, line, /*truncated=*/!is_whole));
    line.clear();
  }
}

void ServiceLog::End(pid_t pid) {
  const auto found = unfinished_.find(pid);
  if (found == unfinished_.end()) return;
  const std::string line = std::move(found->second);
  unfinished_.erase(found);
  if (!line.empty()) Add(LineOf(pid, line, /*truncated=*/false));
}

void ServiceLog::Say(std::string_view text) { Add(OwnLine(text)); }

void ServiceLog::Add(v1::LogLine line) {
  const absl::Status written = Output(line);
  Keep(std::move(line));
  if (written.ok()) return;
  // Once, until it takes lines again and is told how many are missing.
  if (++missing_ == 1) {
    Keep(OwnLine(absl::StrCat("from here on lines are kept in memory only: ",
                              std::string(written.message()))));
  }
}

absl::Status ServiceLog::Output(const v1::LogLine& line) {
  if (output_ == nullptr) return absl::OkStatus();
  if (missing_ > 0) {
    const v1::LogLine gap =
        OwnLine(absl::StrCat("here ", missing_, " lines are missing"));
    if (absl::Status told = output_->Write(gap); !told.ok()) return told;
    missing_ = 0;
  }
  return output_->Write(line);
}

void ServiceLog::Keep(v1::LogLine line) {
  std::erase_if(followers_,
                [](const auto& each) { return each.second->has_ended(); });
  // A copy, as a follower may call Follow() or Unfollow().
  const auto followers = followers_;
  for (const auto& [id, follower] : followers) follower->Send(line);
  bytes_ += line.text().size();
  lines_.push_back(std::move(line));
  while (lines_.size() > options_.max_lines || bytes_ > options_.max_bytes) {
    bytes_ -= lines_.front().text().size();
    lines_.pop_front();
  }
}

uint64_t ServiceLog::Follow(size_t lines, bool follow, Write write,
                            Finish finish) {
  const auto follower =
      std::make_shared<LogFollower>(std::move(write), std::move(finish));
  const uint64_t id = ++last_follower_;
  followers_.emplace(id, follower);
  const std::deque<v1::LogLine> past(
      lines_.end() - static_cast<ptrdiff_t>(std::min(lines, lines_.size())),
      lines_.end());
  for (const v1::LogLine& line : past) follower->Send(line);
  if (!follow) follower->Finish(absl::OkStatus());
  return id;
}

void ServiceLog::Unfollow(uint64_t follower) {
  const auto found = followers_.find(follower);
  if (found == followers_.end()) return;
  const std::shared_ptr<LogFollower> dropped = std::move(found->second);
  followers_.erase(found);
  dropped->Drop();
}

}  // namespace fdrpc::host
