# Stands for the config file that newer releases of Protocol Buffers install: the
# same targets, and no variables of the find module.
set(FDRPC_TEST_CONFIG_MODE ON CACHE INTERNAL "This file was read")

foreach(library protobuf protobuf-lite protoc)
  find_library(fdrpc_test_${library} ${library} REQUIRED)
  add_library(protobuf::lib${library} UNKNOWN IMPORTED)
  set_target_properties(protobuf::lib${library} PROPERTIES
                        IMPORTED_LOCATION ${fdrpc_test_${library}})
endforeach()
find_program(fdrpc_test_compiler protoc REQUIRED)
add_executable(protobuf::protoc IMPORTED)
set_target_properties(protobuf::protoc PROPERTIES IMPORTED_LOCATION ${fdrpc_test_compiler})
