#ifndef FDRPC_SERVICES_TOOL_RECEIVED_DESCRIPTORS_H_
#define FDRPC_SERVICES_TOOL_RECEIVED_DESCRIPTORS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "fdrpc/dynamic_parcel.h"

namespace fdrpc::tool {

// What the user wants done with the descriptors of each reply.
class ReceivedDescriptors {
 public:
  // `saves` are "FILE", for the first descriptor of a reply, and "FIELD=FILE";
  // the file "-" is standard output. `command`, if not empty, is for sh -c.
  ReceivedDescriptors(const std::vector<std::string>& saves,
                      std::string command);

  // Whether standard output is for the content of a descriptor.
  bool occupies_output() const;

  // Copies what is to be saved, and runs the command: with the descriptors of
  // the reply as 3, 4, … in the order of its fields, whose names are in the
  // variable FDRPC_FIELDS. Blocks until that is done. Returns the command's
  // exit status (128 + a signal's number), or 0. Errors name the field or the
  // file.
  absl::StatusOr<int> Use(DynamicParcel& reply) const;

 private:
  struct Save {
    std::string field;  // empty: the first one
    std::string file;
  };

  static absl::Status SaveTo(int fd, const std::string& file);
  absl::StatusOr<int> Run(const std::vector<int>& fds,
                          const std::string& fields) const;

  std::vector<Save> saves_;
  const std::string command_;
};

}  // namespace fdrpc::tool

#endif  // FDRPC_SERVICES_TOOL_RECEIVED_DESCRIPTORS_H_
