#ifndef FDRPC_SERVICES_TOOL_TARGET_H_
#define FDRPC_SERVICES_TOOL_TARGET_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "fdrpc/call_options.h"
#include "fdrpc/channel.h"
#include "services/program/command_line.h"
#include "services/tool/command.h"
#include "services/tool/schema.h"

namespace fdrpc::tool {

// The options that commands share.
std::vector<Command::Option> ServerOptionsOfCommands();  // --timeout, --wait
std::vector<Command::Option> SchemaOptionsOfCommands();  // --proto, …
std::vector<Command::Option> CallOptionsOfCommands();    // --connectionless
std::vector<Command::Option> Joined(
    std::vector<std::vector<Command::Option>> lists);

// What a command line says about the server, and about its .proto files.
class Target {
 public:
  // INVALID_ARGUMENT if the options are wrong.
  static absl::StatusOr<Target> Parse(const program::CommandLine& line,
                                      absl::Duration default_timeout);

  // Whether the .proto files are given, and no server is asked.
  bool has_schema() const { return !protos_.empty() || !set_.empty(); }
  // The options of each call.
  const CallOptions& call() const { return call_; }

  // Does not wait for the server. INVALID_ARGUMENT if it is no address.
  absl::StatusOr<Channel> Connect(const std::string& address) const;
  // The same for calls, which may be without a connection (--connectionless).
  absl::StatusOr<Channel> ConnectForCalls(const std::string& address) const;
  // The given .proto files, or those of the server.
  absl::StatusOr<std::unique_ptr<Schema>> OpenSchema(
      const std::optional<Channel>& channel) const;

  // These print the error if they fail, and set `exit` to its exit status.

  // The given .proto files. If there are none, those of the server whose
  // address is the first of `operands`, and is removed from them.
  std::unique_ptr<Schema> OpenSchema(std::vector<std::string>& operands,
                                     int& exit) const;
  struct FoundMethod {
    std::unique_ptr<Schema> schema;  // owns the method
    const google::protobuf::MethodDescriptor& method;
  };
  // A method of the given .proto files, or of those of the server.
  // `channel` is that for calls, to `address`; it is asked if it has a
  // connection.
  std::optional<FoundMethod> FindMethod(const std::string& address,
                                        const Channel& channel,
                                        const std::string& name,
                                        int& exit) const;

 private:
  std::vector<std::string> protos_;
  std::vector<std::string> directories_;
  std::string set_;
  CallOptions call_;
  bool connectionless_ = false;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_TARGET_H_
