# The smallest programs, for footprint.py: with shared libraries, and where all
# there is of a server is in one file.

# bench_small_program(<name> <library>...)
function(bench_small_program name)
  add_library(fdrpc_bench_small_${name}_main OBJECT small/${name}.cc)
  target_include_directories(fdrpc_bench_small_${name}_main PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(fdrpc_bench_small_${name}_main PUBLIC ${ARGN})
  fdrpc_warnings(fdrpc_bench_small_${name}_main)
  add_executable(fdrpc_bench_small_${name})
  target_link_libraries(fdrpc_bench_small_${name} PRIVATE fdrpc_bench_small_${name}_main)
  # What is not used costs a program memory and time all the same.
  target_link_options(fdrpc_bench_small_${name} PRIVATE LINKER:--as-needed)
endfunction()

# bench_small_program_static(<name> <our library>... LIBRARIES <linker flag>...)
function(bench_small_program_static name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES")
  # Whether all of it is there as archives.
  set(CMAKE_REQUIRED_LIBRARIES -static ${arg_LIBRARIES})
  check_cxx_source_compiles("int main() {}" FDRPC_LINKS_${name}_STATICALLY)
  if(NOT FDRPC_LINKS_${name}_STATICALLY)
    return()
  endif()
  set(archives "")
  foreach(library IN LISTS arg_UNPARSED_ARGUMENTS)
    list(APPEND archives $<TARGET_FILE:${library}>)
  endforeach()
  set(name fdrpc_bench_small_${name})
  add_executable(${name}_static $<TARGET_OBJECTS:${name}_main>)
  set_target_properties(${name}_static PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(${name}_static PRIVATE -static -Wl,--gc-sections -Wl,--start-group
                                               ${archives} ${arg_LIBRARIES} -Wl,--end-group)
  add_dependencies(${name}_static ${arg_UNPARSED_ARGUMENTS})
endfunction()

add_executable(fdrpc_bench_coldstart coldstart.cc)
fdrpc_warnings(fdrpc_bench_coldstart)

find_package(PkgConfig QUIET)
include(CheckCXXSourceCompiles)
bench_small_program(fdrpc_server fdrpc_bench_proto fdrpc_server)
bench_small_program(fdrpc_client fdrpc_bench_proto fdrpc_client)
bench_small_program(protobuf_server fdrpc_bench_proto)
pkg_check_modules(fdrpc_static QUIET protobuf absl_statusor absl_time absl_flat_hash_map
                  absl_any_invocable absl_strings)
bench_small_program_static(
  fdrpc_server fdrpc_bench_proto fdrpc_server fdrpc_connection fdrpc_loop fdrpc_call
  fdrpc_transport fdrpc_wire fdrpc_os fdrpc_base fdrpc_fd fdrpc_options
  LIBRARIES ${fdrpc_static_STATIC_LDFLAGS})
bench_small_program_static(protobuf_server fdrpc_bench_proto fdrpc_call fdrpc_transport
  fdrpc_wire fdrpc_os fdrpc_base fdrpc_fd fdrpc_options
  LIBRARIES ${fdrpc_static_STATIC_LDFLAGS})
