import { SwitchboardError } from '@switchboard/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Exchange } from '../exchange/exchange.ts';
import type { Exchanges } from '../exchange/exchanges.ts';
import { sendJson } from '../exchange/send-json.ts';
import { SseWriter } from '../exchange/sse-writer.ts';
import { Changes } from './changes.ts';
import type { FleetSource } from './fleet-source.ts';
import { ADMIN_SCOPE, adminView, ownView } from './views.ts';
import type { OwnUse, Viewer } from './views.ts';

export interface PoolViewOptions {
  readonly exchanges: Exchanges;
  readonly fleet: FleetSource;
  /** @throws SwitchboardError for somebody who may not look at all. */
  readonly viewerOf: (request: FastifyRequest) => Viewer;
  /** What the viewer has in a pool; undefined: not known. Never rejects. */
  readonly ownUse: (viewer: Viewer, pool: string) => Promise<OwnUse | undefined>;
  /** A stream that is silent for this long gets a comment, in milliseconds. */
  readonly heartbeatIntervalMs: number;
}

/** Streams of one account at once. */
const STREAMS_MAX = 32;
const RETRY_AFTER_MS = 5_000;

/**
 * `GET /v1/pool`: what the pools do, as one object or as a stream of it.
 *
 * V1  A stream begins with the whole state and gives it again, whole, when something is different,
 *     four times a second at most. A reader who is slow is given the newest state when he has taken
 *     the last one: nothing queues up for him.
 * V2  Streams end when the gateway stops taking requests: they never hold up a drain.
 */
export class PoolViewService {
  readonly #options: PoolViewOptions;
  readonly #stopping = new AbortController();
  readonly #streams = new Map<string, number>();

  constructor(options: PoolViewOptions) {
    this.#options = options;
  }

  /** Answers one request on the raw response. Never rejects. */
  async handle(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { exchanges, fleet, viewerOf } = this.#options;
    await exchanges.handle(request, reply, async (exchange) => {
      const viewer = viewerOf(request);
      const wantsStream = request.headers.accept?.includes('text/event-stream') === true;
      if (wantsStream) return await this.#stream(exchange, viewer);
      await Promise.all(fleet.pools.map(async (pool) => await fleet.refresh(pool)));
      sendJson(exchange, await this.#view(viewer));
    });
  }

  /** Ends the streams. Idempotent. */
  stopIntake(): void {
    this.#stopping.abort();
  }

  async #view(viewer: Viewer): Promise<object> {
    const { fleet, ownUse } = this.#options;
    if (viewer.scopes.has(ADMIN_SCOPE)) return adminView(fleet);
    const own = new Map<string, OwnUse>();
    const look = async (pool: string): Promise<void> => {
      const use = await ownUse(viewer, pool);
      if (use !== undefined) own.set(pool, use);
    };
    await Promise.all(fleet.pools.map(look));
    return ownView(fleet, own);
  }

  async #stream(exchange: Exchange, viewer: Viewer): Promise<void> {
    const { fleet } = this.#options;
    const leave = this.#enter(viewer.account);
    const signal = AbortSignal.any([exchange.signal, this.#stopping.signal]);
    const changes = new Changes(signal);
    const ends = new Map<string, () => void>();
    // Pools may come while somebody looks.
    const watchAll = (): void => {
      for (const pool of fleet.pools) {
        if (!ends.has(pool))
          ends.set(
            pool,
            fleet.watch(pool, () => changes.note()),
          );
      }
    };
    try {
      watchAll();
      await Promise.all(fleet.pools.map(async (pool) => await fleet.refresh(pool)));
      const view = async (): Promise<object> => {
        watchAll();
        return await this.#view(viewer);
      };
      await this.#write(exchange, view, changes, signal);
    } finally {
      for (const end of ends.values()) end();
      changes.close();
      leave();
    }
  }

  async #write(
    exchange: Exchange,
    view: () => Promise<object>,
    changes: Changes,
    signal: AbortSignal,
  ): Promise<void> {
    const sse = new SseWriter(exchange.response, exchange.slowReader);
    let said = '';
    let silent = true;
    const heartbeat = setInterval(() => {
      if (silent && sse.opened && !sse.blocked) sse.comment('heartbeat');
      silent = true;
    }, this.#options.heartbeatIntervalMs);
    try {
      while (!signal.aborted) {
        const now = JSON.stringify(await view());
        if (!sse.opened) sse.open(exchange.headers());
        if (now !== said) {
          said = now;
          silent = false;
          sse.event(now);
        }
        await changes.next();
        await sse.drained(signal);
      }
      if (!sse.opened) exchange.signal.throwIfAborted();
      exchange.record.outcome ??= 'ok';
      if (sse.opened) sse.end();
      else throw new SwitchboardError('shutting_down', 'This gateway is shutting down: try again.');
    } finally {
      clearInterval(heartbeat);
    }
  }

  #enter(account: string): () => void {
    const open = this.#streams.get(account) ?? 0;
    if (open >= STREAMS_MAX) {
      throw new SwitchboardError(
        'too_many_outstanding',
        `You have ${STREAMS_MAX} streams of the pool open, which is the most allowed.`,
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    this.#streams.set(account, open + 1);
    return () => {
      const left = (this.#streams.get(account) ?? 1) - 1;
      if (left === 0) this.#streams.delete(account);
      else this.#streams.set(account, left);
    };
  }
}
