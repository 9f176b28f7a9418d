#include "services/tool/target.h"

#include <utility>

#include "services/tool/exit_status.h"
#include "services/tool/given_schema.h"
#include "services/tool/reflected_schema.h"

namespace fdrpc::tool {

using Arity = program::CommandLine::Arity;
using Values = Command::Option::Values;

std::vector<Command::Option> ServerOptionsOfCommands() {
  return {
      {{"timeout", Arity::kOnce, 't'},
       "TIME",
       "how long it may take: 500ms, 5s, 1m, inf"},
      {{"wait", Arity::kFlag, 'w'},
       "",
       "waits, as long as that, for a server that is not there yet"},
  };
}

std::vector<Command::Option> SchemaOptionsOfCommands() {
  return {
      {{"proto", Arity::kRepeated, 'p'},
       "FILE",
       "takes the services from a .proto file, and does not ask the server\n"
       "(which then needs no reflection); may be given several times",
       Values::kFiles},
      {{"import", Arity::kRepeated, 'I'},
       "DIRECTORY",
       "where to look for .proto files; the default is the current directory\n"
       "and that of each file",
       Values::kDirectories},
      {{"descriptor-set", Arity::kOnce},
       "FILE",
       "takes the services from what protoc --descriptor_set_out\n"
       "--include_imports has written",
       Values::kFiles},
  };
}

std::vector<Command::Option> CallOptionsOfCommands() {
  return {{{"connectionless", Arity::kFlag},
           "",
           "makes each call in a datagram, without a connection; needs an\n"
           "ADDRESS with unix-dgram:, and a method without streams"}};
}

std::vector<Command::Option> Joined(
    std::vector<std::vector<Command::Option>> lists) {
  std::vector<Command::Option> all;
  for (std::vector<Command::Option>& list : lists) {
    all.insert(all.end(), list.begin(), list.end());
  }
  return all;
}

absl::StatusOr<Target> Target::Parse(const program::CommandLine& line,
                                     absl::Duration default_timeout) {
  Target target;
  target.protos_ = line.GetAll("proto");
  target.directories_ = line.GetAll("import");
  target.set_ = line.Get("descriptor-set").value_or("");
  if (!target.protos_.empty() && !target.set_.empty()) {
    return absl::InvalidArgumentError(
        "--proto and --descriptor-set are both given; give one of them");
  }
  if (!target.directories_.empty() && target.protos_.empty()) {
    return absl::InvalidArgumentError("--import needs a --proto FILE");
  }
  target.call_.timeout = default_timeout;
  if (const auto text = line.Get("timeout"); text.has_value()) {
    const absl::StatusOr<absl::Duration> time = program::ParseTime(*text);
    if (!time.ok()) return time.status();
    target.call_.timeout = *time;
  }
  target.call_.wait_for_ready = line.Has("wait");
  target.connectionless_ = line.Has("connectionless");
  return target;
}

absl::StatusOr<Channel> Target::Connect(const std::string& address) const {
  return Channel::Connect(address);
}

absl::StatusOr<Channel> Target::ConnectForCalls(
    const std::string& address) const {
  return Channel::Connect(address, {.connectionless = connectionless_});
}

absl::StatusOr<std::unique_ptr<Schema>> Target::OpenSchema(
    const std::optional<Channel>& channel) const {
  if (!set_.empty()) {
    auto given = GivenSchema::FromDescriptorSet(set_);
    if (!given.ok()) return given.status();
    return std::make_unique<Schema>(*std::move(given));
  }
  if (!protos_.empty()) {
    auto given = GivenSchema::FromProtos(protos_, directories_);
    if (!given.ok()) return given.status();
    return std::make_unique<Schema>(*std::move(given));
  }
  return std::make_unique<Schema>(
      std::make_unique<ReflectedSchema>(*channel, call_));
}

std::unique_ptr<Schema> Target::OpenSchema(std::vector<std::string>& operands,
                                           int& exit) const {
  std::optional<Channel> channel;
  if (!has_schema()) {
    if (operands.empty()) {
      exit = FailUsage(absl::InvalidArgumentError("the ADDRESS is missing"));
      return nullptr;
    }
    absl::StatusOr<Channel> connected = Connect(operands[0]);
    if (!connected.ok()) {
      exit = FailUsage(connected.status());
      return nullptr;
    }
    channel = *std::move(connected);
    operands.erase(operands.begin());
  }
  auto schema = OpenSchema(channel);
  if (schema.ok()) return *std::move(schema);
  exit = Fail(schema.status());
  return nullptr;
}

std::optional<Target::FoundMethod> Target::FindMethod(
    const std::string& address, const Channel& channel, const std::string& name,
    int& exit) const {
  std::optional<Channel> asked = channel;
  if (connectionless_ && !has_schema()) {
    // Reflection is a stream.
    absl::StatusOr<Channel> connected = Connect(address);
    if (!connected.ok()) {
      exit = FailUsage(connected.status());
      return std::nullopt;
    }
    asked = *std::move(connected);
  }
  auto schema = OpenSchema(asked);
  if (!schema.ok()) {
    exit = Fail(schema.status());
    return std::nullopt;
  }
  const auto method = (*schema)->FindMethod(name);
  if (method.ok()) return FoundMethod{*std::move(schema), **method};
  exit = absl::IsInvalidArgument(method.status()) ? FailUsage(method.status())
         : has_schema()                           ? Fail(method.status())
                                                  : FailCall(method.status());
  return std::nullopt;
}

}  // namespace fdrpc::tool
