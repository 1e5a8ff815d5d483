import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

import { composeAnswer } from './answer.ts';
import { CHAT_COMPLETIONS, RESPONSES, type Api } from './apis.ts';
import { RequestError, type ChatRequest } from './chat-request.ts';
import { Pacing } from './pacing.ts';
import { BODY_BYTES_MAX, readBody } from './read-body.ts';
import { Run } from './run.ts';
import { RunLog, type RunRecord } from './run-log.ts';
import { SCRIPT_HELP } from './script-help.ts';
import { ScriptError } from './script-values.ts';
import { scriptOf, type Script } from './script.ts';
import { simulatorStats } from './stats.ts';
import { errorJson } from './wire.ts';

/** Where the simulator reports what it did not expect. A pino logger fits. */
export interface SimulatorLog {
  error(fields: object, message: string): void;
}

const REQUEST_ID_LENGTH_MAX = 256;
/** Model names that `GET /v1/models` shows: a plain one and two scripts to learn from. */
const MODELS = ['assistant', 'think=2s,tokens=20,pace=50ms', 'text=echo,pace=30ms'];

/** The simulator's HTTP server, not yet listening. */
export function createSimulatorServer(log: SimulatorLog): Server {
  const simulator = new Simulator(log);
  const server = createServer({ keepAliveTimeout: 75_000 }, (request, response) => {
    simulator.handle(request, response);
  });
  server.on('connection', (socket) => {
    simulator.openSockets += 1;
    socket.once('close', () => (simulator.openSockets -= 1));
  });
  return server;
}

class Simulator {
  openSockets = 0;
  readonly #log: SimulatorLog;
  readonly #runs = new RunLog();
  readonly #createdSeconds = Math.floor(Date.now() / 1_000);
  #sequence = 0;

  constructor(log: SimulatorLog) {
    this.#log = log;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const target = request.url ?? '/';
    const mark = target.indexOf('?');
    const path = mark < 0 ? target : target.slice(0, mark);
    const route = this.#route(path);
    if (route === undefined) {
      sendJson(response, 404, errorJson(`No such route: ${path}`, { code: 'unknown_url' }));
    } else if (request.method !== route.method) {
      const message = `${path} takes ${route.method} only.`;
      sendJson(response, 405, errorJson(message, { code: 'method_not_allowed' }));
    } else {
      route.handle(request, response, new URLSearchParams(mark < 0 ? '' : target.slice(mark)));
    }
  }

  #route(path: string): Route | undefined {
    switch (path) {
      case '/v1/chat/completions':
        return this.#answering(CHAT_COMPLETIONS);
      case '/v1/responses':
        return this.#answering(RESPONSES);
      case '/v1/models':
        return get(() => ({ object: 'list', data: MODELS.map((id) => this.#model(id)) }));
      case '/script':
        return { method: 'GET', handle: (_request, response) => sendHelp(response) };
      case '/stats':
        return get(() => simulatorStats(this.#runs.counts(), this.openSockets));
      case '/log':
        return get((query) => this.#logOf(query.get('request')));
      case '/livez':
        return get(() => ({ status: 'ok' }));
      case '/reset':
        return { method: 'POST', handle: (request, response) => this.#reset(request, response) };
      default:
        return undefined;
    }
  }

  #answering(api: Api): Route {
    return { method: 'POST', handle: (request, response) => this.#answer(api, request, response) };
  }

  #answer(api: Api, request: IncomingMessage, response: ServerResponse): void {
    readBody(request, (body) => {
      try {
        if (body === undefined) {
          this.#runs.reject();
          const message = `The body is larger than ${BODY_BYTES_MAX} bytes.`;
          response.setHeader('connection', 'close');
          sendJson(response, 413, errorJson(message));
        } else {
          this.#run(api, request, response, body);
        }
      } catch (error) {
        this.#refuse(response, error);
      }
    });
  }

  #run(api: Api, request: IncomingMessage, response: ServerResponse, body: string): void {
    const chat = api.read(body);
    const script = readScript(chat, request);
    this.#sequence += 1;
    const given = requestIdOf(request);
    const requestId = given ?? `sim-${this.#sequence}`;
    if (script.faultTimes !== Infinity && given === undefined) {
      throw new RequestError('times needs the header x-request-id.', 'x-request-id');
    }
    const record = this.#runs.start(requestId, script.source, chat.stream);
    response.setHeader('x-request-id', requestId);
    const answer = composeAnswer(script, chat);
    const envelope = {
      id: `${api.idPrefix}${this.#sequence}`,
      model: chat.model,
      createdSeconds: Math.floor(record.startedAtMs / 1_000),
    };
    const run = new Run({
      response,
      answer,
      writer: api.writer(answer, envelope, chat.includeUsage),
      stream: chat.stream,
      pacing: new Pacing(script, requestId),
      fault: record.attempt <= script.faultTimes ? script.fault : undefined,
      record,
      log: this.#runs,
    });
    run.start();
  }

  #refuse(response: ServerResponse, error: unknown): void {
    this.#runs.reject();
    if (error instanceof RequestError) {
      sendJson(response, 400, errorJson(error.message, { param: error.param }));
      return;
    }
    this.#log.error({ err: error }, 'a request failed');
    sendJson(response, 500, errorJson('The simulator has a bug.', { type: 'server_error' }));
  }

  #reset(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    this.#runs.reset();
    sendJson(response, 200, '{"status":"ok"}');
  }

  /** The runs of one request with the time of each token; without a request, all runs without. */
  #logOf(request: string | null): { readonly runs: readonly Partial<RunRecord>[] } {
    if (request !== null) return { runs: this.#runs.of(request) };
    return { runs: this.#runs.all().map(({ tokensAtMs: _times, ...rest }) => rest) };
  }

  #model(id: string): object {
    return { id, object: 'model', created: this.#createdSeconds, owned_by: 'simulator' };
  }
}

interface Route {
  readonly method: 'GET' | 'POST';
  handle(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void;
}

function get(answer: (query: URLSearchParams) => object): Route {
  return {
    method: 'GET',
    handle: (_request, response, query) => sendJson(response, 200, JSON.stringify(answer(query))),
  };
}

function readScript(chat: ChatRequest, request: IncomingMessage): Script {
  const header = request.headers['x-simulator-script'];
  const text = Array.isArray(header) ? header.join(',') : header;
  try {
    return scriptOf(chat.model, text);
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    const param = text === undefined ? 'model' : 'x-simulator-script';
    throw new RequestError(`Bad simulator script: ${error.message}.`, param);
  }
}

function requestIdOf(request: IncomingMessage): string | undefined {
  for (const name of ['x-client-request-id', 'x-request-id']) {
    const header = request.headers[name];
    if (typeof header !== 'string' || header === '') continue;
    if (header.length <= REQUEST_ID_LENGTH_MAX) return header;
    const message = `${name} has more than ${REQUEST_ID_LENGTH_MAX} characters.`;
    throw new RequestError(message, name);
  }
  return undefined;
}

function sendHelp(response: ServerResponse): void {
  response.writeHead(200, ['content-type', 'text/plain; charset=utf-8']).end(SCRIPT_HELP);
}

function sendJson(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, ['content-type', 'application/json']).end(body);
}
