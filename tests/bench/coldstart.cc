// How long a server and then a client take from exec to the first reply:
//
//   fdrpc_bench_coldstart SERVER CLIENT ADDRESS
//
// Both get the address, and print a line when they are ready or have the reply.
// With an empty CLIENT (""), measures only the server.

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

using Clock = std::chrono::steady_clock;

void Fail(const char* what) {
  std::fprintf(stderr, "%s failed\n", what);
  std::exit(1);
}

// Starts a program and returns when it has printed something.
pid_t StartAndAwait(char* program, char* address) {
  int output[2];
  if (pipe2(output, O_CLOEXEC) != 0) Fail("pipe2");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  char* const arguments[] = {program, address, nullptr};
  pid_t pid = -1;
  if (posix_spawn(&pid, program, &actions, nullptr, arguments, environ) != 0) {
    Fail(program);
  }
  posix_spawn_file_actions_destroy(&actions);
  close(output[1]);
  char answer;
  if (read(output[0], &answer, 1) != 1) Fail(program);
  close(output[0]);
  return pid;
}

double MicrosSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin)
      .count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) Fail("reading the arguments");
  const Clock::time_point begin = Clock::now();
  const pid_t server = StartAndAwait(argv[1], argv[3]);
  std::printf("{\"server_ready_us\": %.1f", MicrosSince(begin));
  if (argv[2][0] != '\0') {
    const Clock::time_point called = Clock::now();
    const pid_t client = StartAndAwait(argv[2], argv[3]);
    std::printf(", \"client_reply_us\": %.1f, \"p50_us\": %.1f",
                MicrosSince(called), MicrosSince(begin));
    waitpid(client, nullptr, 0);
  }
  std::puts("}");
  kill(server, SIGKILL);
  waitpid(server, nullptr, 0);
}
