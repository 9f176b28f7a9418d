#include "tests/calls/script.h"

#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace fdrpc::testing {

std::vector<Command> ParseScript(const std::string& text) {
  std::vector<Command> commands;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const size_t space = std::min(one.find(' '), one.size());
    Command command;
    command.verb = one.substr(0, space);
    if (space < one.size()) command.argument = one.substr(space + 1);
    commands.push_back(std::move(command));
  }
  return commands;
}

std::optional<absl::Status> Apply(const Command& command,
                                  ServerContext& context) {
  if (command.verb == "end") {
    char* text = nullptr;
    const long code = std::strtol(command.argument.c_str(), &text, 10);
    if (*text == ' ') ++text;
    absl::Status status(static_cast<absl::StatusCode>(code), text);
    if (!status.ok()) {
      status.SetPayload("type.test/detail", absl::Cord("the detail"));
    }
    return status;
  }
  if (command.verb == "throw") throw std::runtime_error("thrown by a handler");
  if (command.verb == "headers" || command.verb == "later") {
    context.headers().Add("initial", command.argument);
    if (command.verb == "headers") context.SendHeaders();
  }
  if (command.verb == "trailers") {
    context.trailers().Add("trailing", command.argument);
  }
  if (command.verb == "mirror") {
    const std::string value(
        context.metadata().Get(command.argument).value_or("none"));
    context.headers().Add(command.argument, value);
    context.trailers().Add(command.argument, value);
  }
  return std::nullopt;
}

std::optional<Text> ReplyTo(const Command& command, ServerContext& context) {
  Text reply;
  if (command.verb == "echo") {
    reply.set_text(command.argument);
  } else if (command.verb == "number") {
    reply.set_number(std::atoi(command.argument.c_str()));
  } else if (command.verb == "big") {
    reply.set_data(std::string(std::atoi(command.argument.c_str()), 'x'));
  } else if (command.verb == "metadata") {
    reply.set_text(
        std::string(context.metadata().Get(command.argument).value_or("none")));
  } else if (command.verb == "deadline") {
    reply.set_text(
        context.time_remaining() == absl::InfiniteDuration() ? "none" : "some");
  } else {
    return std::nullopt;
  }
  return reply;
}

bool IsDirective(const Command& command) {
  return command.verb == "end" || command.verb == "wait" ||
         command.verb == "throw" || command.verb == "headers" ||
         command.verb == "later" || command.verb == "trailers" ||
         command.verb == "mirror";
}

void Observations::Note(int& count) {
  MutexLock lock(mu_);
  ++count;
  changed_.SignalAll();
}

void Observations::Await(const int& count, int at_least) {
  MutexLock lock(mu_);
  while (count < at_least) changed_.Wait(mu_);
}

void Observations::NoteCancelled() { Note(cancelled_); }
void Observations::NoteEnded() { Note(ended_); }
void Observations::NoteWaiting() { Note(waiting_); }
void Observations::AwaitCancelled(int count) { Await(cancelled_, count); }
void Observations::AwaitEnded(int count) { Await(ended_, count); }
void Observations::AwaitWaiting(int count) { Await(waiting_, count); }

int Observations::waiting() {
  MutexLock lock(mu_);
  return waiting_;
}

}  // namespace fdrpc::testing
