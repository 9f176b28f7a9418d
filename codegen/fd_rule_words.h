#ifndef FDRPC_CODEGEN_FD_RULE_WORDS_H_
#define FDRPC_CODEGEN_FD_RULE_WORDS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "fdrpc/options.pb.h"

namespace fdrpc::codegen {

// For a comment: "Rules: a regular file or a memfd; open for reading." Empty
// without rules.
std::string RulesInWords(const FdRules& rules);

// "a directory", "open for reading".
absl::string_view InWords(FdRules::Kind kind);
absl::string_view InWords(FdRules::Access access);

// "UNIX or INET", "STREAM or SEQPACKET".
std::string SocketFamilies(const FdRules::Socket& socket);
std::string SocketTypes(const FdRules::Socket& socket);

}  // namespace fdrpc::codegen

#endif  // FDRPC_CODEGEN_FD_RULE_WORDS_H_
