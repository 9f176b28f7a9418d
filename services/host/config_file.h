#ifndef FDRPC_SERVICES_HOST_CONFIG_FILE_H_
#define FDRPC_SERVICES_HOST_CONFIG_FILE_H_

#include <sys/stat.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fdrpc/host/v1/config.pb.h"
#include "google/protobuf/text_format.h"

namespace fdrpc::host {

// The file of a service: its configuration, and what is wrong with it.
class ConfigFile {
 public:
  struct Error {
    int line = 0;  // 0: of the file as a whole
    std::string text;
  };

  explicit ConfigFile(std::string path) : path_(std::move(path)) {}
  // One that was read before.
  ConfigFile(std::string path, v1::ServiceConfig config)
      : path_(std::move(path)), config_(std::move(config)) {}

  // Reads and parses it. Refuses a file that others than root and the calling
  // user may write. False after an error.
  bool Read();

  const std::string& path() const { return path_; }
  const v1::ServiceConfig& config() const { return config_; }
  const google::protobuf::TextFormat::ParseInfoTree& places() const {
    return *places_;
  }
  // From a place in the file on, both counted from 0.
  std::string_view TextAt(int line, int column) const;

  void AddError(int line, std::string text);
  // "FILE:LINE: TEXT", in the order of the lines.
  std::vector<std::string> Errors() const;
  bool has_errors() const { return !errors_.empty(); }

 private:
  bool ReadText();

  const std::string path_;
  std::string text_;
  v1::ServiceConfig config_;
  std::unique_ptr<google::protobuf::TextFormat::ParseInfoTree> places_ =
      std::make_unique<google::protobuf::TextFormat::ParseInfoTree>();
  std::vector<Error> errors_;
};

// Why a file or directory is not to be trusted: others than root and the
// calling user may write to it. Empty if that is not so.
std::string WhyUntrusted(const struct stat& file);

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_CONFIG_FILE_H_
