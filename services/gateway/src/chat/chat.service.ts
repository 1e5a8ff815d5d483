import type { AgentProfile } from '@switchboard/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { streamerOf } from '../accounts/doorkeeper.ts';
import { stillThere } from '../exchange/exchanges.ts';
import type { Exchanges } from '../exchange/exchanges.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { OpenStreams } from '../http-guard/open-streams.ts';
import { agentOf } from '../models/agent.ts';
import type { Entrance } from '../entrance/entrance.ts';
import { introduce } from '../entrance/introduce.ts';
import type { Admission, Admitted, Order } from '../runs/admission.ts';
import { ON_DISCONNECT_HEADER, onDisconnectOf } from '../runs/disconnect.ts';
import { keyedRequest } from '../runs/idempotency.ts';
import { answerHead } from './completion-types.ts';
import { JsonAnswer } from './json-answer.ts';
import { parseChat } from './parse-chat.ts';
import type { ParsedChat } from './parse-chat.ts';
import { resumePoint } from './resume-point.ts';
import { StreamAnswer } from './stream-answer.ts';
import type { StreamTimes } from './stream-answer.ts';

export interface ChatOptions extends StreamTimes {
  readonly exchanges: Exchanges;
  readonly admission: Admission;
  readonly entrance: Entrance;
  readonly openStreams: OpenStreams;
  readonly profiles: () => readonly AgentProfile[];
  readonly agentsVersion?: (() => string) | undefined;
  readonly resumeWindowMs: number;
}

const ROUTE = 'chat/completions';

/** Chat completions: checks a request, admits its run and writes the answer as events come. */
export class ChatService {
  readonly #options: ChatOptions;

  constructor(options: ChatOptions) {
    this.#options = options;
  }

  /** Answers one request on the raw response. Never rejects. */
  async handle(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#options.exchanges.handle(request, reply, async (exchange) => {
      await this.#answer(exchange, request);
    });
  }

  async #answer(exchange: Exchange, request: FastifyRequest): Promise<void> {
    const parsed = parseChat(request.body);
    if (parsed.stream) exchange.hold(this.#options.openStreams.acquire(streamerOf(request)));
    const point = resumePoint(request.headers['last-event-id']);
    const order = { ...this.#order(exchange, request, parsed), resumes: point?.run };
    await stillThere(exchange, request.raw);
    const admitted = await this.#options.admission.admit(order, exchange.signal);
    exchange.bind(admitted.reading);
    await this.#options.exchanges.give(
      exchange,
      admitted.reading,
      this.#answerFor(exchange, parsed, admitted, {
        numbered: order.keyed !== undefined,
        after: point?.after ?? 0,
      }),
    );
  }

  #order(exchange: Exchange, request: FastifyRequest, parsed: ParsedChat): Order {
    const { body, headers } = request;
    exchange.record.agentsVersion = this.#options.agentsVersion?.();
    const { profile, rest } = agentOf(this.#options.profiles(), parsed.model);
    const { chat, user } = parsed;
    const asked = { chat, user, profile };
    const { owner, who, enter } = introduce(this.#options.entrance, exchange, request, asked);
    const keyed = keyedRequest(headers['idempotency-key'], { owner, route: ROUTE, body });
    const otherwise = keyed === undefined ? 'cancel' : 'resume';
    const submission = {
      requestId: exchange.record.requestId,
      ...who,
      profile,
      ...(rest === undefined ? {} : { model: rest }),
      stream: parsed.stream,
      chat,
      onDisconnect: onDisconnectOf(headers[ON_DISCONNECT_HEADER], otherwise),
      resumeWindowMs: this.#options.resumeWindowMs,
    };
    const kept = { kind: 'chat', owner, stored: false, keyed: true, request: null } as const;
    return {
      submission,
      enter,
      keyed,
      record: keyed === undefined ? undefined : kept,
      resumable: keyed !== undefined,
    };
  }

  #answerFor(
    exchange: Exchange,
    parsed: ParsedChat,
    { createdAtMs, joined, reading }: Admitted,
    resume: { readonly numbered: boolean; readonly after: number },
  ): StreamAnswer | JsonAnswer {
    const head = answerHead(reading.run, parsed.model, createdAtMs);
    if (joined) exchange.replayed = true;
    if (!parsed.stream) return new JsonAnswer(exchange, head);
    return new StreamAnswer(exchange, head, {
      ...this.#options,
      ...resume,
      includeUsage: parsed.includeUsage,
    });
  }
}
