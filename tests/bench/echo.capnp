@0xd1f0b3a8e5c94721;

# echo.proto for Cap'n Proto.
interface Echo {
  unary @0 (payload :Data) -> (payload :Data);
  down @1 (payloadBytes :UInt32, sink :Sink) -> ();
  up @2 () -> (sink :Sink);
}

interface Sink {
  write @0 (payload :Data) -> stream;
  done @1 () -> (messages :UInt64);
}
