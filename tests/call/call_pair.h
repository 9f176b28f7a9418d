#ifndef FDRPC_TESTS_CALL_CALL_PAIR_H_
#define FDRPC_TESTS_CALL_CALL_PAIR_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "call/call_state.h"
#include "gtest/gtest.h"

namespace fdrpc::testing {

// The client's and the server's CallState of one call, with two queues between
// them, and users that always wait for everything. It does what the two say, as
// a client and a server do, and checks after each step what must always be
// true. A message is one byte, its number.
class CallPair {
 public:
  struct Kind {
    bool requests;  // whether there is a stream of them
    bool replies;
  };
  // Everything that can happen. A step that is not possible does nothing.
  enum Step : uint8_t {
    kOpen,
    kUnseen,  // the connection ended before the server saw the call
    kClientSends,
    kClientSendsLast,
    kClientHalfCloses,
    kClientTakes,
    kClientCancels,
    kClientRoom,  // the connection has room, or has none any more
    kServerSendsHeaders,
    kServerSends,
    kServerTakes,
    kServerStops,
    kServerFinishes,
    kServerFails,  // for example at the deadline
    kServerRoom,
    kToServer,  // a frame arrives
    kToClient,
    kConnectionEnds,
    kSteps
  };

  // Each user sends at most so many messages.
  CallPair(Kind kind, int most_messages)
      : kind_(kind),
        most_(most_messages),
        client_({.side = Side::kClient,
                 .sends_stream = kind.requests,
                 .receive_limits = {.bytes = 100},
                 .receive_window = Window(kind.replies)}),
        server_({.sends_stream = kind.replies,
                 .send_credit = kWindow,
                 .receive_limits = {.bytes = 100},
                 .receive_window = Window(kind.requests)}) {
    client_.room = server_.room = true;
    server_.balance = kWindow.bytes;
  }

  void Do(Step step) {
    switch (step) {
      case kOpen:
        return Open();
      case kUnseen:
        return Unseen();
      case kClientSends:
        return Send(client_, false);
      case kClientSendsLast:
        return Send(client_, true);
      case kClientHalfCloses:
        if (client_.state.HalfClose()) Advance(client_);
        return Settle();
      case kClientTakes:
        return Take(client_, server_);
      case kClientCancels:
        return EndClient(true);
      case kClientRoom:
        return ToggleRoom(client_);
      case kServerSendsHeaders:
        if (!has_server_ || server_.state.phase() > CallState::Phase::kOpen) {
          return;
        }
        if (server_.state.SendHeaders()) server_.sent.push_back({kHeaders});
        return Settle();
      case kServerSends:
        return Send(server_, false);
      case kServerTakes:
        return Take(server_, client_);
      case kServerStops:
        if (has_server_) server_.state.StopReceiving();
        return Settle();
      case kServerFinishes:
        if (has_server_ && server_.state.Finish()) {
          ++server_.finishes;
          (void)server_.state.Drop();
          Advance(server_);
        }
        return Settle();
      case kServerFails:
        return FailServer(true);
      case kServerRoom:
        return ToggleRoom(server_);
      case kToServer:
        return ToServer();
      case kToClient:
        return ToClient();
      case kConnectionEnds:
        client_.sent.clear();
        server_.sent.clear();
        EndClient(false);
        FailServer(false);
        cut_ = true;
        return Settle();
      case kSteps:
        return;
    }
  }

  // Lets everything reach its end: all frames arrive, and users take all
  // messages and finish.
  void RunOut() {
    if (!client_.room) Do(kClientRoom);
    if (!server_.room) Do(kServerRoom);
    Do(kOpen);
    Do(kClientHalfCloses);
    for (int i = 0; i < 50 && !(quiet() && both_ended()); ++i) {
      Do(kToServer);
      Do(kServerTakes);
      Do(kToClient);
      Do(kClientTakes);
      if (quiet() && server_.state.Ready(CallEvent::kMessage) &&
          !server_.state.has_message() && server_.state.has_room()) {
        Do(kServerFinishes);
      }
    }
    EXPECT_TRUE(client_.state.ended());
    EXPECT_TRUE(!has_server_ || server_.state.ended());
    for (int i = 0; i <= most_; ++i) Do(kClientTakes);
    // Nobody waits for ever, and nothing is lost unless something went wrong.
    for (Peer* side : {&client_, &server_}) {
      if (side == &server_ && !has_server_) continue;
      for (const Waiter& waiter : side->waiters) {
        EXPECT_EQ(waiter.waits, 0);
        EXPECT_EQ(waiter.told, waiter.asked);
      }
    }
    if (!went_wrong_) {
      EXPECT_EQ(client_.taken, server_.numbers);
      EXPECT_EQ(server_.taken, client_.numbers);
    }
  }

