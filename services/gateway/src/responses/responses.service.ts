import type { AgentProfile } from '@switchboard/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf, streamerOf } from '../accounts/doorkeeper.ts';
import type { Entrance } from '../entrance/entrance.ts';
import { introduce } from '../entrance/introduce.ts';
import { stillThere } from '../exchange/exchanges.ts';
import type { Exchanges } from '../exchange/exchanges.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { FindPlace } from '../exchange/queue-progress.ts';
import { sendJson } from '../exchange/send-json.ts';
import type { OpenStreams } from '../http-guard/open-streams.ts';
import { agentOf } from '../models/agent.ts';
import type { Admission, Order } from '../runs/admission.ts';
import { ON_DISCONNECT_HEADER, onDisconnectOf } from '../runs/disconnect.ts';
import { keyedRequest } from '../runs/idempotency.ts';
import { readRecorded } from '../runs/replay.ts';
import { replaysOf } from '../runs/run-records.ts';
import type { RunRecords } from '../runs/run-records.ts';
import type { Runs } from '../runs/runs.ts';
import { toMessages } from './conversation.ts';
import { itemsPage } from './items-page.ts';
import { parseResponseRequest } from './parse-response.ts';
import type { ParsedResponse } from './parse-response.ts';
import { ResponseJsonAnswer } from './response-json-answer.ts';
import { builderOf, responseId, ResponseStore } from './response-store.ts';
import type { FoundResponse, KeptResponse } from './response-store.ts';
import { ResponseStreamAnswer } from './response-stream-answer.ts';
import { refuseBeyondEnd, startingAfter } from './starting-after.ts';

export interface ResponsesOptions {
  readonly exchanges: Exchanges;
  readonly admission: Admission;
  readonly entrance: Entrance;
  readonly openStreams: OpenStreams;
  readonly records: RunRecords;
  readonly runs: Runs;
  /** Removes everything of a run from log and object store. */
  readonly erase: (run: string) => Promise<void>;
  readonly profiles: () => readonly AgentProfile[];
  readonly agentsVersion?: (() => string) | undefined;
  readonly resumeWindowMs: number;
  readonly heartbeatIntervalMs: number;
  /** Where a run that waits stands. */
  readonly findPlace?: FindPlace | undefined;
  /** Most bytes of the messages of a conversation over several responses. */
  readonly conversationMaxBytes: number;
}

const ROUTE = 'responses';

/** The Responses API: makes responses, reads, resumes, cancels and deletes them. */
export class ResponsesService {
  readonly #options: ResponsesOptions;
  readonly #store: ResponseStore;

  constructor(options: ResponsesOptions) {
    this.#options = options;
    this.#store = new ResponseStore(options.records, options.runs);
  }

