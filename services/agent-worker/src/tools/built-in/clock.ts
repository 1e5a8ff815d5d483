import { OWN_TOOLS, ToolError } from '../tool.ts';
import type { Tool } from '../tool.ts';

const ZONE_CHARS_MAX = 64;

/** The time, which no model knows. */
export function clockTool(now: () => Date = () => new Date()): Tool {
  return {
    name: 'clock',
    description: 'The current date, time and day of the week, in UTC or in a time zone.',
    parameters: {
      type: 'object',
      properties: {
        time_zone: { type: 'string', description: 'IANA name, such as Europe/Berlin.' },
      },
      additionalProperties: false,
    },
    source: OWN_TOOLS,
    sideEffects: false,
    run: (input) => Promise.resolve(timeText(now(), zoneIn(input))),
  };
}

function zoneIn(input: unknown): string {
  const zone = (input as { time_zone?: unknown } | null)?.time_zone ?? 'UTC';
  if (typeof zone === 'string' && zone.length <= ZONE_CHARS_MAX) return zone;
  throw new ToolError('time_zone must be the name of a time zone.');
}

function timeText(date: Date, timeZone: string): string {
  let formatter: Intl.DateTimeFormat;
  try {
    formatter = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      dateStyle: 'full',
      timeStyle: 'long',
    });
  } catch {
    throw new ToolError('There is no time zone of this name. Use an IANA name: Europe/Berlin.');
  }
  return JSON.stringify({
    utc: date.toISOString(),
    time_zone: timeZone,
    local: formatter.format(date),
  });
}
