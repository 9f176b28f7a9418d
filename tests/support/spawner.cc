#include "tests/support/spawner.h"

#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "gtest/gtest.h"
#include "tests/support/child.h"
#include "tests/support/files.h"

namespace fdrpc::testing {
namespace {

pid_t StartOne(const Spawner::Body& body) {
  auto [ready, is_ready] = Pipe();
  const pid_t pid = Fork();
  if (pid == 0) {
    ready.Reset();
    _exit(body(std::move(is_ready)));
  }
  is_ready.Reset();
  char byte = 0;
  return read(ready.get(), &byte, 1) == 1 ? pid : -1;
}

int WaitForExit(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

Spawner::Spawner(const Body& body) {
  auto [orders, orders_in] = Pipe();
  auto [answers_out, answers] = Pipe();
  pid_ = Fork();
  if (pid_ == 0) {
    orders_in.Reset();
    answers_out.Reset();
    Serve(body, std::move(orders), std::move(answers));
  }
  orders_ = std::move(orders_in);
  answers_ = std::move(answers_out);
}

void Spawner::Serve(const Body& body, UniqueFd orders, UniqueFd answers) {
  pid_t pid = -1;
  for (char order; read(orders.get(), &order, 1) == 1;) {
    int answer = 0;
    if (order == 's') {
      answer = pid = StartOne([&](UniqueFd ready) {
        orders.Reset();
        answers.Reset();
        return body(std::move(ready));
      });
    } else {
      answer = WaitForExit(pid);
    }
    (void)!write(answers.get(), &answer, sizeof answer);
  }
  _exit(0);
}

Spawner::~Spawner() {
  orders_.Reset();
  EXPECT_EQ(WaitForExit(pid_), 0);
}

int Spawner::Order(char order) {
  int answer = -1;
  EXPECT_EQ(write(orders_.get(), &order, 1), 1);
  EXPECT_EQ(read(answers_.get(), &answer, sizeof answer),
            static_cast<ssize_t>(sizeof answer));
  return answer;
}

pid_t Spawner::Start() { return Order('s'); }

int Spawner::AwaitEnd() { return Order('e'); }

}  // namespace fdrpc::testing
