/**
 * An MCP server that behaves as badly as it is told to: by its flags, and by the tool that is
 * called. It speaks the protocol by hand, because a library would not send what it sends. Started
 * by tests as a process of its own.
 */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';

const flags = new Set(process.argv.slice(2));
/** A file that this process writes its id to, and what else a test wants to know. */
const diary = process.env['MCP_TEST_DIARY'];
const HUGE = 5 * 1024 * 1024;

interface Call {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly error?: unknown;
}

/** Where the answer of one call goes. */
interface Out {
  message(message: object): void;
  raw(text: string): void;
  /** Breaks the connection of this call. */
  cut(): void;
}

const cancelled: unknown[] = [];
let calls = 0;
let extraTool = false;
/** Has forgotten who is who, and does not say so as the protocol wants it. */
let sick = false;

const SCHEMA = { type: 'object', properties: { text: { type: 'string' } } };
const NAMES = (
  'echo hang die garbage huge-line wrong-id malformed no-result error fail flood parts ' +
  'structured environment cancelled calls grow deep big asking unread sick x.y x_y'
).split(' ');

function toolList(): object[] {
  const names = extraTool ? [...NAMES, 'grown'] : NAMES;
  const tools: object[] = names.map((name) => ({ name, inputSchema: SCHEMA }));
  tools[0] = { ...tools[0], annotations: { readOnlyHint: true } };
  if (!flags.has('--bad-tools')) return tools;
  const deep = JSON.parse(`${'{"a":'.repeat(50)}1${'}'.repeat(50)}`) as object;
  return [
    ...tools,
    { name: 'echo', inputSchema: SCHEMA },
    { name: '', inputSchema: SCHEMA },
    { name: 'no-schema' },
    { name: 'array-schema', inputSchema: { type: 'array' } },
    { name: 'huge-schema', inputSchema: { type: 'object', description: 'x'.repeat(70_000) } },
    { name: 'deep-schema', inputSchema: { type: 'object', properties: deep } },
    { name: 'task-only', inputSchema: SCHEMA, execution: { taskSupport: 'required' } },
    { name: 'long'.repeat(30), inputSchema: { type: 'object' } },
  ];
}

function listed(params: Record<string, unknown> | undefined): object {
  const tools = toolList();
  if (flags.has('--endless-pages')) return { tools: tools.slice(0, 1), nextCursor: 'again' };
  const from = Number(params?.['cursor'] ?? 0);
  const to = from + 5;
  return { tools: tools.slice(from, to), ...(to < tools.length && { nextCursor: String(to) }) };
}

function answer(message: Call, out: Out): void {
  const { id, method, params } = message;
  if (method === undefined) asked.get(id)?.(message);
  const result = (value: object): void => out.message({ jsonrpc: '2.0', id, result: value });
  if (method === 'initialize' && !flags.has('--deaf')) {
    result({
      protocolVersion: flags.has('--other-version') ? '1999-01-01' : '2025-06-18',
      capabilities: flags.has('--no-tools') ? {} : { tools: { listChanged: true } },
      serverInfo: { name: 'scripted', version: '1' },
    });
  }
  if (method === 'tools/list') result(listed(params));
  if (method === 'ping') {
    note('ping');
    if (!flags.has('--no-ping')) result({});
  }
  if (method === 'notifications/cancelled') {
    cancelled.push(params?.['requestId']);
    note('cancelled');
  }
  if (method === 'tools/call') call(id, params ?? {}, out);
}

