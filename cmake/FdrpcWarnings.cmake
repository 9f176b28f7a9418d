# fdrpc's own targets build without warnings.
function(fdrpc_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror)
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE -Wthread-safety -Wthread-safety-beta)
  else()
    # False positives for every inlined std::optional (gcc.gnu.org bug 80635), and
    # more of them with sanitizers.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
  endif()
endfunction()
