#include "services/process/start_error.h"

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace fdrpc::process {
namespace {

std::string TextOf(int error) {
  char buffer[128];
  // The GNU form, which returns the text.
  return strerror_r(error, buffer, sizeof(buffer));
}

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
      return absl::StatusCode::kPermissionDenied;
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return absl::StatusCode::kResourceExhausted;
    case EBADF:
    case EINVAL:
      return absl::StatusCode::kInvalidArgument;
    case ENOSYS:
      return absl::StatusCode::kUnimplemented;
    default:
      return absl::StatusCode::kFailedPrecondition;
  }
}

absl::Status ExecError(int error, const std::string& program) {
  const std::string name =
      absl::StrCat("\"", absl::CHexEscape(program), "\": ");
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(absl::StrCat(
          name,
          "there is no such program, or it names an interpreter that is "
          "not there"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat(name, "the process may not run it: ", TextOf(error)));
    case ENOEXEC:
      return absl::FailedPreconditionError(absl::StrCat(
          name,
          "is no program of a known format; a script begins with \"#!\" "
          "and its interpreter"));
    case E2BIG:
      return absl::InvalidArgumentError(
          absl::StrCat(name, "the arguments and the environment are too long"));
    case ELOOP:
    case ENAMETOOLONG:
      return absl::InvalidArgumentError(absl::StrCat(name, TextOf(error)));
    default:
      return absl::Status(CodeOf(error), absl::StrCat(name, TextOf(error)));
  }
}

std::string WhatFailed(const StartFailure& failure, const ProcessSpec& spec) {
  switch (failure.step) {
    case StartStep::kFork:
      return spec.namespaces == 0
                 ? "no process can be made"
                 : "no process can be made in namespaces of its own";
    case StartStep::kIsolateDescriptors:
      return "close_range(2), which takes Linux 5.11";
    case StartStep::kMapDescriptor:
      return absl::StrCat("descriptor number ",
                          spec.descriptors[failure.index].number,
                          " cannot be given");
    case StartStep::kNullDevice:
      return "/dev/null, for the standard streams that are not given";
    case StartStep::kSession:
      return "no session can be made";
    case StartStep::kTerminal:
      return absl::StrCat("descriptor number ", *spec.controlling_terminal,
                          " cannot be the controlling terminal, for which it "
                          "must be a terminal that no other session has");
    case StartStep::kLimit:
      return absl::StrCat("limit number ", failure.index + 1, " cannot be set");
    case StartStep::kUser:
      return absl::StrCat("the process cannot become user ", spec.user->uid);
    case StartStep::kWorkingDirectory:
      return "the process cannot enter the working directory";
    case StartStep::kDeathSignal:
      return "prctl(PR_SET_PDEATHSIG)";
    case StartStep::kNoNewPrivileges:
      return "prctl(PR_SET_NO_NEW_PRIVS)";
    case StartStep::kExec:
      break;
  }
  return "";
}

}  // namespace

absl::Status StartError(const StartFailure& failure, const ProcessSpec& spec) {
  if (failure.step == StartStep::kExec) {
    return ExecError(failure.error, spec.program);
  }
  return absl::Status(
      CodeOf(failure.error),
      absl::StrCat(WhatFailed(failure, spec), ": ", TextOf(failure.error)));
}

}  // namespace fdrpc::process
