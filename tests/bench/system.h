#ifndef FDRPC_TESTS_BENCH_SYSTEM_H_
#define FDRPC_TESTS_BENCH_SYSTEM_H_

// The parts of a program that measures a system: Serve() and Connect() are the
// system's own, the rest is common (workloads.cc).

#include <cstdint>
#include <memory>
#include <string_view>

#include "tests/bench/flags.h"
#include "tests/bench/meter.h"

namespace fdrpc::bench {

// Ends the program, without an error, if something does not work here.
[[noreturn]] void Skip(std::string_view reason);
[[noreturn]] void Fail(std::string_view reason);
inline void Check(bool ok, std::string_view what) {
  if (!ok) Fail(what);
}

// A client's connection to the server. The base class skips workloads that a
// system does not support. Any failure fails the program.
class Connection {
 public:
  virtual ~Connection() = default;

  // One round trip with the payload in both directions. This and Down(): from
  // several threads at once, if the system's threads share a connection.
  virtual void Echo() = 0;
  // The same with a descriptor each way.
  virtual void EchoDescriptor();
  // The payload to the server, which answers nothing.
  virtual void Tell();
  // Passes the payload to the server, which looks at it and replies with
  // nothing: in a message, or as a SharedBuffer that was made before.
  virtual void HandBytes();
  virtual void HandBuffer();
  // A round trip during which the server calls the client back.
  virtual void CallBack();
  // Asks for a service, and calls it once.
  virtual void CallGiven();
  // Passes so many descriptors of various kinds, half of them to the server and
  // half from it, in streams.
  virtual void PassDescriptors(uint64_t count);
  // Keeps the flags' number of round trips in flight, until the meter says that
  // it is enough.
  virtual void EchoInFlight(Meter& meter);
  // One stream of payloads from the server, and to it.
  virtual void Down(Meter& meter);
  virtual void Up(Meter& meter);
};

// Serves until the process is killed. Calls Ready() once it listens.
void Serve(const Flags& flags);
void Ready();

std::unique_ptr<Connection> Connect(const Flags& flags);
// Whether several threads call over one connection, or each over its own.
bool ThreadsShareConnection();

}  // namespace fdrpc::bench

#endif  // FDRPC_TESTS_BENCH_SYSTEM_H_
