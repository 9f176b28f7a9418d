# The sanitizers named by FDRPC_SANITIZE, for every target below the directory that
# includes this file. Comes after find_package(absl).
if(NOT FDRPC_SANITIZE)
  return()
endif()

add_compile_options(-fsanitize=${FDRPC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
add_link_options(-fsanitize=${FDRPC_SANITIZE})

# Before it trusts a vptr, this check opens a pipe to find out whether the memory
# can be read: it fails in the tests whose process has no descriptor left.
if(FDRPC_SANITIZE MATCHES "undefined")
  add_compile_options(-fno-sanitize=vptr)
endif()

# A static abseil leaves no place to stand in front of it.
get_target_property(absl_type absl::synchronization TYPE)
if(FDRPC_SANITIZE MATCHES "thread" AND absl_type STREQUAL "SHARED_LIBRARY")
  add_library(fdrpc_sanitize_absl_mutex STATIC
              ${CMAKE_CURRENT_LIST_DIR}/sanitize/absl_mutex.cc)
  target_link_libraries(fdrpc_sanitize_absl_mutex PUBLIC absl::synchronization ${CMAKE_DL_LIBS})
  link_libraries($<BUILD_INTERFACE:fdrpc_sanitize_absl_mutex>)
endif()
