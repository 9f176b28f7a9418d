// A chat over bidirectional streams: lines of standard input go to everybody
// else, and theirs come to standard output.
//
//   fdrpc-example-chat serve unix:chat.sock
//   fdrpc-example-chat join unix:chat.sock NAME
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "chat.fdrpc.h"
#include "fdrpc/channel.h"
#include "fdrpc/server.h"

namespace {

using examples::chat::Chat;
using examples::chat::Line;

// The members of the chat. A handler with callbacks holds no thread while its
// member is silent, so that there can be any number of them.
class Room final : public Chat::AsyncService {
 public:
  void Join(Chat::JoinCall stream) override {
    auto member = std::make_shared<Member>(*this, std::move(stream));
    {
      const std::lock_guard lock(mutex_);
      members_.insert(member);
    }
    member->Listen(member);
  }

 private:
  // One call, until it ends.
  class Member {
   public:
    Member(Room& room, Chat::JoinCall stream)
        : room_(room), stream_(std::move(stream)) {}

    // Reads the next line, again and again.
    void Listen(const std::shared_ptr<Member>& self) {
      stream_.Read([this, self](std::optional<Line> line) {
        if (!line.has_value()) return Leave(self);
        if (name_.empty()) {
          name_ = line->text();
          Say(self, absl::StrCat("welcome, ", name_));
          room_.Tell(*this, absl::StrCat(name_, " has come"));
        } else {
          room_.Tell(*this, absl::StrCat(name_, ": ", line->text()));
        }
        Listen(self);
      });
    }
    // Queues a line. One Write() may be pending at a time; a member that does
    // not read is left behind.
    void Say(const std::shared_ptr<Member>& self, const std::string& text) {
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= kMostWaiting) return;
        waiting_.push_back(text);
        if (std::exchange(writes_, true)) return;
      }
      WriteNext(self);
    }

   private:
    static constexpr size_t kMostWaiting = 1000;

    void WriteNext(const std::shared_ptr<Member>& self) {
      Line line;
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) {
          writes_ = false;
          return;
        }
        line.set_text(std::move(waiting_.front()));
        waiting_.pop_front();
      }
      stream_.Write(std::move(line), [this, self](bool taken) {
        if (taken) WriteNext(self);
      });
    }
    void Leave(const std::shared_ptr<Member>& self) {
      room_.Remove(self);
      if (!name_.empty()) room_.Tell(*this, absl::StrCat(name_, " has gone"));
      stream_.Finish(absl::OkStatus());
    }

    Room& room_;
    Chat::JoinCall stream_;
    std::string name_;  // of the thread that reads
    std::mutex mutex_;
    std::deque<std::string> waiting_;
    bool writes_ = false;
  };

  void Tell(const Member& from, const std::string& text) {
    std::set<std::shared_ptr<Member>> all;
    {
      const std::lock_guard lock(mutex_);
      all = members_;
    }
    for (const auto& member : all) {
      if (member.get() != &from) member->Say(member, text);
    }
  }
  void Remove(const std::shared_ptr<Member>& member) {
    const std::lock_guard lock(mutex_);
    members_.erase(member);
  }

  std::mutex mutex_;
  std::set<std::shared_ptr<Member>> members_;
};

int Serve(const std::string& address) {
  Room room;
  fdrpc::Server server;
  server.AddService(room);
  if (absl::Status status = server.Listen(address); !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  std::cout << "listening" << std::endl;
  server.Run();
  return 0;
}

int Join(const std::string& address, const std::string& name) {
  const absl::StatusOr<fdrpc::Channel> channel =
      fdrpc::Channel::Connect(address);
  if (!channel.ok()) {
    std::cerr << channel.status() << "\n";
    return 1;
  }
  auto stream = Chat::Stub(*channel).Join();
  // One thread may write while another one reads.
  std::thread speaker([&] {
    Line line;
    line.set_text(name);
    std::string text;
    bool open = stream.Write(line);
    while (open && std::getline(std::cin, text)) {
      line.set_text(text);
      open = stream.Write(line);
    }
    stream.WritesDone();
  });
  while (const std::optional<Line> line = stream.Read()) {
    std::cout << line->text() << std::endl;
  }
  speaker.join();
  const absl::Status status = stream.Finish();
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (role == "serve" && argc == 3) return Serve(argv[2]);
  if (role == "join" && argc == 4) return Join(argv[2], argv[3]);
  std::cerr << "usage: fdrpc-example-chat serve ADDRESS | join ADDRESS NAME\n";
  return 2;
}
