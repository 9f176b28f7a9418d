#ifndef FDRPC_METADATA_H_
#define FDRPC_METADATA_H_

#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fdrpc/internal/export.h"
#include "fdrpc/internal/language.h"

namespace fdrpc {

// Key-value pairs that travel beside the messages of a call: a list in order of
// addition, in which a key may occur more than once.
//
// Keys follow gRPC (grpc/grpc doc/PROTOCOL-HTTP2.md, "Custom-Metadata"):
// lower-case letters, digits, '_', '-' and '.', not empty, at most 255 bytes.
// Values of keys that end in "-bin" are any bytes; all other values are
// printable ASCII (0x20 to 0x7e). Metadata that breaks these rules fails its
// call with INVALID_ARGUMENT, before anything is sent.
//
// A plain value: copyable, not safe for concurrent modification.
class Metadata {
 public:
  using Entry = std::pair<std::string, std::string>;

  Metadata() = default;
  Metadata(std::initializer_list<Entry> entries) : entries_(entries) {}

  void Add(std::string_view key, std::string_view value) {
    entries_.emplace_back(key, value);
  }
  // The first value of `key`, borrowed until this object changes.
  std::optional<std::string_view> Get(std::string_view key) const {
    for (const Entry& entry : entries_) {
      if (entry.first == key) return entry.second;
    }
    return std::nullopt;
  }
  // All values of `key`, in order; borrowed in the same way.
  std::vector<std::string_view> GetAll(std::string_view key) const {
    std::vector<std::string_view> values;
    for (const Entry& entry : entries_) {
      if (entry.first == key) values.push_back(entry.second);
    }
    return values;
  }
  void Clear() { entries_.clear(); }

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  std::vector<Entry>::const_iterator begin() const { return entries_.begin(); }
  std::vector<Entry>::const_iterator end() const { return entries_.end(); }

  friend bool operator==(const Metadata&, const Metadata&) = default;

 private:
  std::vector<Entry> entries_;
};

FDRPC_API void PrintTo(const Metadata& metadata, std::ostream* to);

}  // namespace fdrpc

#endif  // FDRPC_METADATA_H_