  // The state of both sides and of the queues: pairs with the same state behave
  // in the same way.
  std::string Digest() const {
    std::string digest = absl::StrCat(has_server_, cut_, went_wrong_, opens_);
    for (const Peer* side : {&client_, &server_}) {
      const CallState& state = side->state;
      absl::StrAppend(&digest, "|", static_cast<int>(state.phase()),
                      static_cast<int>(state.sending()),
                      static_cast<int>(state.receiving()),
                      static_cast<int>(state.headers()),
                      state.sent_behind_open(), state.has_room(), side->room,
                      side->waiting_last, ",", side->balance, ",",
                      side->numbers, ",", side->taken, ",", side->arrived, ",",
                      side->half_closes);
      for (const Frame& frame : side->sent) {
        absl::StrAppend(&digest, ";", static_cast<int>(frame.type),
                        frame.half_close, frame.value);
      }
    }
    return digest;
  }

  const CallState& client() const { return client_.state; }
  const CallState& server() const { return server_.state; }

 private:
  // A message may begin while any credit is left. So there is room for one
  // message and, once that has been taken, for the next.
  static constexpr Credit kWindow = {.bytes = 10, .descriptors = 1};
  static std::optional<Credit> Window(bool streams) {
    return streams ? std::optional<Credit>(kWindow) : std::nullopt;
  }

  enum Type : uint8_t {
    kOpenFrame,
    kHeaders,
    kMessage,
    kStatus,
    kCancel,
    kCredit
  };
  struct Frame {
    Type type;
    bool half_close = false;
    int value = 0;  // a message's number, or 0; an amount
  };
  // A user who waits for an event, again and again.
  struct Waiter final : Continuation {
    void Run() override {}
    int asked = 0;
    int told = 0;
    int waits = 0;
  };
  struct Peer {
    explicit Peer(const CallState::Terms& terms) : state(terms) {}

    CallState state;
    bool room = false;
    std::deque<Frame> sent;  // not arrived yet
    int waiting_last = 0;
    int64_t balance = 0;  // what it may send
    std::array<Waiter, kCallEvents> waiters;
    // Messages that its user has sent, that have arrived, and that its user has
    // taken.
    std::string numbers;
    int arrived = 0;
    std::string taken;
    int half_closes = 0;
    int finishes = 0;
    int ends = 0;
  };

  bool quiet() const { return client_.sent.empty() && server_.sent.empty(); }
  bool both_ended() const {
    return client_.state.ended() && (!has_server_ || server_.state.ended());
  }

  void Open() {
    if (cut_ || client_.state.phase() != CallState::Phase::kWaiting) return;
    client_.state.OnOpened(kWindow);
    client_.balance = kWindow.bytes;
    Frame open{kOpenFrame};
    if (!kind_.requests) {
      client_.numbers = "1";
      open = {kOpenFrame, true, 1};
      client_.half_closes = 1;
    }
    ++opens_;
    client_.sent.push_back(open);
    Advance(client_);
    Settle();
  }

  void Unseen() {
    if (has_server_ || cut_ || opens_ > 1 ||
        client_.state.phase() != CallState::Phase::kOpen ||
        client_.state.sent_behind_open()) {
      return;
    }
    client_.sent.clear();
    client_.state.OnUnseen();
    Settle();
  }

  void Send(Peer& side, bool last) {
    if (&side == &server_ && !has_server_) return;
    CallState& state = side.state;
    if (!state.sends() || !state.has_room() ||
        static_cast<int>(side.numbers.size()) >= most_) {
      return;
    }
    side.numbers.push_back(static_cast<char>('1' + side.numbers.size()));
    state.Send(1, 0, last);
    if (&side == &server_) (void)state.SendHeaders();
    Advance(side);
    Settle();
  }

  // Queues what may be sent.
  void Advance(Peer& side) {
    while (side.room && !cut_) {
      const CallState::Next next = side.state.next();
      if (next == CallState::Next::kNothing) return;
      Frame frame{kMessage};
      if (next == CallState::Next::kMessage) {
        EXPECT_GT(side.balance, 0) << "sends without credit";
        side.balance -= 1 + static_cast<int64_t>(kMessageCostBytes);
        frame.value = side.numbers.back() - '0';
        // Like the frames of a last message.
        frame.half_close =
            &side == &client_ &&
            side.state.sending() == CallState::Sending::kHalfClosed;
      } else if (next == CallState::Next::kHalfClose) {
        frame.half_close = true;
      } else {
        frame = {kStatus};
        if (!kind_.replies) {
          server_.numbers = "1";
          frame.value = 1;
        }
        ++side.ends;
      }
      side.half_closes += frame.half_close;
      EXPECT_LE(side.half_closes, 1);
      side.state.OnQueued(next);
      side.sent.push_back(frame);
    }
  }

  void Take(Peer& side, Peer& from) {
    if (&side == &server_ && !has_server_) return;
    ReceivedMessage message;
    Credit grant;
    if (!side.state.Take(message, grant)) return;
    side.taken += message.bytes.ToString();
    EXPECT_EQ(side.taken, from.numbers.substr(0, side.taken.size()))
        << "in order, none twice";
    if (!grant.empty() && !cut_) {
      side.sent.push_back({kCredit, false, static_cast<int>(grant.bytes)});
    }
    Settle();
  }

