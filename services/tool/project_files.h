#ifndef FDRPC_SERVICES_TOOL_PROJECT_FILES_H_
#define FDRPC_SERVICES_TOOL_PROJECT_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace fdrpc::tool {

// A file of a new project, by its path in it.
struct ProjectFile {
  std::string path;
  std::string content;
};

// A project with a service, a server, a client and a test, which builds at
// once. INVALID_ARGUMENT if `name` is not a lower-case letter and then
// lower-case letters, digits and '_'.
absl::StatusOr<std::vector<ProjectFile>> NewProject(const std::string& name);

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_PROJECT_FILES_H_
