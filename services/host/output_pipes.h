#ifndef FDRPC_SERVICES_HOST_OUTPUT_PIPES_H_
#define FDRPC_SERVICES_HOST_OUTPUT_PIPES_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <utility>

#include "fdrpc/shared_fd.h"
#include "services/host/keeper_link.h"
#include "services/host/service_log.h"
#include "services/process/event_loop.h"

namespace fdrpc::host {

// The pipes to which the processes of one service write, with the keeper: reads
// them into the service's log. A pipe lasts until all who can write to it have
// closed it, which may be descendants of its process.
//
// Threads: the loop's.
class OutputPipes {
 public:
  // Borrows all.
  OutputPipes(process::EventLoop& loop, KeeperLink& keeper, ServiceLog& log,
              std::string service)
      : loop_(loop),
        keeper_(keeper),
        log_(log),
        prefix_("output/" + std::move(service) + "/") {}
  OutputPipes(const OutputPipes&) = delete;
  OutputPipes& operator=(const OutputPipes&) = delete;
  ~OutputPipes();

  // `id` is the pipe's for ever.
  void Add(const std::string& id, pid_t pid, SharedFd read_end);
  // One that another host has added.
  void Adopt(const std::string& id, pid_t pid, SharedFd read_end);
  // Reads what the process has written so far.
  void ReadAllOf(pid_t pid);
  // Reads what there is, and closes them all.
  void Close();

 private:
  struct Pipe {
    pid_t pid = 0;
    SharedFd read_end;
  };
  // False when there is no more at present.
  bool Read(const std::string& id);
  void End(const std::string& id);

  process::EventLoop& loop_;
  KeeperLink& keeper_;
  ServiceLog& log_;
  const std::string prefix_;  // of the keys
  std::map<std::string, Pipe> pipes_;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_OUTPUT_PIPES_H_
