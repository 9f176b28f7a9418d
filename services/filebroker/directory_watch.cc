#include "services/filebroker/directory_watch.h"

#include <optional>

namespace fdrpc::filebroker {
namespace {

v1::Event::Kind WireKind(DirectoryEvent::Kind kind) {
  switch (kind) {
    case DirectoryEvent::Kind::kStarted:
      return v1::Event::KIND_STARTED;
    case DirectoryEvent::Kind::kCreated:
      return v1::Event::KIND_CREATED;
    case DirectoryEvent::Kind::kRemoved:
      return v1::Event::KIND_REMOVED;
    case DirectoryEvent::Kind::kChanged:
      return v1::Event::KIND_CHANGED;
    case DirectoryEvent::Kind::kMovedFrom:
      return v1::Event::KIND_MOVED_FROM;
    case DirectoryEvent::Kind::kMovedTo:
      return v1::Event::KIND_MOVED_TO;
    case DirectoryEvent::Kind::kLost:
    case DirectoryEvent::Kind::kGone:
      break;
  }
  return v1::Event::KIND_OVERFLOW;
}

v1::Event WireEvent(const DirectoryEvent& event) {
  v1::Event wire;
  wire.set_kind(WireKind(event.kind));
  wire.set_name(event.name);
  wire.set_directory(event.is_directory);
  wire.set_rename(event.cookie);
  return wire;
}

}  // namespace

void DirectoryWatch::Tell(const DirectoryEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    Enqueue(event);
  }
  Continue();
}

void DirectoryWatch::Start() {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_front({.kind = DirectoryEvent::Kind::kStarted});
    is_writing_ = false;
  }
  Continue();
}

void DirectoryWatch::Enqueue(const DirectoryEvent& event) {
  if (event.kind == DirectoryEvent::Kind::kGone) {
    waiting_.push_back(event);
    return;
  }
  // A file that is written again and again, or more events that are lost.
  if (!waiting_.empty() && waiting_.back() == event) return;
  if (waiting_.size() < kMostWaiting) {
    waiting_.push_back(event);
  } else if (waiting_.back().kind != DirectoryEvent::Kind::kLost) {
    waiting_.push_back({.kind = DirectoryEvent::Kind::kLost});
  }
}

void DirectoryWatch::Continue() {
  DirectoryEvent event;
  {
    const std::lock_guard lock(mutex_);
    if (is_writing_ || waiting_.empty()) return;
    // Also for the end, which then comes once.
    is_writing_ = true;
    event = std::move(waiting_.front());
    waiting_.pop_front();
  }
  if (event.kind == DirectoryEvent::Kind::kGone) return on_gone_();
  call_.Write(WireEvent(event), [self = shared_from_this()](bool taken) {
    if (!taken) return;  // the call has ended
    {
      const std::lock_guard lock(self->mutex_);
      self->is_writing_ = false;
    }
    self->Continue();
  });
}

}  // namespace fdrpc::filebroker