function call(id: unknown, params: Record<string, unknown>, out: Out): void {
  calls += 1;
  const name = String(params['name']);
  const input = params['arguments'] as Record<string, unknown>;
  const badly = BAD[name];
  if (badly !== undefined) {
    badly(id, out, input);
    return;
  }
  if (name === 'grow') extraTool = true;
  const parts = PARTS_OF[name]?.(input) ?? { content: [{ type: 'text', text: `called ${name}` }] };
  out.message({ jsonrpc: '2.0', id, result: parts });
  if (name === 'grow') announce({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' });
}

const said = (value: string): object => ({ content: [{ type: 'text', text: value }] });

/** What tools that behave give. */
const PARTS_OF: Record<string, (input: Record<string, unknown>) => object> = {
  echo: (input) => said(String(input['text'])),
  fail: () => ({ isError: true, ...said('e'.repeat(9_000)) }),
  parts: () => ({ content: PARTS }),
  big: () => said('x'.repeat(1024 * 1024)),
  structured: () => ({ content: [], structuredContent: { degrees: 21 } }),
  environment: () => said(JSON.stringify(process.env)),
  cancelled: () => said(JSON.stringify(cancelled)),
  calls: () => said(String(calls)),
};

/** Calls that wait for the worker to answer something, by the id of the question. */
const asked = new Map<unknown, (answer: Call) => void>();

/** What the others do. */
const BAD: Record<string, (id: unknown, out: Out, input: Record<string, unknown>) => void> = {
  hang: () => note('hang'),
  die: () => process.exit(3),
  garbage: (_id, out) => {
    out.raw('this is no JSON\n{"neither": "is this\n');
    out.cut();
  },
  'huge-line': (_id, out) => out.raw(`${'x'.repeat(HUGE)}\n`),
  'wrong-id': (_id, out) => {
    out.message({ jsonrpc: '2.0', id: 987_654, result: {} });
    out.cut();
  },
  malformed: (id, out) => out.message({ id, results: 'what' }),
  'no-result': (id, out) => {
    out.message({ jsonrpc: '2.0', id, result: { content: 'not a list' } });
  },
  error: (id, out, { code = -32_602, data }) => {
    out.message({ jsonrpc: '2.0', id, error: { code, message: 'no such city', data } });
  },
  flood: (_id, out) => flood(out),
  /** Wants the worker's model, as if it had offered that. */
  asking: (id, out) => {
    const method = 'sampling/createMessage';
    asked.set('q1', ({ error }) => {
      out.message({ jsonrpc: '2.0', id, result: said(JSON.stringify(error)) });
    });
    out.message({ jsonrpc: '2.0', id: 'q1', method, params: { messages: [], maxTokens: 1 } });
  },
  sick: (id, out) => {
    sick = true;
    out.message({ jsonrpc: '2.0', id, result: said('no more') });
  },
  unread: () => {
    process.stdin.pause();
    setInterval(() => {}, 1_000);
  },
  deep: (id, out) => {
    const nested = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const result = `{"structuredContent":{"a":${nested}}}`;
    out.raw(`{"jsonrpc":"2.0","id":${String(id)},"result":${result}}\n`);
  },
};

const PARTS = [
  { type: 'text', text: 'first' },
  { type: 'image', mimeType: 'image/png', data: 'A'.repeat(16_000) },
  { type: 'resource', resource: { uri: 'file:///a', text: 'inside' } },
  { type: 'resource_link', uri: 'file:///b', name: 'b' },
  { type: 'hologram' },
  7,
];

/** For ever, as fast as the reader takes it. */
function flood(out: Out): void {
  const notice = { jsonrpc: '2.0', method: 'notifications/message', params: { data: 'x' } };
  for (let sent = 0; sent < 500; sent += 1) out.message(notice);
  setImmediate(() => flood(out));
}

function note(line: string): void {
  if (diary !== undefined) appendFileSync(diary, `${line}\n`);
}

let announce: (message: object) => void = () => {};

function overStdio(): void {
  const out: Out = {
    message: (message) => out.raw(`${JSON.stringify(message)}\n`),
    raw: (text) => void process.stdout.write(text),
    cut: () => {},
  };
  announce = (message) => out.message(message);
  process.stdout.on('error', () => process.exit(0));
  process.stdout.write('a log line on stdout, as some servers print\n');
  process.stderr.write(`ready\n${'secret '.repeat(1_000)}\n`);
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => answer(JSON.parse(line) as Call, out));
  lines.on('close', () => {
    note('input ended');
    // Whoever stays must be ended.
    if (flags.has('--stays')) setInterval(() => {}, 1_000);
  });
  if (flags.has('--stays')) process.on('SIGTERM', () => note('SIGTERM'));
  if (flags.has('--child')) {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      stdio: 'inherit',
    });
    note(`child ${child.pid}`);
  }
}

function overHttp(): void {
  const session = `session-${process.pid}`;
  const listeners = new Set<ServerResponse>();
  announce = (message) => {
    for (const listener of listeners) listener.write(eventOf(message));
  };
  const server = createServer((request, response) => {
    const { headers, method } = request;
    const known = headers['mcp-session-id'] ?? session;
    if (flags.has('--token') && headers.authorization !== 'Bearer let-me-in') {
      response.writeHead(401).end('who are you?');
    } else if (flags.has('--redirect')) {
      response.writeHead(307, { location: 'http://127.0.0.1:9/' }).end();
    } else if (known !== session) response.writeHead(404).end();
    else if (method === 'DELETE') response.writeHead(204).end(() => note('deleted'));
    else if (method === 'GET') {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n');
      listeners.add(response);
      response.once('close', () => listeners.delete(response));
    } else void readCall(request).then((message) => post(message, response, session));
  });
  const port = Number(process.env['MCP_TEST_PORT'] ?? 0);
  server.listen(port, '127.0.0.1', () => {
    const address = server.address();
    if (typeof address === 'object') note(`port ${address?.port}`);
  });
}

function post(message: Call, response: ServerResponse, session: string): void {
  response.once('close', () => {
    if (!response.writableFinished) note('cut off');
  });
  if (message.id === undefined) {
    answer(message, { message: () => {}, raw: () => {}, cut: () => {} });
    return void response.writeHead(202).end();
  }
  if (message.method === 'initialize') sick = false;
  if (sick) return void response.writeHead(400).end('who?');
  response.setHeader('mcp-session-id', session);
  if (flags.has('--json')) {
    response.writeHead(200, { 'content-type': 'application/json' });
    return answer(message, {
      message: (value) => void response.end(JSON.stringify(value)),
      raw: (text) => void response.end(text),
      cut: () => void response.end(),
    });
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  answer(message, {
    // The answer does not end the stream: the client must know that it has all.
    message: (value) => void response.write(eventOf(value)),
    raw: (text) => void response.write(`data: ${text}\n`),
    cut: () => void response.destroy(),
  });
}

async function readCall(request: IncomingMessage): Promise<Call> {
  let text = '';
  for await (const part of request) text += String(part);
  return JSON.parse(text) as Call;
}

function eventOf(message: object): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}

note(`pid ${process.pid}`);
if (flags.has('--http')) overHttp();
else overStdio();
