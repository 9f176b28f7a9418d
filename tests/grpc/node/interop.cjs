// interop.cjs PROTO GATEWAY: gRPC's test service, served and called by grpc-js, with
// two gateways between: client -> gateway (gRPC to a Unix socket) -> gateway (to gRPC)
// -> server. Prints a line for each case; fails at the first that does not hold.
'use strict';
const assert = require('node:assert');
const {spawn, execFileSync} = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [proto, gatewayProgram] = process.argv.slice(2);
const {TestService} = grpc.loadPackageDefinition(
    loader.loadSync(proto, {keepCase: true, defaults: true})).grpc.testing;
const limits = {
  'grpc.max_receive_message_length': 64 << 20,
  'grpc.max_send_message_length': 64 << 20,
};
const payload = (size) => ({body: Buffer.alloc(size, 120)});

let cancelled;
const hung = new Promise((resolve) => { cancelled = resolve; });

function echoMetadata(call) {
  const trailing = new grpc.Metadata();
  for (const value of call.metadata.get('x-grpc-test-echo-trailing-bin')) {
    trailing.add('x-grpc-test-echo-trailing-bin', value);
  }
  const initial = new grpc.Metadata();
  for (const value of call.metadata.get('x-grpc-test-echo-initial')) {
    initial.add('x-grpc-test-echo-initial', value);
  }
  call.sendMetadata(initial);
  return trailing;
}

const handlers = {
  EmptyCall: (call, reply) => reply(null, {}, echoMetadata(call)),
  UnaryCall: (call, reply) => {
    const trailing = echoMetadata(call);
    const status = call.request.response_status;
    if (status && status.code) {
      return reply({code: status.code, details: status.message, metadata: trailing});
    }
    reply(null, {payload: payload(call.request.response_size)}, trailing);
  },
  StreamingInputCall: (call, reply) => {
    let size = 0;
    call.on('data', (request) => { size += request.payload.body.length; });
    call.on('end', () => reply(null, {aggregated_payload_size: size}));
  },
  StreamingOutputCall: (call) => {
    for (const {size} of call.request.response_parameters) {
      call.write({payload: payload(size)});
    }
    call.end();
  },
  FullDuplexCall: (call) => {
    const trailing = echoMetadata(call);
    if (call.metadata.get('x-test-hang').length > 0) {
      call.on('cancelled', cancelled);
      return;
    }
    call.on('data', (request) => {
      for (const {size} of request.response_parameters) {
        call.write({payload: payload(size)});
      }
    });
    call.on('end', () => call.end(trailing));
  },
};

const gateways = [];
async function startGateway(...options) {
  const gateway = spawn(gatewayProgram, [...options, '--insecure'],
                        {stdio: ['ignore', 'pipe', 'inherit']});
  gateways.push(gateway);
  for await (const line of readline.createInterface({input: gateway.stdout})) {
    return line.replace('listening on ', '');
  }
  throw new Error('the gateway did not listen');
}

const unary = (client, method, request, metadata = new grpc.Metadata()) =>
    new Promise((resolve) => {
      let initial;
      let trailing;
      const call = client[method](request, metadata, {deadline: Date.now() + 60000},
                                  (error, reply) => setImmediate(
                                      () => resolve({error, reply, initial, trailing})));
      call.on('metadata', (received) => { initial = received; });
      call.on('status', (status) => { trailing = status.metadata; });
    });

