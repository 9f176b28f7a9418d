#include "services/host/config_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "fdrpc/unique_fd.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/stubs/common.h"
#include "services/program/copy.h"

namespace fdrpc::host {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::TextFormat;

constexpr size_t kMostOfFile = 1 << 20;

// The first word in double quotes at or after `from`, which moves behind it.
std::string NextQuoted(const std::string& text, size_t& from) {
  const size_t begin = text.find('"', from);
  const size_t end = text.find('"', begin + 1);
  if (begin == std::string::npos || end == std::string::npos) return "";
  from = end + 1;
  return text.substr(begin + 1, end - begin - 1);
}

std::string FieldsOf(const Descriptor& type) {
  std::string names;
  for (int i = 0; i < type.field_count(); ++i) {
    absl::StrAppend(&names, " ", std::string(type.field(i)->name()));
  }
  return names;
}

// The enum of the field with that name, in any message of a configuration.
const EnumDescriptor* EnumOfField(const std::string& name) {
  const auto& file = *v1::ServiceConfig::descriptor()->file();
  for (int i = 0; i < file.message_type_count(); ++i) {
    const FieldDescriptor* field = file.message_type(i)->FindFieldByName(name);
    if (field != nullptr && field->enum_type() != nullptr) {
      return field->enum_type();
    }
  }
  return nullptr;
}

std::string ValuesOf(const EnumDescriptor& values) {
  std::string names;
  for (int i = 0; i < values.value_count(); ++i) {
    absl::StrAppend(&names, " ", std::string(values.value(i)->name()));
  }
  return names;
}

// Passes what the parser finds to the file.
class ParserErrors : public google::protobuf::io::ErrorCollector {
 public:
  explicit ParserErrors(ConfigFile& file) : file_(file) {}

#if GOOGLE_PROTOBUF_VERSION >= 4023000
  void RecordError(int line, google::protobuf::io::ColumnNumber,
                   absl::string_view message) override {
    Add(line, std::string(message));
  }
#else
  void AddError(int line, google::protobuf::io::ColumnNumber,
                const std::string& message) override {
    Add(line, message);
  }
#endif

 private:
  // Adds what the parser leaves out: what would be right.
  void Add(int line, const std::string& message) {
    size_t at = 0;
    const std::string first = NextQuoted(message, at);
    const std::string second = NextQuoted(message, at);
    std::string hint;
    if (message.find("has no field named") != std::string::npos) {
      const Descriptor* type =
          DescriptorPool::generated_pool()->FindMessageTypeByName(first);
      if (type != nullptr) hint = " It has:" + FieldsOf(*type);
    } else if (message.find("numeration value") != std::string::npos) {
      const EnumDescriptor* values = EnumOfField(second);
      if (values != nullptr) hint = " It can be:" + ValuesOf(*values);
      // The parser is at the word behind the value.
      while (line > 0 && !LineHas(line, first)) --line;
    }
    file_.AddError(line + 1, message + hint);
  }
  bool LineHas(int line, const std::string& text) const {
    const std::string_view rest = file_.TextAt(line, 0);
    return rest.substr(0, rest.find('\n')).find(text) != std::string::npos;
  }

  ConfigFile& file_;
};

}  // namespace

std::string WhyUntrusted(const struct stat& file) {
  const uid_t own = geteuid();
  if (file.st_uid != 0 && file.st_uid != own) {
    return absl::StrCat("it belongs to user ", file.st_uid,
                        ", who could have it start any program: chown it to ",
                        own == 0 ? "root" : absl::StrCat("root or user ", own));
  }
  if ((file.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::StrCat("its group or everybody may write to it (mode ",
                        absl::Hex(file.st_mode >> 6 & 7),
                        absl::Hex(file.st_mode >> 3 & 7),
                        absl::Hex(file.st_mode & 7),
                        "), and could have it start any program: chmod go-w");
  }
  return "";
}

bool ConfigFile::Read() {
  if (!ReadText()) return false;
  ParserErrors errors(*this);
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(places_.get());
  return parser.ParseFromString(text_, &config_);
}

bool ConfigFile::ReadText() {
  // Non-blocking, as it could be a pipe.
  const UniqueFd fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat file;
  if (!fd.ok() || fstat(fd.get(), &file) < 0) {
    AddError(0, absl::StrCat("it cannot be read: ", std::strerror(errno)));
    return false;
  }
  if (!S_ISREG(file.st_mode)) {
    AddError(0, "it is not a file: remove or rename it");
    return false;
  }
  if (std::string why = WhyUntrusted(file); !why.empty()) {
    AddError(0, std::move(why));
    return false;
  }
  text_.resize(kMostOfFile + 1);
  const std::optional<size_t> size =
      program::ReadUpTo(fd.get(), text_.data(), text_.size());
  if (!size.has_value() || *size > kMostOfFile) {
    AddError(0, size.has_value() ? "it has more than 1 MiB"
                                 : absl::StrCat("it cannot be read: ",
                                                std::strerror(errno)));
    return false;
  }
  text_.resize(*size);
  return true;
}

std::string_view ConfigFile::TextAt(int line, int column) const {
  std::string_view text = text_;
  for (; line > 0; --line) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  text.remove_prefix(std::min(text.size(), static_cast<size_t>(column)));
  return text;
}

void ConfigFile::AddError(int line, std::string text) {
  errors_.push_back({line, std::move(text)});
}

std::vector<std::string> ConfigFile::Errors() const {
  std::vector<Error> sorted = errors_;
  std::stable_sort(
      sorted.begin(), sorted.end(),
      [](const Error& a, const Error& b) { return a.line < b.line; });
  std::vector<std::string> texts;
  texts.reserve(sorted.size());
  for (const Error& error : sorted) {
    texts.push_back(error.line == 0 ? absl::StrCat(path_, ": ", error.text)
                                    : absl::StrCat(path_, ":", error.line, ": ",
                                                   error.text));
  }
  return texts;
}

}  // namespace fdrpc::host
