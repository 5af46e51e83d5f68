import type { BackendHealth } from '../storage/backend.ts'
import type { CopyCounts, Count, RequestCounts } from './counts.ts'

interface Observed {
  requests: RequestCounts
  copies: CopyCounts
  /** By backend name. */
  health: ReadonlyMap<string, () => BackendHealth>
  /** By backend name. */
  speculative: ReadonlyMap<string, { used: number; notNeeded: number }>
}

type Sample = readonly [labels: string, value: number]

const STATES: readonly BackendHealth['state'][] = ['closed', 'half-open', 'open']

/**
 * This isolate's counters in Prometheus' text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Isolates come and go: rates are per isolate.
 */
export function prometheusText({
  requests: { total },
  copies,
  health: current,
  speculative,
}: Observed): string {
  const health = Array.from(current, ([backend, read]) => ({ backend, ...read() }))
  const { bytes, ...outcomes } = copies.totals
  return [
    metric('requests_total', 'Requests answered.', samples(total.requests)),
    metric('response_bytes_total', 'Bytes of objects that were sent.', [['', total.bytes]]),
    metric('attempts_total', 'Attempts at backends.', samples(total.attempts)),
    metric(
      'speculative_requests_total',
      'Requests sent before the backends before had answered.',
      [...speculative].flatMap(([backend, { used, notNeeded }]): Sample[] => [
        [labels({ backend, result: 'used' }), used],
        [labels({ backend, result: 'not_needed' }), notNeeded],
      ]),
    ),
    metric(
      'copies_total',
      'Copies that reads began, and those of POST migrate.',
      Object.entries(outcomes).map(([outcome, value]) => [labels({ outcome }), value]),
    ),
    metric('copied_bytes_total', 'Bytes of those copies.', [['', bytes]]),
    metric(
      'breaker_state',
      '0 closed, 1 half-open, 2 open.',
      health.map(({ backend, state }) => [labels({ backend }), STATES.indexOf(state)]),
    ),
    metric(
      'latency_milliseconds',
      'Milliseconds to headers over the last answers.',
      health.flatMap(({ backend, latency }): Sample[] =>
        latency
          ? ([50, 95, 99] as const).map((p) => [labels({ backend, quantile: p / 100 }), latency[`p${p}`]])
          : [],
      ),
    ),
  ].join('')
}

function samples(counts: ReadonlyMap<string, Count>): Sample[] {
  return Array.from(counts.values(), (count) => [labels(count.labels), count.value])
}

/** By convention, the name of a counter ends in `_total`, and a gauge's does not. */
function metric(name: string, help: string, values: Iterable<Sample>): string {
  const full = `fallback_storage_${name}`
  const type = name.endsWith('_total') ? 'counter' : 'gauge'
  const lines = Array.from(values, ([labelText, value]) => `${full}${labelText} ${value}\n`)
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`
}

/** The labels of a sample, as they follow the metric's name. */
function labels(values: Readonly<Record<string, string | number>>): string {
  const pairs = Object.entries(values).map(([name, value]) => `${name}="${escapeLabel(`${value}`)}"`)
  return `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll(/[\\"]/g, '\\$&').replaceAll('\n', '\\n')
}
