#ifndef FDRPC_TESTS_SERVICES_HOST_CONFIG_DIRECTORY_H_
#define FDRPC_TESTS_SERVICES_HOST_CONFIG_DIRECTORY_H_

#include <string>

#include "tests/support/temp_dir.h"

namespace fdrpc::testing {

// A configuration directory of fdrpc-host.
class ConfigDirectory {
 public:
  ConfigDirectory() = default;

  std::string path() const { return dir_.path(); }
  // Of a service's file, or of another one if `name` has a dot.
  std::string file(const std::string& name) const;
  // Writes it, so that only this user can.
  void Write(const std::string& name, const std::string& text) const;

 private:
  TempDir dir_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_HOST_CONFIG_DIRECTORY_H_
