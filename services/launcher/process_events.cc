#include "services/launcher/process_events.h"

#include <sys/time.h>

#include <utility>

namespace fdrpc::launcher {
namespace {

uint64_t Microseconds(const timeval& time) {
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000 +
         static_cast<uint64_t>(time.tv_usec);
}

uint64_t Count(long count) { return static_cast<uint64_t>(count); }

void Describe(const rusage& used, v1::ResourceUse& to) {
  to.set_user_microseconds(Microseconds(used.ru_utime));
  to.set_system_microseconds(Microseconds(used.ru_stime));
  to.set_max_resident_bytes(Count(used.ru_maxrss) * 1024);
  to.set_minor_page_faults(Count(used.ru_minflt));
  to.set_major_page_faults(Count(used.ru_majflt));
  to.set_blocks_read(Count(used.ru_inblock));
  to.set_blocks_written(Count(used.ru_oublock));
  to.set_voluntary_switches(Count(used.ru_nvcsw));
  to.set_involuntary_switches(Count(used.ru_nivcsw));
}

}  // namespace

Parcel<v1::ProcessEvent> StartedEvent(uint64_t id, pid_t pid, SharedFd pidfd) {
  Parcel<v1::ProcessEvent> event;
  event->mutable_started()->set_id(id);
  event->mutable_started()->set_pid(pid);
  event.Attach(event->mutable_started()->mutable_pidfd(), std::move(pidfd));
  return event;
}

Parcel<v1::ProcessEvent> StopEvent(int stop_signal) {
  Parcel<v1::ProcessEvent> event;
  if (stop_signal != 0) {
    event->mutable_stopped()->set_signal(stop_signal);
  } else {
    event->mutable_continued();
  }
  return event;
}

Parcel<v1::ProcessEvent> EndedEvent(const process::ProcessEnd& end) {
  Parcel<v1::ProcessEvent> event;
  v1::Ended& ended = *event->mutable_ended();
  if (end.signal != 0) {
    ended.set_signal(end.signal);
  } else {
    ended.set_exit_code(end.exit_code);
  }
  ended.set_core_dumped(end.core_dumped);
  Describe(end.resources, *ended.mutable_resources());
  return event;
}

}  // namespace fdrpc::launcher
