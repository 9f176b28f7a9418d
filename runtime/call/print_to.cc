#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "fdrpc/call_options.h"
#include "fdrpc/internal/message_stream.h"
#include "fdrpc/method.h"
#include "fdrpc/parcel.h"
#include "fdrpc/server_context.h"

namespace fdrpc {
namespace {

const char* NameOf(MethodKind kind) {
  switch (kind) {
    case MethodKind::kUnary:
      return "unary";
    case MethodKind::kClientStreaming:
      return "client-streaming";
    case MethodKind::kServerStreaming:
      return "server-streaming";
    case MethodKind::kBidirectional:
      return "bidirectional";
  }
  return "unknown";
}

// The id of an fdrpc.Fd's parcel means nothing to a reader.
void RemoveParcelNames(std::string& message) {
  constexpr std::string_view kName = " parcel: ";
  for (size_t at = 0; (at = message.find(kName, at)) != std::string::npos;) {
    const size_t end =
        message.find_first_not_of("0123456789", at + kName.size());
    message.erase(at, std::min(end, message.size()) - at);
  }
}

}  // namespace

void internal::PrintParcel(const ParcelBase& parcel, std::string message,
                           std::ostream* to) {
  RemoveParcelNames(message);
  // These two functions return mutable references, but nothing is changed.
  auto& printed = const_cast<ParcelBase&>(parcel);
  *to << "Parcel of " << printed.lite_message().GetTypeName() << " {" << message
      << "}";
  const char* separator = " with ";
  for (const AttachedFd& fd : printed.descriptors()) {
    *to << separator;
    PrintTo(fd, to);
    separator = ", ";
  }
}

void PrintTo(const Method& method, std::ostream* to) {
  *to << method.full_name << " (" << NameOf(method.kind)
      << (method.one_way ? ", one-way" : "") << ")";
}

void PrintTo(const ReplyMetadata& metadata, std::ostream* to) {
  *to << "headers ";
  PrintTo(metadata.headers, to);
  *to << ", trailers ";
  PrintTo(metadata.trailers, to);
}

void PrintTo(const CallOptions& options, std::ostream* to) {
  *to << "CallOptions{.timeout = " << absl::FormatDuration(options.timeout);
  if (options.wait_for_ready) *to << ", .wait_for_ready = true";
  if (options.parent != nullptr) *to << ", .parent = a call";
  if (!options.metadata.empty()) {
    *to << ", .metadata = ";
    PrintTo(options.metadata, to);
  }
  if (options.cancellation.stop_requested()) {
    *to << ", .cancellation = a token that is stopped";
  } else if (options.cancellation.stop_possible()) {
    *to << ", .cancellation = a token";
  }
  if (options.reply_metadata != nullptr) {
    *to << ", .reply_metadata = a place for it";
  }
  *to << "}";
}

void PrintTo(const ServerContext& context, std::ostream* to) {
  *to << "call of ";
  if (context.remote_peer() != nullptr) {
    PrintTo(*context.remote_peer(), to);
  } else {
    PrintTo(context.peer(), to);
  }
  *to << ", metadata ";
  PrintTo(context.metadata(), to);
  *to << ", time left " << absl::FormatDuration(context.time_remaining());
  if (context.IsCancelled()) {
    *to << ", cancelled: " << context.cancellation_reason();
  }
}

void internal::PrintStream(const char* name, std::ostream* to) { *to << name; }

}  // namespace fdrpc
