# Our own targets build without a warning, and with the sanitizers asked for.
function(fdrpc_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE -Wthread-safety)
  else()
    # False alarms on every std::optional that it inlines (gcc.gnu.org bug 80635),
    # and more of them with sanitizers.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()

# For everything below the directory that includes this file.
if(FDRPC_SANITIZE)
  add_compile_options(-fsanitize=${FDRPC_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${FDRPC_SANITIZE})
endif()
