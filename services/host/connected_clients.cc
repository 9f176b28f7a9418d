#include "services/host/connected_clients.h"

#include <algorithm>

namespace fdrpc::host {
namespace {

// Takes the next word of the line, and the spaces around it.
std::string_view TakeWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

// The state of a connection that was accepted, and of one that waits for that,
// which has no socket yet (net/unix/af_unix.c, unix_seq_show()).
bool IsConnection(std::string_view state) {
  return state == "03" || state == "02";
}

}  // namespace

size_t CountConnectedClients(std::string_view table,
                             const std::set<std::string>& names) {
  size_t count = 0;
  while (!table.empty()) {
    std::string_view line = table.substr(0, table.find('\n'));
    table.remove_prefix(std::min(table.size(), line.size() + 1));
    // Num RefCount Protocol Flags Type St Inode Path; the path may have spaces.
    for (int column = 0; column < 5; ++column) TakeWord(line);
    const bool is_connection = IsConnection(TakeWord(line));
    TakeWord(line);
    if (!is_connection || line.empty()) continue;
    line.remove_prefix(1);
    if (names.contains(std::string(line))) ++count;
  }
  return count;
}

}  // namespace fdrpc::host
