# Finds Protocol Buffers in config mode (newer releases, which need abseil
# themselves) or in module mode (releases before 3.22 as most distributions build
# them, which install no config file). Both define the same imported targets:
# protobuf::libprotobuf, protobuf::libprotobuf-lite, protobuf::libprotoc and
# protobuf::protoc.
#
# Included by the build and, installed beside it, by fdrpcConfig.cmake: a project
# that uses fdrpc finds Protocol Buffers as fdrpc did. Prints nothing if there is none;
# fdrpc_protobuf_missing has the targets that were not found.
#
# fdrpc_protobuf_release is the first two numbers of the release: 3.21 or 36.2.
# Code that one release generates compiles only with the headers of the same release.
find_package(Protobuf CONFIG QUIET)
if(NOT TARGET protobuf::libprotobuf)
  find_package(Protobuf MODULE QUIET)
endif()

set(fdrpc_protobuf_missing "")
foreach(fdrpc_target protobuf::libprotobuf protobuf::protoc)
  if(NOT TARGET ${fdrpc_target})
    list(APPEND fdrpc_protobuf_missing ${fdrpc_target})
  endif()
endforeach()
unset(fdrpc_target)

# The find module reports 4.25.1 and 7.36.2 for the releases 25.1 and 36.2.
string(REGEX REPLACE "^[4-9]\\.([0-9]+\\.[0-9]+)" "\\1" fdrpc_protobuf_release
                     "${Protobuf_VERSION}")
string(REGEX MATCH "^[0-9]+\\.[0-9]+" fdrpc_protobuf_release "${fdrpc_protobuf_release}")
if(NOT fdrpc_protobuf_release)
  set(fdrpc_protobuf_release "an unknown release")
endif()
