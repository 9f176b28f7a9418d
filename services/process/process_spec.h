#ifndef FDRPC_SERVICES_PROCESS_PROCESS_SPEC_H_
#define FDRPC_SERVICES_PROCESS_PROCESS_SPEC_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fdrpc::process {

struct MappedDescriptor {
  int fd = -1;  // of this process, borrowed
  int number = -1;
};

struct UserIds {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // the supplementary ones
};

struct ResourceLimit {
  int resource = 0;  // RLIMIT_NOFILE, …
  rlimit limit = {};
};

// What a process is started with.
struct ProcessSpec {
  // A path, or without "/" a name to be searched in PATH of `environment`.
  std::string program;
  std::vector<std::string> arguments;    // argv, at least one
  std::vector<std::string> environment;  // "NAME=value"
  // -1: "/". Borrowed.
  int working_directory = -1;

  // The process gets no other descriptors.
  std::vector<MappedDescriptor> descriptors;
  // One of their numbers: becomes the controlling terminal.
  std::optional<int> controlling_terminal;

  // Set before `user`, so a privileged process can raise them.
  std::vector<ResourceLimit> limits;
  std::optional<mode_t> umask;
  std::optional<UserIds> user;
  bool no_new_privileges = false;
  // The process dies of SIGKILL with the thread that starts it
  // (PR_SET_PDEATHSIG), unless its program has the set-user-ID bit or the like.
  bool dies_with_parent = false;

  // The parent of this process becomes that of the new one, and reaps it
  // (CLONE_PARENT). Not for the first process of a PID namespace.
  bool is_sibling = false;
  // CLONE_NEWNET, …: namespaces that it does not share with this process.
  uint64_t namespaces = 0;
  // Of `environment`: get the process's own id as their value, as its namespace
  // has it, in decimal.
  std::vector<std::string> pid_variables;
  // The process waits until a byte can be read here before it runs the program,
  // and ends if none will follow. -1: does not wait. Borrowed.
  int gate = -1;
};

}  // namespace fdrpc::process

#endif  // FDRPC_SERVICES_PROCESS_PROCESS_SPEC_H_
