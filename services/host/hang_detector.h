#ifndef FDRPC_SERVICES_HOST_HANG_DETECTOR_H_
#define FDRPC_SERVICES_HOST_HANG_DETECTOR_H_

namespace fdrpc::host {

// Decides whether the host process hangs, by the pings that it has answered. It
// counts the times that the keeper has asked rather than the time that has
// passed: meanwhile the keeper may have been held up, too, as in a container
// that is frozen.
class HangDetector {
 public:
  // So many times in a row there was no answer.
  static constexpr int kMostMissed = 6;
  // So many times as often before it serves: a start may block, as where users
  // are looked up, or files are on another machine.
  static constexpr int kPatienceAtStart = 10;

  enum class Verdict {
    kPing,   // send one
    kWait,   // for the answer
    kHangs,  // replace the process
  };

  // At regular intervals. `has_answered`: every ping; `is_held`: the process is
  // stopped by a signal or a debugger, which is no hang; `is_starting`: it has
  // not come to serve yet.
  Verdict OnTick(bool has_answered, bool is_held, bool is_starting = false);
  // For another process, or one that serves now.
  void Reset() { missed_ = 0; }

 private:
  int missed_ = 0;
};

}  // namespace fdrpc::host

#endif  // FDRPC_SERVICES_HOST_HANG_DETECTOR_H_
