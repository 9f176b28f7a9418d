# gRPC and Cap'n Proto, each if it is installed.
set(out ${CMAKE_CURRENT_BINARY_DIR}/peers)
file(MAKE_DIRECTORY ${out})
find_package(PkgConfig QUIET)

pkg_check_modules(grpc QUIET IMPORTED_TARGET grpc++)
find_program(FDRPC_GRPC_CPP_PLUGIN grpc_cpp_plugin)
if(grpc_FOUND AND FDRPC_GRPC_CPP_PLUGIN)
  set(stem ${out}/tests/bench/echo)
  set(generated ${stem}.pb.cc ${stem}.grpc.pb.cc)
  add_custom_command(
    OUTPUT ${generated} ${stem}.pb.h ${stem}.grpc.pb.h
    COMMAND protobuf::protoc --cpp_out=${out} --grpc_out=${out}
            --plugin=protoc-gen-grpc=${FDRPC_GRPC_CPP_PLUGIN} -I${PROJECT_SOURCE_DIR}
            tests/bench/echo.proto
    DEPENDS echo.proto VERBATIM)
  set_source_files_properties(${generated} PROPERTIES COMPILE_OPTIONS -w)
  add_library(fdrpc_bench_grpc_proto ${generated})
  target_include_directories(fdrpc_bench_grpc_proto PUBLIC ${out})
  target_link_libraries(fdrpc_bench_grpc_proto PUBLIC PkgConfig::grpc protobuf::libprotobuf)
  bench_program(grpc LIBRARIES fdrpc_bench_grpc_proto)
  if(TARGET fdrpc_grpc)
    bench_program(over_grpc LIBRARIES fdrpc_bench_proto fdrpc_grpc)
  endif()
  bench_small_program(grpc_server fdrpc_bench_grpc_proto)
  bench_small_program(grpc_client fdrpc_bench_grpc_proto)
  pkg_check_modules(grpc_static QUIET grpc++ protobuf)
  bench_small_program_static(grpc_server fdrpc_bench_grpc_proto
                             LIBRARIES ${grpc_static_STATIC_LDFLAGS})
else()
  message(STATUS "Not measured, since it is not installed: gRPC (libgrpc++-dev, "
                 "protobuf-compiler-grpc)")
endif()

pkg_check_modules(capnp QUIET IMPORTED_TARGET capnp-rpc)
find_program(FDRPC_CAPNP capnp)
if(capnp_FOUND AND FDRPC_CAPNP)
  set(stem ${out}/tests/bench/echo.capnp)
  add_custom_command(
    OUTPUT ${stem}.c++ ${stem}.h
    COMMAND ${FDRPC_CAPNP} compile -oc++:${out} --src-prefix=${PROJECT_SOURCE_DIR}
            ${CMAKE_CURRENT_SOURCE_DIR}/echo.capnp
    DEPENDS echo.capnp VERBATIM)
  set_source_files_properties(${stem}.c++ PROPERTIES COMPILE_OPTIONS -w)
  bench_program(capnp ${stem}.c++ LIBRARIES PkgConfig::capnp)
  target_include_directories(fdrpc_bench_capnp PRIVATE ${out})
else()
  message(STATUS "Not measured, since it is not installed: Cap'n Proto (libcapnp-dev, capnproto)")
endif()
