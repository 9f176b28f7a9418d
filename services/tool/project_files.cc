#include "services/tool/project_files.h"

#include <algorithm>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace fdrpc::tool {
namespace {

constexpr char kProto[] = R"(syntax = "proto3";
package @NAME@;
import "fdrpc/fd.proto";
import "fdrpc/options.proto";

// Opens files for its clients.
service Opener {
  // Opens a file for reading.
  rpc Open(OpenRequest) returns (OpenReply);
}
message OpenRequest {
  string path = 1;
}
message OpenReply {
  // Arrives as an open descriptor of the client's own.
  fdrpc.Fd file = 1 [(fdrpc.fd_rules) = { access: READ }];
  uint64 size = 2;
}
)";

constexpr char kCMake[] = R"(cmake_minimum_required(VERSION 3.20)
project(@NAME@ LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
find_package(fdrpc REQUIRED)

# The generated code. REFLECTION: "fdrpc describe" shows the comments, too. MOCKS:
# for the test.
add_library(@NAME@_proto)
fdrpc_generate(TARGET @NAME@_proto PROTOS @NAME@.proto REFLECTION MOCKS)

add_executable(@NAME@-server server.cc)
target_link_libraries(@NAME@-server PRIVATE @NAME@_proto fdrpc::server fdrpc::health fdrpc::reflection)

add_library(@NAME@_client first_line.cc)
target_link_libraries(@NAME@_client PUBLIC @NAME@_proto fdrpc::client)
add_executable(@NAME@-client client.cc)
target_link_libraries(@NAME@-client PRIVATE @NAME@_client)

find_package(GTest)
if(GTest_FOUND)
  enable_testing()
  add_executable(first_line_test first_line_test.cc)
  target_link_libraries(first_line_test PRIVATE @NAME@_client fdrpc::inprocess GTest::gmock_main)
  add_test(NAME first_line COMMAND first_line_test)
endif()
)";

constexpr char kServer[] = R"(#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <iostream>
#include <utility>

#include "@NAME@.fdrpc.h"
#include "fdrpc/health_service.h"
#include "fdrpc/reflection.h"
#include "fdrpc/server.h"

class Opener final : public @NAME@::Opener::Service {
 public:
  absl::Status Open(fdrpc::ServerContext& /*context*/,
                    const @NAME@::OpenRequest& request,
                    fdrpc::Parcel<@NAME@::OpenReply>& reply) override {
    fdrpc::UniqueFd file(open(request.path().c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info;
    if (!file.ok() || fstat(file.get(), &info) < 0) {
      return absl::ErrnoToStatus(errno, request.path());
    }
    reply->set_size(static_cast<uint64_t>(info.st_size));
    reply.set_file(std::move(file));  // closed here once it is sent
    return absl::OkStatus();
  }
};

// @NAME@-server ADDRESS
int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: @NAME@-server ADDRESS, such as unix:/run/@NAME@.sock\n";
    return 2;
  }
  Opener opener;
  fdrpc::Server server({.notify_service_manager = true});
  server.AddService(opener);
  fdrpc::EnableHealth(server);
  fdrpc::EnableReflection(server);
  if (absl::Status status = server.Listen(argv[1]); !status.ok()) {
    std::cerr << "@NAME@-server: " << status << "\n";
    return 1;
  }
  server.Run();  // until SIGTERM: lets calls in progress end, then returns
}
)";

constexpr char kFirstLineHeader[] = R"(#ifndef @NAME@_FIRST_LINE_H_
#define @NAME@_FIRST_LINE_H_

#include <string>

#include "@NAME@.fdrpc.h"
#include "absl/status/statusor.h"

// The first line of a file that the server opens.
absl::StatusOr<std::string> FirstLine(@NAME@::Opener::Stub& opener, const std::string& path);

#endif  // @NAME@_FIRST_LINE_H_
)";

constexpr char kFirstLine[] = R"(#include "first_line.h"

#include <unistd.h>

