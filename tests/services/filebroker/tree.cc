#include "tests/services/filebroker/tree.h"

#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "gtest/gtest.h"

namespace fdrpc::testing {
namespace {

constexpr uid_t kNobody = 65534;

}  // namespace

Tree::Tree() {
  std::filesystem::create_directory(dir_.file("root"));
  std::ofstream(dir_.file("outside")) << "outside";
}

void Tree::MakeDirectory(const std::string& name) const {
  EXPECT_TRUE(std::filesystem::create_directories(path(name)));
}

void Tree::Write(const std::string& name, const std::string& content) const {
  std::ofstream file(path(name));
  file << content;
  EXPECT_TRUE(file.good()) << name;
}

std::string Tree::Read(const std::string& name) const {
  std::ifstream file(path(name));
  EXPECT_TRUE(file.good()) << name;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void Tree::Link(const std::string& name, const std::string& target) const {
  EXPECT_EQ(symlink(target.c_str(), path(name).c_str()), 0);
}

bool Tree::Has(const std::string& name) const {
  return std::filesystem::exists(path(name));
}

int Tree::Permissions(const std::string& name) const {
  struct stat info = {};
  EXPECT_EQ(stat(path(name).c_str(), &info), 0);
  return static_cast<int>(info.st_mode & 07777);
}

// setfsuid(2) also drops the capabilities for files, and affects only this
// thread.
WithoutRights::WithoutRights() {
  if (geteuid() == 0) setfsuid(kNobody);
}

WithoutRights::~WithoutRights() {
  if (geteuid() == 0) setfsuid(0);
}

}  // namespace fdrpc::testing
