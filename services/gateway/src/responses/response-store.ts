/** Stored responses: whose they are, as they stand now, and the turns that lead to one. */
import { isEnd, SwitchboardError } from '@switchboard/contract';
import type { RunEvent } from '@switchboard/contract';
import type { RunRecord, RunRecords } from '../runs/run-records.ts';
import type { Runs } from '../runs/runs.ts';
import { ResponseBuilder } from './response-builder.ts';
import type { ResponseHead, ResponseObject } from './response-builder.ts';
import type { TurnRecord } from './conversation.ts';

/** `request` of the record of a response. */
export interface KeptResponse {
  readonly head: Omit<ResponseHead, 'id' | 'createdAtMs'>;
  readonly inputItems: TurnRecord['input'];
  readonly previousResponseId: string | null;
}

export interface FoundResponse {
  readonly run: string;
  readonly record: RunRecord;
  readonly kept: KeptResponse;
}

/** Turns of one conversation; each is a read from the bucket. */
const TURNS_MAX = 200;

const PREFIX = 'resp_';

export const responseId = (run: string): string => `${PREFIX}${run}`;

export class ResponseStore {
  readonly #records: RunRecords;
  readonly #runs: Pick<Runs, 'readLogged'>;

  constructor(records: RunRecords, runs: Pick<Runs, 'readLogged'>) {
    this.#records = records;
    this.#runs = runs;
  }

  /** @throws SwitchboardError `response_not_found` also for somebody else's */
  async get(id: string, owner: string): Promise<FoundResponse> {
    const found = await this.#find(id, owner);
    if (found !== undefined) return found;
    throw new SwitchboardError('response_not_found', 'There is no stored response of this id.');
  }

  /** Its events so far: of an ended one all of them. */
  async events({ record, run }: FoundResponse): Promise<readonly RunEvent[]> {
    if (record.events !== undefined) return record.events;
    const logged = await this.#runs.readLogged(run);
    if (!isCutShort(logged.at(-1))) return logged;
    // It may have left the log for the record since that was read.
    return (await this.#records.get(run))?.events ?? logged;
  }

  /** Whether it has its end, as far as anybody can tell. */
  async hasEnded(found: FoundResponse): Promise<boolean> {
    const last = (await this.events(found)).at(-1);
    if (last === undefined || !isEnd(last)) return false;
    // Of what goes on, too, the log may have lost a part.
    return found.record.events !== undefined || !isCutShort(last);
  }

  /** As it stands now. */
  async current(found: FoundResponse): Promise<ResponseObject> {
    return fold(found, await this.events(found));
  }

  /**
   * The turns that lead to `id` and itself, oldest first. With `truncation` "auto" those are left
   * out that are too far back.
   * @throws SwitchboardError `previous_response_not_found`
   */
  async conversation(
    id: string,
    owner: string,
    truncation: 'auto' | 'disabled',
  ): Promise<readonly TurnRecord[]> {
    const turns: TurnRecord[] = [];
    const seen = new Set<string>();
    for (let next: string | null = id; next !== null;) {
      if (seen.has(next)) throw broken('its earlier turns go in a circle');
      if (seen.size >= TURNS_MAX) {
        if (truncation === 'auto') break;
        throw broken(`it has more than ${TURNS_MAX} earlier turns`);
      }
      seen.add(next);
      const found: FoundResponse | undefined = await this.#find(next, owner);
      if (found === undefined) {
        const which = turns.length === 0 ? 'there is none of this id' : 'an earlier turn is gone';
        throw broken(which);
      }
      turns.unshift(await this.#turn(found));
      next = found.kept.previousResponseId;
    }
    return turns;
  }

  async #turn(found: FoundResponse): Promise<TurnRecord> {
    const events = await this.events(found);
    const last = events.at(-1);
    if (last === undefined || !isEnd(last)) throw broken('it has not ended yet');
    if (last.type !== 'completed') throw broken('it did not end with an answer');
    return { input: found.kept.inputItems, output: fold(found, events).output };
  }

  async #find(id: string, owner: string): Promise<FoundResponse | undefined> {
    if (!id.startsWith(PREFIX)) return undefined;
    const run = id.slice(PREFIX.length);
    const record = isRunId(run) ? await this.#records.get(run) : undefined;
    if (record === undefined || record.kind !== 'response' || record.owner !== owner) {
      return undefined;
    }
    return { run, record, kept: record.request as KeptResponse };
  }
}

export function builderOf({ record, kept, run }: FoundResponse): ResponseBuilder {
  const { createdAtMs } = record;
  return new ResponseBuilder({ id: responseId(run), createdAtMs, ...kept.head });
}

function fold(found: FoundResponse, events: readonly RunEvent[]): ResponseObject {
  const builder = builderOf(found);
  builder.opening();
  for (const event of events) builder.take(event);
  return builder.response;
}

/** The end that is made up where part of a run is not stored any more. */
function isCutShort(last: RunEvent | undefined): boolean {
  return last?.type === 'failed' && last.code === 'answer_incomplete';
}

/** Run ids become subjects and keys: anything else is not looked up. */
function isRunId(run: string): boolean {
  return /^[A-Za-z0-9-]{1,32}_[0-9a-f]{22}$/.test(run);
}

function broken(why: string): SwitchboardError {
  return new SwitchboardError(
    'previous_response_not_found',
    `\`previous_response_id\` cannot be continued: ${why}.`,
    { param: 'previous_response_id' },
  );
}
