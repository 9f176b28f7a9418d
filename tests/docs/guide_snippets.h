#ifndef FDRPC_TESTS_DOCS_GUIDE_SNIPPETS_H_
#define FDRPC_TESTS_DOCS_GUIDE_SNIPPETS_H_

// Snippets of docs/guide/ that several of its tests use.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/server.h"
#include "fdrpc/task.h"
#include "guide.fdrpc.h"

// Snippets name parameters that they do not use; no test uses all of them.
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"

namespace fdrpc::testing {
namespace {

#include "async_service.inc"
#include "co_client.inc"
#include "co_service.inc"
#include "service.inc"

}  // namespace
}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_DOCS_GUIDE_SNIPPETS_H_
