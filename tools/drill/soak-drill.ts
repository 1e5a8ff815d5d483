/** Mixed load that fills the event log and every bucket, with limits small enough for that. */
import { findStablePort, StreamMonitor } from '@switchboard/stack';
import { until } from '@switchboard/testkit';

import { Fleet } from './fleet.ts';
import type { DrillOptions } from './options.ts';
import type { DrillResult, Say } from './result.ts';
import { judgeAnswers, judgeBounds, judgeMemory, type Limit } from './soak-judge.ts';
import { RATES, SoakLoad } from './soak-load.ts';
import { SoakSampler } from './soak-sampler.ts';

const MIB = 1_024 ** 2;
const PROGRESS_MS = 10_000;
const IDLE_WITHIN_MS = 10_000;
/**
 * V8 collects when the heap has grown by a fifth, not when it has doubled or tripled: garbage that
 * it has not looked at yet would hide a leak, or look like one, for minutes.
 */
const EAGER_COLLECTOR = ['--heap-growing-percent=20'];

/**
 * The log must hold what runs and the resume windows after it; the ends that stay behind fill the
 * rest. New values are refused from 7/8 of a bucket on; one large input is about 0.3 MiB.
 */
const LIMITS: readonly (Limit & { readonly variable: string })[] = [
  { variable: 'EVENTS_MAX_BYTES', stream: 'EVENTS', bytes: MIB, reached: 0.9 },
  { variable: 'RESPONSES_MAX_BYTES', stream: 'KV_responses', bytes: MIB, reached: 0.85 },
  { variable: 'IDEMPOTENCY_MAX_BYTES', stream: 'KV_idempotency', bytes: MIB, reached: 0.85 },
  { variable: 'INPUTS_MAX_BYTES', stream: 'KV_inputs', bytes: 1.5 * MIB, reached: 0.7 },
];

export async function soakDrill(options: DrillOptions, say: Say): Promise<DrillResult> {
  const monitor = new StreamMonitor(await findStablePort());
  const fleet = await Fleet.start({
    gateways: 2,
    workers: 2,
    poolSize: 100,
    gatewayEnv: {
      ...Object.fromEntries(LIMITS.map(({ bytes, variable }) => [variable, String(bytes)])),
      RESUME_WINDOW_MS: '5000',
      IDEMPOTENCY_TTL_MS: '60000',
    },
    gatewayArguments: EAGER_COLLECTOR,
    nats: { maxPayloadBytes: MIB / 4, extraConfig: monitor.configuration },
    log: options.log,
  });
  const gateways = fleet.gateways.map(({ name, process }) => ({ name, pid: process.pid }));
  const sampler = new SoakSampler(monitor, gateways);
  const load = new SoakLoad(fleet.balancer.url);
  const progress = setInterval(() => say(progressText(load, sampler)), PROGRESS_MS);
  const violations: string[] = [];
  try {
    await load.run(performance.now() + options.seconds * 1_000);
    sampler.stop();
    const idle = async (): Promise<boolean> => (await monitor.requests()) === 0;
    await until(idle, { timeoutMs: IDLE_WITHIN_MS, what: 'an empty queue' }).catch(() => {
      violations.push('requests are left in the queue after all have ended');
    });
  } finally {
    clearInterval(progress);
    sampler.stop();
    await fleet.stop();
  }
  const judged = [
    judgeAnswers(load.results),
    judgeBounds(sampler.samples, LIMITS),
    judgeMemory(sampler.samples),
  ];
  const rate = Object.values(RATES).reduce((sum, each) => sum + each, 0);
  return {
    seed: options.seed,
    figures: {
      requests: `${load.results.length}, ${rate} a second; ${load.unsent} not sent`,
      ...Object.assign({}, ...judged.map(({ figures }) => figures)),
      'stored responses deleted': load.deleted,
      samples: sampler.samples.length,
    },
    violations: [
      ...violations,
      ...load.problems,
      ...sampler.problems,
      ...judged.flatMap((each) => each.violations),
    ],
  };
}

function progressText(load: SoakLoad, { last }: SoakSampler): string {
  const sizes = LIMITS.map(({ stream, bytes }) => {
    const share = (last?.streams.get(stream) ?? 0) / bytes;
    return `${stream} ${(share * 100).toFixed(0)} %`;
  });
  const memory = [...(last?.residentBytes.values() ?? [])].map((bytes) => Math.round(bytes / MIB));
  return `${load.results.length} ended; ${sizes.join(', ')}; gateways ${memory.join(' + ')} MiB`;
}
