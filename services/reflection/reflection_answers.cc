#include "services/reflection/reflection_answers.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.pb.h"

namespace fdrpc {
namespace {

using google::protobuf::FileDescriptor;
using grpc::reflection::v1::ServerReflectionRequest;
using grpc::reflection::v1::ServerReflectionResponse;

void SetError(absl::StatusCode code, const std::string& message,
              ServerReflectionResponse& answer) {
  answer.mutable_error_response()->set_error_code(static_cast<int>(code));
  answer.mutable_error_response()->set_error_message(message);
}

}  // namespace

ServerReflectionResponse ReflectionAnswers::Answer(
    const ServerReflectionRequest& request) {
  ServerReflectionResponse answer;
  answer.set_valid_host(request.host());
  *answer.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kFileByFilename:
      AnswerWithFile(files_.FindFile(request.file_by_filename()),
                     absl::StrCat("file ", request.file_by_filename()), answer);
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      AnswerWithFile(files_.FindFileOf(request.file_containing_symbol()),
                     absl::StrCat("symbol ", request.file_containing_symbol()),
                     answer);
      break;
    case ServerReflectionRequest::kFileContainingExtension: {
      const auto& extension = request.file_containing_extension();
      AnswerWithFile(files_.FindFileOfExtension(extension.containing_type(),
                                                extension.extension_number()),
                     absl::StrCat("extension ", extension.extension_number(),
                                  " of ", extension.containing_type()),
                     answer);
      break;
    }
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      AnswerWithNumbers(request.all_extension_numbers_of_type(), answer);
      break;
    case ServerReflectionRequest::kListServices:
      for (const std::string& service : services_) {
        answer.mutable_list_services_response()->add_service()->set_name(
            service);
      }
      break;
    case ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      SetError(absl::StatusCode::kInvalidArgument,
               "the request asks for nothing that this server knows", answer);
      break;
  }
  return answer;
}

void ReflectionAnswers::AnswerWithFile(const FileDescriptor* file,
                                       const std::string& what,
                                       ServerReflectionResponse& answer) {
  if (file == nullptr) {
    return SetError(
        absl::StatusCode::kNotFound,
        absl::StrCat("the server has no ", what,
                     "; it knows the files of the full runtime that are linked "
                     "into it, and those of services that were generated with "
                     "REFLECTION"),
        answer);
  }
  AddFile(*file, *answer.mutable_file_descriptor_response());
}

// What was asked for is always sent, and an import only once.
void ReflectionAnswers::AddFile(
    const FileDescriptor& file,
    grpc::reflection::v1::FileDescriptorResponse& answer) {
  sent_.insert(std::string(file.name()));
  google::protobuf::FileDescriptorProto described;
  file.CopyTo(&described);
  file.CopySourceCodeInfoTo(&described);
  answer.add_file_descriptor_proto(described.SerializeAsString());
  for (int i = 0; i < file.dependency_count(); ++i) {
    const FileDescriptor& import = *file.dependency(i);
    if (!sent_.contains(std::string(import.name()))) AddFile(import, answer);
  }
}

void ReflectionAnswers::AnswerWithNumbers(const std::string& type,
                                          ServerReflectionResponse& answer) {
  bool known = false;
  const std::vector<int> numbers = files_.ExtensionNumbers(type, known);
  if (!known) {
    return SetError(absl::StatusCode::kNotFound,
                    absl::StrCat("the server has no message ", type), answer);
  }
  auto& response = *answer.mutable_all_extension_numbers_response();
  response.set_base_type_name(type);
  for (const int number : numbers) response.add_extension_number(number);
}

}  // namespace fdrpc
