# gRPC for C++, by pkg-config, which every package of it has: the target
# PkgConfig::fdrpc_grpcpp, if it is installed. Also for projects that use fdrpc::grpc.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND AND NOT TARGET PkgConfig::fdrpc_grpcpp)
  pkg_check_modules(fdrpc_grpcpp QUIET IMPORTED_TARGET GLOBAL grpc++)
endif()
