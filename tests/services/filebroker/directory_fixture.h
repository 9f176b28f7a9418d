#ifndef FDRPC_TESTS_SERVICES_FILEBROKER_DIRECTORY_FIXTURE_H_
#define FDRPC_TESTS_SERVICES_FILEBROKER_DIRECTORY_FIXTURE_H_

#include <memory>
#include <optional>
#include <string>

#include "fdrpc/channel.h"
#include "fdrpc/filebroker/v1/filebroker.fdrpc.h"
#include "fdrpc/server.h"
#include "gtest/gtest.h"
#include "services/filebroker/audit_log.h"
#include "services/filebroker/directory_server.h"
#include "services/filebroker/file_broker_service.h"
#include "services/filebroker/root_policy.h"
#include "tests/services/filebroker/tree.h"
#include "tests/support/descriptor_census.h"

namespace fdrpc::filebroker {

// A broker of a tree within the test's process, and its client over a socket.
class DirectoryFixture {
 public:
  using Directory = v1::Directory::Stub;

  // `scheme` is that of the address: "unix", "unix-seqpacket", "unix-dgram".
  void Serve(const std::string& scheme = "unix",
             RootPolicy::Options options = {}, AuditLog* log = nullptr) {
    if (options.root.empty() && options.user_roots.empty()) {
      options.root = tree_.path();
    }
    absl::StatusOr<RootPolicy> policy = RootPolicy::Create(options);
    ASSERT_TRUE(policy.ok()) << policy.status();
    server_ = std::make_unique<Server>();
    server_->AddService(std::make_unique<FileBrokerService>(
        *std::move(policy), DirectoryServer::Create(*server_, log)));
    const std::string address = scheme + ":" + tree_.around().file("broker");
    ASSERT_TRUE(server_->Listen(address).ok());
    ASSERT_TRUE(server_->Start().ok());
    absl::StatusOr<Channel> channel = Channel::Connect(address);
    ASSERT_TRUE(channel.ok()) << channel.status();
    broker_.emplace(*channel);
  }

  // Ends the server, before what it borrows is destroyed.
  void Stop() {
    broker_.reset();
    server_.reset();
  }

  v1::FileBroker::Stub& broker() { return *broker_; }
  testing::Tree& tree() { return tree_; }

  static v1::OpenDirectoryRequest DirectoryRequest(const std::string& path,
                                                   bool read_only = false) {
    v1::OpenDirectoryRequest request;
    request.set_path(path);
    request.set_read_only(read_only);
    return request;
  }
  // A directory from the broker, or from another directory.
  template <typename Stub>
  static absl::StatusOr<Directory> Enter(Stub& from, const std::string& path,
                                         bool read_only = false) {
    absl::StatusOr<Parcel<v1::OpenDirectoryReply>> reply =
        from.OpenDirectory(DirectoryRequest(path, read_only));
    if (!reply.ok()) return reply.status();
    return reply->take_directory();
  }
  absl::StatusOr<Directory> Root(bool read_only = false) {
    return Enter(*broker_, ".", read_only);
  }
  static v1::OpenRequest OpenRequest(const std::string& path,
                                     v1::Access access = v1::ACCESS_READ) {
    v1::OpenRequest request;
    request.set_path(path);
    request.set_access(access);
    return request;
  }
  static absl::Status Rename(Directory& directory, const std::string& from,
                             const std::string& to, bool no_replace = false) {
    v1::RenameRequest request;
    request.set_from(from);
    request.set_to(to);
    request.set_no_replace(no_replace);
    return directory.Rename(request).status();
  }
  static absl::Status Unlink(Directory& directory, const std::string& path,
                             bool is_directory = false) {
    v1::UnlinkRequest request;
    request.set_path(path);
    request.set_directory(is_directory);
    return directory.Unlink(request).status();
  }
  static absl::Status MakeDirectory(Directory& directory,
                                    const std::string& path) {
    v1::MakeDirectoryRequest request;
    request.set_path(path);
    return directory.MakeDirectory(request).status();
  }

 private:
  testing::ExpectSameDescriptors census_;
  testing::Tree tree_;
  std::unique_ptr<Server> server_;
  std::optional<v1::FileBroker::Stub> broker_;
};

}  // namespace fdrpc::filebroker

#endif  // FDRPC_TESTS_SERVICES_FILEBROKER_DIRECTORY_FIXTURE_H_
