#include "services/host/descriptor_store.h"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/host/close_shared.h"

namespace fdrpc::host {
namespace {

bool AreSameFile(int a, int b) {
  const pid_t self = getpid();
  return syscall(SYS_kcmp, self, self, KCMP_FILE, a, b) == 0;
}

}  // namespace

void DescriptorStore::Adopt(uint64_t number, std::string name, SharedFd fd) {
  stored_[number] = {std::move(name), std::move(fd)};
}

bool DescriptorStore::Add(const std::string& name, UniqueFd fd, size_t most) {
  const bool is_there =
      std::any_of(stored_.begin(), stored_.end(), [&](const auto& stored) {
        return AreSameFile(stored.second.fd.get(), fd.get());
      });
  if (is_there) {
    CloseInBackground(std::move(fd));
    return true;
  }
  if (stored_.size() >= most) {
    CloseInBackground(std::move(fd));
    return false;
  }
  const uint64_t number = stored_.empty() ? 1 : stored_.rbegin()->first + 1;
  SharedFd shared(std::move(fd));
  stored_[number] = {name, shared};
  keeper_.Put(absl::StrCat(prefix_, number), name, std::move(shared));
  return true;
}

void DescriptorStore::Remove(const std::string& name) {
  std::erase_if(stored_, [&](auto& stored) {
    if (stored.second.name != name) return false;
    keeper_.Drop(absl::StrCat(prefix_, stored.first));
    CloseShared(std::move(stored.second.fd));
    return true;
  });
}

void DescriptorStore::Clear() {
  for (auto& [number, stored] : stored_) {
    keeper_.Drop(absl::StrCat(prefix_, number));
    CloseShared(std::move(stored.fd));
  }
  stored_.clear();
}

std::vector<PassedDescriptor> DescriptorStore::Passed() const {
  std::vector<PassedDescriptor> passed;
  for (const auto& [number, stored] : stored_) passed.push_back(stored);
  return passed;
}

}  // namespace fdrpc::host