absl::StatusOr<std::string> FirstLine(@NAME@::Opener::Stub& opener, const std::string& path) {
  @NAME@::OpenRequest request;
  request.set_path(path);
  absl::StatusOr<fdrpc::Parcel<@NAME@::OpenReply>> reply =
      opener.Open(request, {.timeout = absl::Seconds(5)});
  if (!reply.ok()) return reply.status();
  const fdrpc::UniqueFd file = reply->take_file();  // ours now
  std::string line;
  char next;
  while (read(file.get(), &next, 1) == 1 && next != '\n') line += next;
  return line;
}
)";

constexpr char kClient[] = R"(#include <iostream>

#include "fdrpc/channel.h"
#include "first_line.h"

// @NAME@-client ADDRESS FILE
int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: @NAME@-client ADDRESS FILE\n";
    return 2;
  }
  absl::StatusOr<fdrpc::Channel> channel = fdrpc::Channel::Connect(argv[1]);
  if (!channel.ok()) {
    std::cerr << "@NAME@-client: " << channel.status() << "\n";
    return 1;
  }
  @NAME@::Opener::Stub opener(*channel);
  absl::StatusOr<std::string> line = FirstLine(opener, argv[2]);
  if (!line.ok()) {
    std::cerr << "@NAME@-client: " << line.status() << "\n";
    return 1;
  }
  std::cout << *line << "\n";
}
)";

constexpr char kTest[] = R"(#include "first_line.h"

#include <sys/mman.h>
#include <unistd.h>

#include "@NAME@.mock.fdrpc.h"
#include "fdrpc/in_process_server.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {



// A file in memory that the mock returns.
fdrpc::UniqueFd FileWith(const std::string& content) {
  fdrpc::UniqueFd file(memfd_create("test", MFD_CLOEXEC));
  EXPECT_EQ(write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

TEST(FirstLine, IsThatOfTheFileThatTheServerOpens) {
  @NAME@::MockOpener mock;
  fdrpc::InProcessServer server(mock);
  EXPECT_CALL(mock, Open)
      .WillOnce([](fdrpc::ServerContext&, const @NAME@::OpenRequest& request,
                   fdrpc::Parcel<@NAME@::OpenReply>& reply) {
        EXPECT_EQ(request.path(), "/x");
        reply.set_file(FileWith("first\nsecond\n"));
        return absl::OkStatus();
      });
  @NAME@::Opener::Stub opener(server.channel());
  absl::StatusOr<std::string> line = FirstLine(opener, "/x");
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(*line, "first");
}

TEST(FirstLine, IsTheServersError) {
  @NAME@::MockOpener mock;
  fdrpc::InProcessServer server(mock);
  EXPECT_CALL(mock, Open).WillOnce([](auto&&...) { return absl::NotFoundError("no /x"); });
  @NAME@::Opener::Stub opener(server.channel());
  EXPECT_TRUE(absl::IsNotFound(FirstLine(opener, "/x").status()));
}

}  // namespace
)";

constexpr char kUnit[] = R"([Unit]
Description=@NAME@

[Service]
Type=notify
ExecStart=/usr/local/bin/@NAME@-server unix:/run/@NAME@/@NAME@.sock
RuntimeDirectory=@NAME@
DynamicUser=yes
Restart=on-failure
WatchdogSec=30s

[Install]
WantedBy=multi-user.target
)";

constexpr char kIgnore[] = "build/\n";

}  // namespace

absl::StatusOr<std::vector<ProjectFile>> NewProject(const std::string& name) {
  const bool fits =
      !name.empty() && absl::ascii_islower(name[0]) &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '_';
      });
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", name,
        "\" is not a name: a lower-case letter, and then lower-case "
        "letters, digits and '_'"));
  }
  const std::pair<std::string, std::string_view> files[] = {
      {absl::StrCat(name, ".proto"), kProto},
      {"CMakeLists.txt", kCMake},
      {"server.cc", kServer},
      {"first_line.h", kFirstLineHeader},
      {"first_line.cc", kFirstLine},
      {"client.cc", kClient},
      {"first_line_test.cc", kTest},
      {absl::StrCat(name, ".service"), kUnit},
      {".gitignore", kIgnore},
  };
  std::vector<ProjectFile> project;
  for (const auto& [path, content] : files) {
    project.push_back(
        {path, absl::StrReplaceAll(std::string(content), {{"@NAME@", name}})});
  }
  return project;
}

}  // namespace fdrpc::tool
