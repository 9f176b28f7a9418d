#ifndef FDRPC_TESTS_SERVICES_FILEBROKER_TREE_H_
#define FDRPC_TESTS_SERVICES_FILEBROKER_TREE_H_

#include <string>

#include "tests/support/temp_dir.h"

namespace fdrpc::testing {

// A directory "root" with the files of a test, and a file "outside" next to it.
class Tree {
 public:
  Tree();

  // Paths here are relative to the root.
  std::string path(const std::string& name = ".") const {
    return dir_.file("root/" + name);
  }
  void MakeDirectory(const std::string& name) const;
  void Write(const std::string& name, const std::string& content) const;
  std::string Read(const std::string& name) const;
  void Link(const std::string& name, const std::string& target) const;
  bool Has(const std::string& name) const;
  // The permissions of a file.
  int Permissions(const std::string& name) const;

  const TempDir& around() const { return dir_; }

 private:
  TempDir dir_;
};

// During its lifetime, this thread accesses files as a user without rights, if
// it is root's; otherwise it does nothing.
class WithoutRights {
 public:
  WithoutRights();
  ~WithoutRights();
  WithoutRights(const WithoutRights&) = delete;
  WithoutRights& operator=(const WithoutRights&) = delete;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_FILEBROKER_TREE_H_
