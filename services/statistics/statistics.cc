#include "fdrpc/statistics.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "fdrpc/statistics/v1/statistics.fdrpc.h"
#include "services/statistics/server_report.h"

namespace fdrpc {
namespace {

namespace v1 = statistics::v1;

class StatisticsService final : public v1::Statistics::Service {
 public:
  // Borrows the server of the options.
  explicit StatisticsService(StatisticsOptions options)
      : options_(std::move(options)) {}

  absl::Status Get(ServerContext& context, const v1::GetRequest&,
                   v1::GetReply& reply) override {
    const uid_t user = context.peer().uid;
    if (std::find(options_.users.begin(), options_.users.end(), user) ==
        options_.users.end()) {
      return absl::PermissionDeniedError(
          absl::StrCat("statistics of this server are not for user ", user,
                       "; StatisticsOptions::users has those who may ask"));
    }
    reply = ReportOf(*options_.of);
    return absl::OkStatus();
  }

 private:
  const StatisticsOptions options_;
};

}  // namespace

void EnableStatistics(Server& server, StatisticsOptions options) {
  if (options.of == nullptr) options.of = &server;
  if (options.users.empty()) options.users = {0, geteuid()};
  options.of->CountCalls();
  server.AddService(std::make_unique<StatisticsService>(std::move(options)));
}

}  // namespace fdrpc
