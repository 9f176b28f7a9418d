#include "tests/calls/server_form.h"

namespace fdrpc::testing {
namespace {

// Another form, in a loop.
class InLoop final : public ServerForm {
 public:
  explicit InLoop(ServerForm& form) : form_(form) {}

  std::string name() const override { return form_.name() + "InLoop"; }
  std::unique_ptr<Service> NewService(Observations& seen) override {
    return form_.NewService(seen);
  }
  bool in_loop() const override { return true; }

 private:
  ServerForm& form_;
};

}  // namespace

ServerForm& ServerForm::CallbackInLoop() {
  static InLoop& form = *new InLoop(Callback());
  return form;
}

ServerForm& ServerForm::CoroutineInLoop() {
  static InLoop& form = *new InLoop(Coroutine());
  return form;
}

}  // namespace fdrpc::testing
