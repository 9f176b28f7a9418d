#ifndef FDRPC_INTERNAL_LANGUAGE_H_
#define FDRPC_INTERNAL_LANGUAGE_H_

// What all public headers require of the compiler. They include it first, so
// that a program that is compiled otherwise gets one error instead of hundreds.

#if __cplusplus < 202002L
#error \
    "fdrpc needs C++20: compile with -std=c++20, or in CMake set(CMAKE_CXX_STANDARD 20)"
// Ends the compilation here, which #error alone does not.
#include <fdrpc needs C++20: compile with -std=c++20>
#endif

#endif  // FDRPC_INTERNAL_LANGUAGE_H_
