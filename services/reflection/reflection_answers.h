#ifndef FDRPC_SERVICES_REFLECTION_REFLECTION_ANSWERS_H_
#define FDRPC_SERVICES_REFLECTION_REFLECTION_ANSWERS_H_

#include <set>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "services/reflection/described_files.h"

namespace fdrpc {

// Answers the requests of one stream. A file that others import is sent once in
// the stream, unless it is asked for. Borrows its arguments.
class ReflectionAnswers {
 public:
  ReflectionAnswers(const DescribedFiles& files,
                    const std::vector<std::string>& services)
      : files_(files), services_(services) {}

  grpc::reflection::v1::ServerReflectionResponse Answer(
      const grpc::reflection::v1::ServerReflectionRequest& request);

 private:
  // `what` names what was looked for.
  void AnswerWithFile(const google::protobuf::FileDescriptor* file,
                      const std::string& what,
                      grpc::reflection::v1::ServerReflectionResponse& answer);
  void AddFile(const google::protobuf::FileDescriptor& file,
               grpc::reflection::v1::FileDescriptorResponse& answer);
  void AnswerWithNumbers(
      const std::string& type,
      grpc::reflection::v1::ServerReflectionResponse& answer);

  const DescribedFiles& files_;
  const std::vector<std::string>& services_;
  std::set<std::string> sent_;
};

}  // namespace fdrpc

#endif  // FDRPC_SERVICES_REFLECTION_REFLECTION_ANSWERS_H_
