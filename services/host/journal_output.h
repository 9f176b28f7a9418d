#ifndef FDRPC_SERVICES_HOST_JOURNAL_OUTPUT_H_
#define FDRPC_SERVICES_HOST_JOURNAL_OUTPUT_H_

#include <string>
#include <utility>

#include "fdrpc/unique_fd.h"
#include "services/host/log_output.h"

namespace fdrpc::host {

// Sends lines to systemd's journal, in its native protocol
// (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram for each. A line
// that begins with "<3>" has that priority (sd-daemon(3)), others have 6. The
// journal may be restarted meanwhile.
class JournalOutput final : public LogOutput {
 public:
  // `service` is the SYSLOG_IDENTIFIER; `socket` is the path of the journal's.
  JournalOutput(std::string service, std::string socket)
      : service_(std::move(service)), path_(std::move(socket)) {}

  // Whether there is a journal.
  static bool IsThere(const std::string& socket);

  absl::Status Write(const v1::LogLine& line) override;

 private:
  absl::Status Open();

  const std::string service_;
  const std::string path_;
  UniqueFd socket_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_JOURNAL_OUTPUT_H_
