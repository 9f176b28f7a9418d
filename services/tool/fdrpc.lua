-- Shows recordings of fdrpc capture in Wireshark and tshark:
--   wireshark -X lua_script:fdrpc.lua recording.pcapng
-- or copy it to Wireshark's folder of plugins. The bytes are described in
-- fdrpc's docs/guide/recordings.md and docs/protocol.md.

local kinds = { "connected", "frame", "ended", "datagram", "schema" }
local directions = { [0] = "", "->", "<-" }
local types = { "hello", "open", "headers", "message", "status", "cancel", "credit", "ping", "pong", "go-away",
  "method", "want-rings", "region", "to-ring", "to-socket", "doorbell", "no-rings", [128] = "offer" }
local statuses = { [0] = "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
  "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
  "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED" }
local descriptor_kinds = { [0] = "other", "regular file", "directory", "pipe", "socket", "memfd", "character device",
  "block device", "terminal", "eventfd", "timerfd", "signalfd", "pidfd", "epoll", "inotify" }
local accesses = { [0] = "none", "reading", "writing", "reading and writing" }

local fdrpc = Proto("fdrpc", "fdrpc")
local f = {
  kind = ProtoField.uint8("fdrpc.kind", "Kind", base.DEC, kinds),
  direction = ProtoField.uint8("fdrpc.direction", "Direction", base.DEC, directions),
  continues = ProtoField.bool("fdrpc.continues", "Continued in the next packet"),
  connection = ProtoField.uint32("fdrpc.connection", "Connection"),
  descriptor = ProtoField.uint8("fdrpc.descriptor.kind", "Descriptor", base.DEC, descriptor_kinds),
  access = ProtoField.uint8("fdrpc.descriptor.access", "Access", base.DEC, accesses),
  size = ProtoField.uint64("fdrpc.descriptor.size", "Size"),
  inode = ProtoField.uint64("fdrpc.descriptor.inode", "Inode"),
  pid = ProtoField.uint32("fdrpc.pid", "Process"),
  uid = ProtoField.uint32("fdrpc.uid", "User"),
  gid = ProtoField.uint32("fdrpc.gid", "Group"),
  offered_over = ProtoField.uint32("fdrpc.offered_over", "Offered over connection"),
  text = ProtoField.string("fdrpc.text", "Text"),
  length = ProtoField.uint32("fdrpc.frame.length", "Payload length"),
  call = ProtoField.uint32("fdrpc.frame.call", "Call"),
  type = ProtoField.uint8("fdrpc.frame.type", "Type", base.DEC, types),
  flags = ProtoField.uint8("fdrpc.frame.flags", "Flags", base.HEX),
  count = ProtoField.uint16("fdrpc.frame.descriptors", "Descriptors"),
  argument = ProtoField.uint32("fdrpc.frame.argument", "Argument"),
  method = ProtoField.string("fdrpc.method", "Method"),
  status = ProtoField.uint32("fdrpc.status", "Status", base.DEC, statuses),
  payload = ProtoField.bytes("fdrpc.payload", "Payload"),
}
fdrpc.fields = f

-- Names of methods, by connection and id, and those of calls.
local methods = {}
local calls = {}
-- Numbers of packets that continue the one before them.
local continued = {}
local is_open = {}
function fdrpc.init()
  methods, calls, continued, is_open = {}, {}, {}, {}
end

local function frame(content, connection, tree)
  local type = content(8, 1):le_uint()
  local call = content(4, 4):le_uint()
  local argument = content(12, 4):le_uint()
  local payload = content:len() > 16 and content(16) or nil
  tree:add_le(f.length, content(0, 4))
  tree:add_le(f.call, content(4, 4))
  tree:add_le(f.type, content(8, 1))
  tree:add_le(f.flags, content(9, 1))
  tree:add_le(f.count, content(10, 2))
  tree:add_le(f.argument, content(12, 4))
  local info = types[type] or ("type " .. type)
  if call ~= 0 then info = info .. " of call " .. call end
  local of_call = connection .. " " .. call
  if types[type] == "method" and payload then
    methods[connection .. " " .. argument] = payload:string()
    tree:add(f.method, payload)
    return info .. " " .. argument .. ": " .. payload:string()
  elseif types[type] == "open" then
    calls[of_call] = methods[connection .. " " .. argument]
  elseif types[type] == "status" then
    tree:add_le(f.status, content(12, 4))
    info = info .. " " .. (statuses[argument] or argument)
  end
  if call ~= 0 and calls[of_call] then
    tree:add(f.method, calls[of_call]):set_generated()
    info = info .. ", " .. calls[of_call]
  end
  if payload then tree:add(f.payload, payload) end
  return info
end

function fdrpc.dissector(packet, pinfo, root)
  if packet:len() < 16 or packet(0, 4):string() ~= "FDRR" then return 0 end
  local tree = root:add(fdrpc, packet())
  local kind = kinds[packet(5, 1):uint()] or "unknown"
  local direction = packet(6, 1):uint()
  local connection = packet(8, 4):le_uint()
  local count = packet(12, 2):le_uint()
  tree:add(f.kind, packet(5, 1))
  tree:add(f.direction, packet(6, 1))
  tree:add(f.continues, packet(7, 1), packet(7, 1):uint() % 2 == 1)
  tree:add_le(f.connection, packet(8, 4))
  for i = 0, count - 1 do
    local at = packet(16 + 32 * i, 32)
    local item = tree:add(f.descriptor, at(0, 1))
    item:add(f.access, at(1, 1))
    item:add_le(f.size, at(8, 8))
    item:add_le(f.inode, at(24, 8))
  end
  if not pinfo.visited then
    local key = kind .. direction .. " " .. connection
    continued[pinfo.number] = is_open[key]
    is_open[key] = packet(7, 1):uint() % 2 == 1
  end
  local begin = 16 + 32 * count
  local content = packet:len() > begin and packet(begin) or nil
  local info = kind
  if continued[pinfo.number] then
    info = kind .. " continued"
    if content then tree:add(f.payload, content) end
  elseif kind == "connected" and content and content:len() >= 16 then
    tree:add_le(f.pid, content(0, 4))
    tree:add_le(f.uid, content(4, 4))
    tree:add_le(f.gid, content(8, 4))
    tree:add_le(f.offered_over, content(12, 4))
    info = "process " .. content(0, 4):le_uint()
  elseif kind == "ended" and content then
    tree:add(f.text, content)
    info = "end: " .. content:string()
  elseif kind == "frame" and content and content:len() >= 16 then
    info = frame(content, connection, tree)
  elseif content then
    tree:add(f.payload, content)
  end
  if count > 0 then info = info .. ", " .. count .. " descriptors" end
  pinfo.cols.protocol = "fdrpc"
  pinfo.cols.info = (connection > 0 and "connection " .. connection .. " " or "") ..
    (directions[direction] or "") .. " " .. info
  return packet:len()
end

DissectorTable.get("wtap_encap"):add(wtap.USER0, fdrpc)
