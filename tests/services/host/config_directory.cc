#include "tests/services/host/config_directory.h"

#include <sys/stat.h>

#include <fstream>

#include "gtest/gtest.h"

namespace fdrpc::testing {

std::string ConfigDirectory::file(const std::string& name) const {
  return dir_.file(name.find('.') == std::string::npos ? name + ".textproto"
                                                       : name);
}

void ConfigDirectory::Write(const std::string& name,
                            const std::string& text) const {
  std::ofstream(file(name)) << text;
  EXPECT_EQ(chmod(file(name).c_str(), 0644), 0);
}

}  // namespace fdrpc::testing
