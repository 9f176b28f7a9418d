#ifndef FDRPC_TESTS_SUPPORT_SANITIZED_H_
#define FDRPC_TESTS_SUPPORT_SANITIZED_H_

namespace fdrpc::testing {

// Whether the test runs under a sanitizer that makes it slow and large.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kSanitized =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_SUPPORT_SANITIZED_H_
