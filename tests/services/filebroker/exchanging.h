#ifndef FDRPC_TESTS_SERVICES_FILEBROKER_EXCHANGING_H_
#define FDRPC_TESTS_SERVICES_FILEBROKER_EXCHANGING_H_

#include <fcntl.h>
#include <stdio.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>

#include "gtest/gtest.h"

namespace fdrpc::testing {

// Exchanges two names again and again, on a thread of its own.
class Exchanging {
 public:
  Exchanging(std::string a, std::string b)
      : thread_([this, a = std::move(a), b = std::move(b)] {
          while (!stop_.load()) {
            if (renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(),
                          RENAME_EXCHANGE) != 0) {
              ADD_FAILURE() << "renameat2";
              return;
            }
          }
        }) {}
  ~Exchanging() {
    stop_.store(true);
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SERVICES_FILEBROKER_EXCHANGING_H_
