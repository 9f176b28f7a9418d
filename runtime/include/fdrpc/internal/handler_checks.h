#ifndef FDRPC_INTERNAL_HANDLER_CHECKS_H_
#define FDRPC_INTERNAL_HANDLER_CHECKS_H_

#include <cstddef>
#include <type_traits>

namespace fdrpc::internal {

// Which handlers of a generated service a class overrides, determined when it
// is compiled: a flag for each, in the order of method_handlers(). The flag of
// a handler that the check cannot see, because the class has made it private or
// overloaded it, says that it is overridden.
template <size_t kHandlers>
struct OverriddenHandlers {
  constexpr OverriddenHandlers() {
    for (bool& overridden : at) overridden = true;
  }
  constexpr bool any() const {
    for (const bool overridden : at) {
      if (overridden) return true;
    }
    return false;
  }

  bool at[kHandlers];
};

// The signature of a method, whatever its class.
template <typename Method>
struct SignatureOf {
  using Type = void;
};
template <typename Result, typename Class, typename... Parameters>
struct SignatureOf<Result (Class::*)(Parameters...)> {
  using Type = Result(Parameters...);
};
template <typename Result, typename Class, typename... Parameters>
struct SignatureOf<Result (Class::*)(Parameters...) noexcept> {
  using Type = Result(Parameters...);
};

// Does not compile unless `kOwn`, a method of a user's service, has the
// signature of the handler of that name. Sets `overrides`.
template <auto kOwn, auto kHandler>
constexpr void CheckHandler(bool& overrides) {
  static_assert(
      std::is_same_v<typename SignatureOf<decltype(kOwn)>::Type,
                     typename SignatureOf<decltype(kHandler)>::Type>,
      "a method of this service has the name of a handler, but other "
      "parameters or another result: it hides the handler, which still answers "
      "UNIMPLEMENTED. Declare it as in the generated .fdrpc.h, with override");
  overrides = !std::is_same_v<decltype(kOwn), decltype(kHandler)>;
}

// Does not compile if a method of `Derived`, a class that may derive from a
// generated service, only hides a handler.
template <typename Derived>
constexpr void CheckService() {
  if constexpr (requires { Derived::template CheckHandlers<Derived>(); }) {
    (void)Derived::template CheckHandlers<Derived>();
  }
}

}  // namespace fdrpc::internal

#endif  // FDRPC_INTERNAL_HANDLER_CHECKS_H_
