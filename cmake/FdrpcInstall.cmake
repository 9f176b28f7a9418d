# What `cmake --install` installs. The installed tree can be moved, because nothing in
# it contains its prefix.
include(CMakePackageConfigHelpers)

set(FDRPC_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/fdrpc)

# From top to bottom: a static library precedes those that it uses. The services are
# static in any case: a program must not have their .proto files twice, and it has
# another copy of gRPC's if it also uses gRPC.
set(libraries fdrpc_health fdrpc_reflection fdrpc_statistics fdrpc_tracing)
get_property(parts GLOBAL PROPERTY FDRPC_PARTS)
if(BUILD_SHARED_LIBS)
  list(TRANSFORM parts REPLACE "(.+)" "fdrpc_\\1_linked")
  list(APPEND libraries fdrpc_shared ${parts})
else()
  list(REVERSE parts)
  # fdrpc_fd uses fdrpc_call.
  list(REMOVE_ITEM parts fd options)
  list(TRANSFORM parts PREPEND fdrpc_)
  list(APPEND libraries fdrpc_fd fdrpc_options ${parts})
endif()
set_target_properties(fdrpc_health PROPERTIES EXPORT_NAME health)
set_target_properties(fdrpc_reflection PROPERTIES EXPORT_NAME reflection)
set_target_properties(fdrpc_statistics PROPERTIES EXPORT_NAME statistics)
set_target_properties(fdrpc_tracing PROPERTIES EXPORT_NAME tracing)

install(TARGETS ${libraries} protoc-gen-fdrpc EXPORT fdrpcTargets
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_SOURCE_DIR}/codegen/protoc-gen-fdrpc.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
set(without_grpc PATTERN grpc EXCLUDE)
if(TARGET fdrpc_grpc) # a component: what does not ask for it needs no gRPC
  set(without_grpc "")
  set_target_properties(fdrpc_grpc PROPERTIES EXPORT_NAME grpc)
  install(TARGETS fdrpc_grpc EXPORT fdrpcGrpcTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(EXPORT fdrpcGrpcTargets NAMESPACE fdrpc:: DESTINATION ${FDRPC_CMAKE_DIR})
  install(FILES ${CMAKE_CURRENT_LIST_DIR}/FdrpcGrpc.cmake DESTINATION ${FDRPC_CMAKE_DIR})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/runtime/include/fdrpc
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" ${without_grpc})
install(FILES ${PROJECT_SOURCE_DIR}/proto/fdrpc/fd.proto ${PROJECT_SOURCE_DIR}/proto/fdrpc/options.proto
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fdrpc)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/proto/grpc DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
foreach(service health reflection statistics)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/services/${service}/include/fdrpc
                    ${PROJECT_BINARY_DIR}/services/${service}/fdrpc_${service}_generated/
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
endforeach()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/services/tracing/include/fdrpc
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/proto/fdrpc/statistics/v1/statistics.proto
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/fdrpc/statistics/v1)
foreach(library fdrpc_fd fdrpc_options)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/proto/${library}_generated/fdrpc
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
endforeach()

# The CMake package.
install(EXPORT fdrpcTargets NAMESPACE fdrpc:: DESTINATION ${FDRPC_CMAKE_DIR})
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/fdrpcConfig.cmake.in ${PROJECT_BINARY_DIR}/fdrpcConfig.cmake
  INSTALL_DESTINATION ${FDRPC_CMAKE_DIR} PATH_VARS CMAKE_INSTALL_INCLUDEDIR)
# Before 1.0 a minor version may be incompatible with the previous one.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/fdrpcConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/fdrpcConfig.cmake
              ${PROJECT_BINARY_DIR}/fdrpcConfigVersion.cmake
              ${CMAKE_CURRENT_LIST_DIR}/FdrpcAbseil.cmake
              ${CMAKE_CURRENT_LIST_DIR}/FdrpcDepfile.cmake
              ${CMAKE_CURRENT_LIST_DIR}/FdrpcGenerate.cmake
              ${CMAKE_CURRENT_LIST_DIR}/FdrpcProtobuf.cmake
        DESTINATION ${FDRPC_CMAKE_DIR})

# The pkg-config file, with the libraries that the targets link and the versions with
# which they were built.
set(libs "")
string(REGEX MATCH "^([0-9]+)\\.([0-9]+)$" matched "${fdrpc_protobuf_release}")
if(NOT matched)
  message(FATAL_ERROR "Protocol Buffers was found, but not its version, which what is installed has "
                      "to record. Use an installed Protocol Buffers, or set FDRPC_INSTALL to OFF.")
endif()
math(EXPR next_minor "${CMAKE_MATCH_2} + 1")
set(requires "protobuf >= ${fdrpc_protobuf_release}" "protobuf < ${CMAKE_MATCH_1}.${next_minor}")
set(abseil_version "")
if(absl_VERSION) # none, if it is not from a release
  set(abseil_version " = ${absl_VERSION}")
endif()
foreach(library IN LISTS libraries)
  get_target_property(type ${library} TYPE)
  if(NOT type STREQUAL "INTERFACE_LIBRARY") # a room of headers alone
    string(REPLACE fdrpc_shared fdrpc name ${library})
    list(APPEND libs -l${name})
  endif()
  get_target_property(links ${library} INTERFACE_LINK_LIBRARIES)
  list(FILTER links INCLUDE REGEX "^absl::")
  list(TRANSFORM links REPLACE "^absl::(.*)" "absl_\\1${abseil_version}")
  list(APPEND requires ${links})
endforeach()
list(REMOVE_DUPLICATES requires)
list(JOIN libs " " FDRPC_PC_LIBS)
list(JOIN requires ", " FDRPC_PC_REQUIRES)
file(RELATIVE_PATH FDRPC_PC_PREFIX /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string(REGEX REPLACE "/$" "" FDRPC_PC_PREFIX ${FDRPC_PC_PREFIX})
configure_file(${CMAKE_CURRENT_LIST_DIR}/fdrpc.pc.in ${PROJECT_BINARY_DIR}/fdrpc.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/fdrpc.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
