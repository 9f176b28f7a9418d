# fdrpc_part(<name>): lets fdrpc_<name>, a static library or one of headers alone, be
# used as fdrpc::<name>, and installed.
#
# With BUILD_SHARED_LIBS, all parts together are one shared library, libfdrpc, and
# each fdrpc::<name> is that library. It exports what FDRPC_API marks
# (fdrpc/internal/export.h) and what protoc has generated for fdrpc's own .proto files.
# A program of this project that uses what the library hides has the target property
# FDRPC_USES_ARCHIVES: it is linked with the static libraries instead.
if(PROJECT_IS_TOP_LEVEL)
  option(BUILD_SHARED_LIBS "Build one shared library, libfdrpc, instead of archives" OFF)
endif()
if(BUILD_SHARED_LIBS AND (FDRPC_BUILD_TESTS OR FDRPC_BENCH))
  message(FATAL_ERROR "FDRPC_BUILD_TESTS and FDRPC_BENCH need BUILD_SHARED_LIBS=OFF: they use "
                      "functions that the shared library does not export.")
endif()

# Before 1.0 a minor version may be incompatible with the previous one.
set(FDRPC_SOVERSION ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
  set(FDRPC_SOVERSION 0.${PROJECT_VERSION_MINOR})
endif()

if(BUILD_SHARED_LIBS)
  if(FDRPC_ABSEIL_ARCHIVES)
    message(FATAL_ERROR "FDRPC_ABSEIL_ARCHIVES needs BUILD_SHARED_LIBS=OFF: with a shared library of "
                        "fdrpc, programs would have abseil twice.")
  endif()
  # Programs find the library where both are installed, also if that is moved.
  if(PROJECT_IS_TOP_LEVEL AND NOT DEFINED CMAKE_INSTALL_RPATH)
    set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  endif()
  set(exports ${CMAKE_CURRENT_LIST_DIR}/exports.map)
  add_library(fdrpc_shared SHARED)
  add_library(fdrpc::fdrpc ALIAS fdrpc_shared)
  set_target_properties(
    fdrpc_shared PROPERTIES OUTPUT_NAME fdrpc EXPORT_NAME fdrpc VERSION ${PROJECT_VERSION}
                            SOVERSION ${FDRPC_SOVERSION} LINKER_LANGUAGE CXX LINK_DEPENDS ${exports})
  target_compile_features(fdrpc_shared INTERFACE cxx_std_20)
  target_link_options(fdrpc_shared PRIVATE -Wl,--version-script=${exports})
endif()

function(fdrpc_part name)
  set_property(GLOBAL APPEND PROPERTY FDRPC_PARTS ${name})
  set_target_properties(fdrpc_${name} PROPERTIES EXPORT_NAME ${name})
  if(NOT BUILD_SHARED_LIBS)
    add_library(fdrpc::${name} ALIAS fdrpc_${name})
    return()
  endif()

  # Evaluated for the program that is linked, through all libraries between.
  add_library(fdrpc_${name}_linked INTERFACE)
  set(from_archives $<BOOL:$<TARGET_PROPERTY:FDRPC_USES_ARCHIVES>>)
  target_link_libraries(
    fdrpc_${name}_linked INTERFACE $<BUILD_INTERFACE:$<IF:${from_archives},fdrpc_${name},fdrpc_shared>>
                                   $<INSTALL_INTERFACE:fdrpc::fdrpc>)
  set_target_properties(fdrpc_${name}_linked PROPERTIES EXPORT_NAME ${name})
  add_library(fdrpc::${name} ALIAS fdrpc_${name}_linked)

  get_target_property(type fdrpc_${name} TYPE)
  if(NOT type STREQUAL "INTERFACE_LIBRARY")
    target_sources(fdrpc_shared PRIVATE $<TARGET_OBJECTS:fdrpc_${name}>)
  endif()
  # What users of the parts need, without the parts.
  get_target_property(links fdrpc_${name} INTERFACE_LINK_LIBRARIES)
  list(FILTER links EXCLUDE REGEX "^fdrpc_")
  target_link_libraries(fdrpc_shared PUBLIC ${links})
  target_include_directories(
    fdrpc_shared
    INTERFACE $<BUILD_INTERFACE:$<TARGET_PROPERTY:fdrpc_${name},INTERFACE_INCLUDE_DIRECTORIES>>)
endfunction()