  void EndClient(bool here) {
    const bool opened = client_.state.phase() == CallState::Phase::kOpen;
    if (!client_.state.End()) return;
    if (here) (void)client_.state.Drop();
    ++client_.ends;
    went_wrong_ = true;
    if (here && opened) client_.sent.push_back({kCancel});
    Settle();
  }

  void FailServer(bool tells) {
    if (!has_server_ || !server_.state.End()) return;
    ++server_.ends;
    (void)server_.state.Drop();
    went_wrong_ = true;
    if (tells) server_.sent.push_back({kStatus});
    Settle();
  }

  void ToggleRoom(Peer& side) {
    side.room = !side.room;
    Advance(side);
    Settle();
  }

  void ToServer() {
    if (client_.sent.empty()) return;
    const Frame frame = client_.sent.front();
    client_.sent.pop_front();
    if (frame.type == kOpenFrame) has_server_ = true;
    CallState& state = server_.state;
    // Like a table of calls, which does not have those that have ended.
    if (state.ended()) return;
    if (frame.type == kCancel) return FailServer(false);
    if (frame.type == kCredit) {
      EXPECT_TRUE(
          state.OnCredit({.bytes = static_cast<uint32_t>(frame.value)}));
      server_.balance += frame.value;
      Advance(server_);
      return Settle();
    }
    Arrive(server_, frame);
    if (frame.half_close) {
      EXPECT_TRUE(state.OnHalfClose("the client half-closed").ok());
    }
    EXPECT_TRUE(state.received().ok()) << state.received();
    Settle();
  }

  void ToClient() {
    if (server_.sent.empty()) return;
    const Frame frame = server_.sent.front();
    server_.sent.pop_front();
    CallState& state = client_.state;
    if (state.ended()) return;
    if (frame.type == kCredit) {
      EXPECT_TRUE(
          state.OnCredit({.bytes = static_cast<uint32_t>(frame.value)}));
      client_.balance += frame.value;
      Advance(client_);
      return Settle();
    }
    if (frame.type == kHeaders) {
      EXPECT_TRUE(state.OnHeaders());
    }
    Arrive(client_, frame);
    if (frame.type == kStatus) {
      // Without a reply this is an error.
      if (kind_.replies || frame.value != 0) {
        EXPECT_TRUE(state.OnHalfClose("the server ended the call").ok());
      }
      EXPECT_TRUE(state.received().ok()) << state.received();
      if (state.sending() != CallState::Sending::kHalfClosed ||
          !state.has_room() || server_.taken != client_.numbers) {
        went_wrong_ = true;  // the server ended it without all requests
      }
      EXPECT_TRUE(state.End());
      ++client_.ends;
    }
    Settle();
  }

  static void Arrive(Peer& side, const Frame& frame) {
    if (frame.value == 0) return;
    const bool kept = side.state.receives();
    EXPECT_TRUE(
        side.state.OnPiece(std::to_string(frame.value), {}, false, false, {})
            .ok());
    side.arrived += kept;
  }

  // Notifies users whose waits have ended; they wait again if they must.
  void Settle() {
    for (Peer* side : {&client_, &server_}) {
      while (const CallWait wait = side->state.TakeEndedWait()) {
        auto& waiter = static_cast<Waiter&>(*wait.continuation);
        EXPECT_EQ(waiter.waits, 1) << "told of what it does not wait for";
        waiter.waits = 0;
        ++waiter.told;
      }
      for (int i = 0; i < kCallEvents; ++i) {
        const auto event = static_cast<CallEvent>(i);
        Waiter& waiter = side->waiters[static_cast<size_t>(i)];
        if (side->state.Ready(event)) {
          EXPECT_EQ(waiter.waits, 0) << "an event has come and nobody is told";
        } else if (waiter.waits == 0) {
          EXPECT_FALSE(side->state.ended());
          side->state.waits().Add(event, {.continuation = &waiter});
          waiter.waits = 1;
          ++waiter.asked;
        }
      }
      EXPECT_LE(side->ends, 1);
      EXPECT_LE(side->finishes, 1);
      if (side->state.ended()) {
        EXPECT_EQ(side->state.next(), CallState::Next::kNothing);
        EXPECT_TRUE(side->state.has_room());
        EXPECT_TRUE(side->state.waits().empty());
        EXPECT_FALSE(side->state.sends());
      }
    }
  }

  const Kind kind_;
  const int most_;
  Peer client_;
  Peer server_;
  bool has_server_ = false;  // the open frame has arrived
  bool cut_ = false;         // the connection has ended
  bool went_wrong_ = false;  // so messages may be lost
  int opens_ = 0;
};

}  // namespace fdrpc::testing

#endif  // FDRPC_TESTS_CALL_CALL_PAIR_H_
