# The sanitizers named by FDRPC_SANITIZE, for every target below the directory that
# includes this file.
if(NOT FDRPC_SANITIZE)
  return()
endif()

add_compile_options(-fsanitize=${FDRPC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
add_link_options(-fsanitize=${FDRPC_SANITIZE})

# Before it uses a vptr, this check opens a pipe to find out whether the memory can be
# read. That fails in tests whose process has no free descriptor.
if(FDRPC_SANITIZE MATCHES "undefined")
  add_compile_options(-fno-sanitize=vptr)
  # Clang 14 cannot generate this check's data for a coroutine ("Cannot represent a
  # difference across sections").
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_compile_options(-fno-sanitize=function)
  endif()
endif()
