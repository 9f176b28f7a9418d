#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/tool/commands.h"
#include "services/tool/exit_status.h"
#include "services/tool/project_files.h"

namespace fdrpc::tool {
namespace {

int RunInit(const program::CommandLine& line) {
  if (line.operands().size() != 1) {
    return FailUsage(absl::InvalidArgumentError("init: it takes one NAME"));
  }
  const std::string& name = line.operands()[0];
  const absl::StatusOr<std::vector<ProjectFile>> project = NewProject(name);
  if (!project.ok()) return FailUsage(project.status());
  // Never into a directory that is there: nothing is overwritten.
  if (mkdir(name.c_str(), 0777) < 0) {
    return Fail(absl::ErrnoToStatus(errno, name));
  }
  for (const ProjectFile& file : *project) {
    const std::string path = absl::StrCat(name, "/", file.path);
    std::ofstream stream(path);
    stream << file.content;
    stream.close();
    if (!stream) {
      return Fail(
          absl::DataLossError(absl::StrCat(path, " cannot be written")));
    }
    std::cout << path << "\n";
  }
  std::cout << "\nTry it:\n"
            << "  cmake -S " << name << " -B " << name
            << "/build && cmake --build " << name << "/build\n"
            << "  " << name << "/build/" << name << "-server unix:" << name
            << ".sock &\n"
            << "  " << name << "/build/" << name << "-client unix:" << name
            << ".sock /etc/hostname\n"
            << "  fdrpc describe unix:" << name << ".sock\n"
            << "  fdrpc call unix:" << name << ".sock " << name
            << ".Opener/Open '{\"path\": \"/etc/hostname\"}' --save -\n";
  return kExitOk;
}

}  // namespace

Command InitCommand() {
  return {.name = "init",
          .operands = "NAME",
          .summary = "makes a project with a service, to begin with",
          .help =
              "Makes a directory NAME: a .proto file with a descriptor, "
              "CMakeLists.txt, a server, a\nclient, a test with a mock, and "
              "a systemd unit. It needs fdrpc installed, and builds\nas it "
              "is.",
          .options = {},
          .run = RunInit};
}

}  // namespace fdrpc::tool
