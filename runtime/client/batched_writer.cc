#include "client/batched_writer.h"

#include <utility>

namespace fdrpc {

LoopCore* BatchedWriter::LoopOfThisThread() const {
  LoopCore* const loop = loop_.load(std::memory_order_acquire);
  return loop != nullptr && loop->OnThisThread() ? loop : nullptr;
}

void BatchedWriter::Flush() {
  LoopCore* const loop = LoopOfThisThread();
  if (loop == nullptr) return connection_.Flush();
  if (!std::exchange(in_batch_, true)) loop->AtBatchEnd(self_.lock());
}

void BatchedWriter::FlushDeferred() {
  if (lingers_.exchange(false) || LoopOfThisThread() != nullptr) {
    connection_.Flush();
  }
}

bool BatchedWriter::Linger() {
  if (connection_.queued_bytes() >= Connection::kMostLingering) return false;
  lingers_.store(true);
  return true;
}

void BatchedWriter::OnBatchEnd() {
  in_batch_ = false;
  connection_.Flush();
}

}  // namespace fdrpc
