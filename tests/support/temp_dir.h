#ifndef FDRPC_TESTS_SUPPORT_TEMP_DIR_H_
#define FDRPC_TESTS_SUPPORT_TEMP_DIR_H_

#include <filesystem>
#include <string>

namespace fdrpc::testing {

// A directory of the test's own. The destructor removes it with its content.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  // Lets every user use the directory, or the file with that name in it.
  void OpenToAll() const;
  void OpenToAll(const std::string& name) const;

  std::string path() const { return path_; }
  std::string file(const std::string& name) const {
    return (path_ / name).string();
  }
  // An address in it.
  std::string address(const std::string& name = "socket",
                      const std::string& scheme = "unix:") const {
    return scheme + file(name);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_TEMP_DIR_H_
