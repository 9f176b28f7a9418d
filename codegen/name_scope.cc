#include "codegen/name_scope.h"

#include <algorithm>
#include <functional>
#include <iterator>

namespace fdrpc::codegen {
namespace {

// [lex.key] and [lex.digraph] of C++20, sorted.
constexpr absl::string_view kKeywords[] = {
    "alignas",       "alignof",     "and",
    "and_eq",        "asm",         "auto",
    "bitand",        "bitor",       "bool",
    "break",         "case",        "catch",
    "char",          "char16_t",    "char32_t",
    "char8_t",       "class",       "co_await",
    "co_return",     "co_yield",    "compl",
    "concept",       "const",       "const_cast",
    "consteval",     "constexpr",   "constinit",
    "continue",      "decltype",    "default",
    "delete",        "do",          "double",
    "dynamic_cast",  "else",        "enum",
    "explicit",      "export",      "extern",
    "false",         "float",       "for",
    "friend",        "goto",        "if",
    "inline",        "int",         "long",
    "mutable",       "namespace",   "new",
    "noexcept",      "not",         "not_eq",
    "nullptr",       "operator",    "or",
    "or_eq",         "private",     "protected",
    "public",        "register",    "reinterpret_cast",
    "requires",      "return",      "short",
    "signed",        "sizeof",      "static",
    "static_assert", "static_cast", "struct",
    "switch",        "template",    "this",
    "thread_local",  "throw",       "true",
    "try",           "typedef",     "typeid",
    "typename",      "union",       "unsigned",
    "using",         "virtual",     "void",
    "volatile",      "wchar_t",     "while",
    "xor",           "xor_eq",
};

// Macros of the C library and the compilers (unix and linux exist in GNU modes)
// that are plausible names of methods or fields; sorted. Not stdin, stdout and
// stderr, which expand to themselves in glibc.
constexpr absl::string_view kMacros[] = {
    "BUFSIZ",   "DOMAIN",  "EOF",       "INFINITY", "NAN",   "NULL",
    "OVERFLOW", "SING",    "UNDERFLOW", "assert",   "errno", "linux",
    "major",    "makedev", "minor",     "unix",
};

static_assert(std::is_sorted(std::begin(kKeywords), std::end(kKeywords)));
static_assert(std::is_sorted(std::begin(kMacros), std::end(kMacros)));

bool IsKeywordOrMacro(absl::string_view name) {
  return std::binary_search(std::begin(kKeywords), std::end(kKeywords), name) ||
         std::binary_search(std::begin(kMacros), std::end(kMacros), name);
}

}  // namespace

bool IsKeyword(absl::string_view name) {
  return std::binary_search(std::begin(kKeywords), std::end(kKeywords), name);
}

NameScope::NameScope(std::initializer_list<absl::string_view> reserved)
    : taken_(reserved.begin(), reserved.end()) {}

std::string NameScope::Claim(absl::string_view name) {
  std::string free(name);
  while (IsKeywordOrMacro(free) || taken_.contains(free)) free += '_';
  taken_.insert(free);
  return free;
}

}  // namespace fdrpc::codegen