const cases = {
  async empty_unary(client) {
    assert.ifError((await unary(client, 'EmptyCall', {})).error);
  },
  async large_unary(client) {
    const {error, reply} = await unary(
        client, 'UnaryCall', {response_size: 16 << 20, payload: payload(16 << 20)});
    assert.ifError(error);
    assert.equal(reply.payload.body.length, 16 << 20);
  },
  async client_streaming(client) {
    const reply = await new Promise((resolve, reject) => {
      const call = client.StreamingInputCall(
          (error, received) => error ? reject(error) : resolve(received));
      for (const size of [27182, 8, 1828, 45904]) call.write({payload: payload(size)});
      call.end();
    });
    assert.equal(reply.aggregated_payload_size, 74922);
  },
  async server_streaming(client) {
    const sizes = [31415, 9, 2653, 58979];
    const received = [];
    for await (const reply of client.StreamingOutputCall(
        {response_parameters: sizes.map((size) => ({size}))})) {
      received.push(reply.payload.body.length);
    }
    assert.deepEqual(received, sizes);
  },
  async ping_pong(client) {
    const sizes = [31415, 9, 2653, 58979];
    const call = client.FullDuplexCall();
    const received = [];
    call.write({response_parameters: [{size: sizes[0]}]});
    for await (const reply of call) {
      received.push(reply.payload.body.length);
      if (received.length === sizes.length) {
        call.end();
      } else {
        call.write({response_parameters: [{size: sizes[received.length]}]});
      }
    }
    assert.deepEqual(received, sizes);
  },
  async empty_stream(client) {
    const call = client.FullDuplexCall();
    call.end();
    for await (const reply of call) assert.fail(`a reply: ${reply}`);
  },
  async custom_metadata(client) {
    const bytes = Buffer.from([0x0a, 0x0b, 0x00, 0xff]);
    const metadata = new grpc.Metadata();
    metadata.add('x-grpc-test-echo-initial', 'initial');
    metadata.add('x-grpc-test-echo-trailing-bin', bytes);
    const {error, initial, trailing} = await unary(client, 'EmptyCall', {}, metadata);
    assert.ifError(error);
    assert.deepEqual(initial.get('x-grpc-test-echo-initial'), ['initial']);
    assert.deepEqual(trailing.get('x-grpc-test-echo-trailing-bin'), [bytes]);
  },
  async special_status_message(client) {
    const message = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP ' +
        '\u{1f608}\t\n';
    const {error} =
        await unary(client, 'UnaryCall', {response_status: {code: 2, message}});
    assert.equal(error.code, grpc.status.UNKNOWN);
    assert.equal(error.details, message);
  },
  async unimplemented_method(client) {
    const {error} = await unary(client, 'UnimplementedCall', {});
    assert.equal(error.code, grpc.status.UNIMPLEMENTED);
  },
  async cancel_after_first_response(client) {
    const call = client.FullDuplexCall();
    const status = new Promise((resolve) => call.on('error', resolve));
    call.on('data', () => call.cancel());
    call.write({response_parameters: [{size: 31415}]});
    assert.equal((await status).code, grpc.status.CANCELLED);
  },
  async timeout_on_sleeping_server(client) {
    const metadata = new grpc.Metadata();
    metadata.add('x-test-hang', '1');
    const call = client.FullDuplexCall(metadata, {deadline: Date.now() + 100});
    call.on('data', () => {});
    const error = await new Promise((resolve) => call.on('error', resolve));
    assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
    await hung;  // the server learns of it
  },
};

async function main() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'fdrpc-node-'));
  const server = new grpc.Server(limits);
  try {
    server.addService(TestService.service, handlers);
    const port = await new Promise((resolve, reject) => server.bindAsync(
        '127.0.0.1:0', grpc.ServerCredentials.createInsecure(),
        (error, bound) => error ? reject(error) : resolve(bound)));
    const set = path.join(directory, 'set');
    execFileSync('protoc', ['--include_imports', `--descriptor_set_out=${set}`,
                            `-I${path.dirname(proto)}`, path.basename(proto)]);
    const socket = await startGateway(
        '--listen', `unix:${directory}/socket`, '--to', `127.0.0.1:${port}`,
        '--descriptor-set', set);
    const address = await startGateway('--listen', '127.0.0.1:0', '--to', socket);
    const client = new TestService(address, grpc.credentials.createInsecure(), limits);
    for (const [name, run] of Object.entries(cases)) {
      await run(client);
      console.log(`ok ${name}`);
    }
    client.close();
  } finally {
    for (const gateway of gateways) gateway.kill();
    server.forceShutdown();
    fs.rmSync(directory, {recursive: true});
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
