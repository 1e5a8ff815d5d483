import { findStablePort, startStack, StreamMonitor, usageOf } from '@switchboard/stack';
import type { Stack } from '@switchboard/stack';
import { until } from '@switchboard/testkit';

const PATIENCE_MS = 60_000;
/** A gateway at rest needs about a third. */
const HEAP_MAX_MIB = 128;
/** Errors of pino: 50 and above. Nothing that a caller sends is an error of ours. */
const ERROR_LINE = /"level":(50|60|"error"|"fatal")/;

/** What is fuzzed: all of Switchboard in processes of its own. */
export class FuzzTarget {
  readonly #stack: Stack;
  readonly #streams: StreamMonitor;
  readonly #errorLines: string[];
  #ended: string | undefined;

  private constructor(stack: Stack, streams: StreamMonitor, errorLines: string[]) {
    this.#stack = stack;
    this.#streams = streams;
    this.#errorLines = errorLines;
    void stack.unexpectedExit.then((ended) => {
      this.#ended = `${ended.name} has ended`;
    });
  }

  static async start(): Promise<FuzzTarget> {
    const errorLines: string[] = [];
    const streams = new StreamMonitor(await findStablePort());
    const stack = await startStack({
      nats: { extraConfig: streams.configuration },
      // Whoever does not go on sending is let go soon, so that a run takes minutes.
      gatewayEnv: {
        BODY_TIMEOUT_MS: '2000',
        HEADERS_TIMEOUT_MS: '1000',
        RESUME_WINDOW_MS: '100',
        // What is really kept then ends the process; what is only not collected yet, is.
        NODE_OPTIONS: `--max-old-space-size=${HEAP_MAX_MIB}`,
      },
      onLine: (name, line) => {
        if (/^(gateway|worker)/.test(name) && ERROR_LINE.test(line)) {
          errorLines.push(`${name}: ${line.slice(0, 1_000)}`);
        }
      },
    });
    const target = new FuzzTarget(stack, streams, errorLines);
    const ready = async () => (await fetch(`${stack.url}/readyz`)).ok;
    await until(ready, { what: 'the gateway to be ready', timeoutMs: PATIENCE_MS });
    return target;
  }

  get url(): string {
    return this.#stack.url;
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  async residentBytes(): Promise<number> {
    const [gateway] = this.#stack.gateways;
    if (gateway === undefined) throw new Error('there is no gateway');
    const usage = await usageOf([{ name: 'gateway', pid: gateway.process.pid }]);
    return usage.get('gateway')?.residentBytes ?? NaN;
  }

  /** What should not be there after the last answer: each in a sentence. */
  async leftovers(): Promise<string[]> {
    if (this.#ended !== undefined) return [this.#ended];
    const found = this.#errorLines.slice(0, 10).map((line) => `an error was logged: ${line}`);
    const empty = async () =>
      (await this.#streams.requests()) === 0 && (await this.#modelRuns()) === 0;
    await until(empty, { what: 'an empty queue and idle slots', timeoutMs: PATIENCE_MS }).catch(
      (error: unknown) => found.push(String(error)),
    );
    const response = await fetch(`${this.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'sim/tokens=2',
        messages: [{ role: 'user', content: 'Hello' }],
      }),
    });
    if (!response.ok) found.push(`a plain chat gets ${response.status} ${await response.text()}`);
    return found;
  }

  async stop(): Promise<void> {
    await this.#stack.stop();
  }

  async #modelRuns(): Promise<number> {
    const response = await fetch(`${this.#stack.simulator?.url}/stats`);
    return ((await response.json()) as { running: number }).running;
  }
}
