/** One measured number, and whether it is as good as it must be. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What the value must be, in words; null when it is only reported. */
  readonly bound: string | null;
  readonly met: boolean | null;
}

type Value = Pick<Row, 'name' | 'value' | 'unit'>;

export function reported(name: string, value: number, unit: string): Row {
  return { name, value, unit, bound: null, met: null };
}

/** NaN never meets a bound. */
export function atMost(maximum: number, row: Value): Row {
  return { ...row, bound: `<= ${maximum} ${row.unit}`.trim(), met: row.value <= maximum };
}

export function exactly(wanted: number, row: Value): Row {
  return { ...row, bound: `= ${wanted} ${row.unit}`.trim(), met: row.value === wanted };
}

/** Off the ideal by at most a share of it, in either direction. */
export function near(ideal: number, share: number, row: Value): Row {
  const bound = `${ideal} ${row.unit} +- ${Number((share * 100).toFixed(2))} %`;
  return { ...row, bound, met: Math.abs(row.value - ideal) <= ideal * share };
}

/** A figure that could not be measured counts as missed. */
export function failed(name: string, problem: string): Row {
  return { name: `${name}: ${problem}`, value: NaN, unit: '', bound: 'is measured', met: false };
}

/** The same number without its bound; one that could not be measured stays missed. */
export function unbound(row: Row): Row {
  return Number.isNaN(row.value) ? row : { ...row, bound: null, met: null };
}

/** `1.23 ms`, `10`: three digits that matter, no more. */
export function valueText({ unit, value }: Pick<Row, 'value' | 'unit'>): string {
  if (Number.isNaN(value)) return '-';
  const digits = Number.isInteger(value) ? 0 : Math.max(0, 2 - Math.floor(magnitude(value)));
  return `${value.toFixed(Math.min(digits, 4))} ${unit}`.trim();
}

function magnitude(value: number): number {
  return value === 0 ? 0 : Math.max(-2, Math.log10(Math.abs(value)));
}
