#ifndef FDRPC_TESTS_CALLS_SCRIPT_H_
#define FDRPC_TESTS_CALLS_SCRIPT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "fdrpc/server_context.h"
#include "testing.fdrpc.h"

namespace fdrpc::testing {

// What a client tells a handler to do, in the text of its messages: verbs with
// an argument, separated by ';'.
//
//   echo TEXT       replies TEXT (of a unary call: its reply is that)
//   burst N         replies N times, with the numbers from 0
//   big BYTES       replies with so many bytes of data
//   end CODE TEXT   ends the call with that status, without reading on
//   throw           throws an exception
//   headers TEXT    sends the initial metadata "initial: TEXT" at once
//   later TEXT      adds that metadata without sending it
//   trailers TEXT   adds the trailing metadata "trailing: TEXT"
//   mirror KEY      adds the client's metadata of that key to both of them
//   wait            waits until the call is cancelled
//   metadata KEY    replies what the client's metadata of that key is
//   deadline        replies whether there is a deadline: "some" or "none"
//
// Echo and Watch do what their request says, Chat what each message says as it
// comes. Collect joins the verbs that it does not know, and counts them, for
// its reply.
struct Command {
  std::string verb;
  std::string argument;
};
std::vector<Command> ParseScript(const std::string& text);

// Does what is the same in all forms. Returns the status with which the call is
// to end, if the command ends it.
std::optional<absl::Status> Apply(const Command& command,
                                  ServerContext& context);
// The reply to a command that has one.
std::optional<Text> ReplyTo(const Command& command, ServerContext& context);
// Whether Collect executes it, instead of joining it.
bool IsDirective(const Command& command);

// What happened to a service's handlers, for tests to wait for.
class Observations {
 public:
  void NoteCancelled() ABSL_LOCKS_EXCLUDED(mu_);
  void NoteEnded() ABSL_LOCKS_EXCLUDED(mu_);
  void NoteWaiting() ABSL_LOCKS_EXCLUDED(mu_);
  // Block until that many handlers have seen that they were cancelled, have
  // returned, or are within "wait".
  void AwaitCancelled(int count) ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitEnded(int count) ABSL_LOCKS_EXCLUDED(mu_);
  void AwaitWaiting(int count) ABSL_LOCKS_EXCLUDED(mu_);
  // How many are, or were, within "wait".
  int waiting() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Note(int& count) ABSL_LOCKS_EXCLUDED(mu_);
  void Await(const int& count, int at_least) ABSL_LOCKS_EXCLUDED(mu_);

  Mutex mu_;
  CondVar changed_;
  int cancelled_ = 0;  // guarded by mu_, as are the next two
  int ended_ = 0;
  int waiting_ = 0;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALLS_SCRIPT_H_