  /** `POST /v1/responses`. Never rejects, like all of these. */
  async create(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#options.exchanges.handle(request, reply, async (exchange) => {
      const parsed = parseResponseRequest(request.body);
      if (parsed.stream) this.#holdStream(exchange, request);
      const order = await this.#order(exchange, request, parsed);
      await stillThere(exchange, request.raw);
      const admitted = await this.#options.admission.admit(order, exchange.signal);
      const { reading, joined, createdAtMs } = admitted;
      exchange.bind(reading);
      exchange.replayed = joined;
      const found = foundOf(reading.run, createdAtMs, order);
      if (parsed.background && !parsed.stream) {
        // It goes on without a reader, whatever a reader's leaving would mean to it.
        reading.detach();
        sendJson(exchange, joined ? await this.#store.current(found) : builderOf(found).response);
        return;
      }
      const answer = parsed.stream
        ? this.#stream(exchange, found, -1)
        : new ResponseJsonAnswer(exchange, builderOf(found));
      await this.#options.exchanges.give(exchange, reading, answer);
    });
  }

  /** `GET /v1/responses/{id}`, also as a stream from an event on. */
  async read(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#onStored(request, reply, async (exchange, found) => {
      const after = startingAfter(request.query);
      if (after === undefined) {
        sendJson(exchange, await this.#store.current(found));
        return;
      }
      this.#holdStream(exchange, request);
      refuseBeyondEnd(builderOf(found), found.record.events, after);
      const { records, runs } = this.#options;
      const reading = await readRecorded(runs, records, found.run);
      exchange.bind(reading);
      await this.#options.exchanges.give(exchange, reading, this.#stream(exchange, found, after));
    });
  }

  /** `GET /v1/responses/{id}/input_items` */
  async inputItems(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#onStored(request, reply, async (exchange, { kept }) => {
      sendJson(exchange, itemsPage(kept.inputItems, request.query));
    });
  }

  /** `POST /v1/responses/{id}/cancel`: one that has ended is answered unchanged. */
  async cancel(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#onStored(request, reply, async (exchange, found) => {
      await this.#end(found);
      sendJson(exchange, await this.#store.current(found));
    });
  }

  /** `DELETE /v1/responses/{id}`: nothing of it can be found afterwards. */
  async delete(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#onStored(request, reply, async (exchange, found) => {
      const { erase, records, runs } = this.#options;
      await this.#end(found);
      const replays = replaysOf(found.record, await this.#store.events(found));
      await Promise.all(replays.map((replay) => runs.cancelRun(replay, 'requested')));
      await records.delete(found.run);
      await Promise.all([found.run, ...replays].map(erase));
      sendJson(exchange, { id: responseId(found.run), object: 'response', deleted: true });
    });
  }

  async #onStored(
    request: FastifyRequest,
    reply: FastifyReply,
    serve: (exchange: Exchange, found: FoundResponse) => Promise<void>,
  ): Promise<void> {
    await this.#options.exchanges.handle(request, reply, async (exchange) => {
      const { id } = request.params as { id: string };
      await serve(exchange, await this.#store.get(id, callerOf(request).owner));
    });
  }

  /** The request is checked; what it needs of earlier responses is read. */
  async #order(exchange: Exchange, http: FastifyRequest, parsed: ParsedResponse): Promise<Order> {
    const { body, headers } = http;
    exchange.record.agentsVersion = this.#options.agentsVersion?.();
    const { profile, rest } = agentOf(this.#options.profiles(), parsed.model);
    const { owner } = callerOf(http);
    const keyed = keyedRequest(headers['idempotency-key'], { owner, route: ROUTE, body });
    const otherwise = parsed.background ? 'continue' : keyed === undefined ? 'cancel' : 'resume';
    const { conversationMaxBytes } = this.#options;
    const { previousResponseId } = parsed;
    const truncation = parsed.truncation ?? profile.truncation;
    const earlier =
      previousResponseId === null
        ? []
        : await this.#store.conversation(previousResponseId, owner, truncation);
    const messages = toMessages(earlier, { ...parsed, truncation }, conversationMaxBytes);
    const chat = { ...parsed.chat, messages };
    const asked = { chat, user: parsed.user, profile };
    const { who, enter } = introduce(this.#options.entrance, exchange, http, asked);
    const request: KeptResponse = {
      head: {
        model: parsed.model,
        echo: { ...parsed.echo, truncation },
        background: parsed.background,
      },
      inputItems: parsed.inputItems,
      previousResponseId,
    };
    return {
      submission: {
        requestId: exchange.record.requestId,
        ...who,
        profile,
        ...(rest === undefined ? {} : { model: rest }),
        stream: parsed.stream || parsed.background,
        chat,
        truncation,
        onDisconnect: onDisconnectOf(headers[ON_DISCONNECT_HEADER], otherwise),
        resumeWindowMs: this.#options.resumeWindowMs,
      },
      enter,
      keyed,
      record: {
        kind: 'response',
        owner,
        stored: parsed.store,
        keyed: keyed !== undefined && parsed.store,
        request,
      },
      // Whoever has not been told its id cannot come back to it.
      resumable: parsed.stream || parsed.background || keyed !== undefined,
    };
  }

  #stream(exchange: Exchange, found: FoundResponse, after: number): ResponseStreamAnswer {
    const { findPlace, heartbeatIntervalMs } = this.#options;
    return new ResponseStreamAnswer(exchange, builderOf(found), {
      heartbeatIntervalMs,
      after,
      findPlace,
    });
  }

  #holdStream(exchange: Exchange, request: FastifyRequest): void {
    exchange.hold(this.#options.openStreams.acquire(streamerOf(request)));
  }

  async #end(found: FoundResponse): Promise<void> {
    if (await this.#store.hasEnded(found)) return;
    await this.#options.runs.cancelRun(found.run, 'requested');
  }
}

function foundOf(run: string, createdAtMs: number, { record }: Order): FoundResponse {
  if (record === undefined) throw new Error('a response was ordered without a record');
  return {
    run,
    record: { v: 1, run, createdAtMs, ...record },
    kept: record.request as KeptResponse,
  };
}
