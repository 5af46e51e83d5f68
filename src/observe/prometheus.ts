import type { BackendHealth } from '../storage/backend.ts'
import type { CopyCounts, RequestCounts } from './counts.ts'

export interface Observed {
  requests: RequestCounts
  copies: CopyCounts
  /** By backend name. */
  health: ReadonlyMap<string, () => BackendHealth>
}

type Sample = readonly [labels: Record<string, string>, value: number]

const STATES: readonly BackendHealth['state'][] = ['closed', 'half-open', 'open']

/**
 * This isolate's counters in Prometheus' text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Isolates come and go: rates are per isolate.
 */
export function prometheusText({ requests, copies, health: current }: Observed): string {
  const health = [...current].map(([backend, read]) => [backend, read()] as const)
  return [
    metric(
      'requests_total',
      'counter',
      'Requests answered.',
      samplesOf(requests.requests, ['route', 'method', 'outcome', 'status']),
    ),
    metric('response_bytes_total', 'counter', 'Bytes announced in responses.', [[{}, requests.bytes]]),
    metric(
      'attempts_total',
      'counter',
      'Attempts at backends.',
      samplesOf(requests.attempts, ['outcome', 'backend']),
    ),
    metric(
      'copies_total',
      'counter',
      'Copies that reads began.',
      Object.entries(copies.totals).flatMap(([outcome, value]): Sample[] =>
        outcome === 'bytes' ? [] : [[{ outcome }, value]],
      ),
    ),
    metric('copied_bytes_total', 'counter', 'Bytes of those copies.', [[{}, copies.totals.bytes]]),
    metric(
      'breaker_state',
      'gauge',
      '0 closed, 1 half-open, 2 open.',
      health.map(([backend, { state }]) => [{ backend }, STATES.indexOf(state)]),
    ),
    metric(
      'latency_milliseconds',
      'gauge',
      'Milliseconds to headers over the last answers.',
      health.flatMap(([backend, { latency }]): Sample[] =>
        latency
          ? [
              [{ backend, quantile: '0.5' }, latency.p50],
              [{ backend, quantile: '0.95' }, latency.p95],
              [{ backend, quantile: '0.99' }, latency.p99],
            ]
          : [],
      ),
    ),
  ].join('')
}

function metric(name: string, type: 'counter' | 'gauge', help: string, samples: readonly Sample[]): string {
  const full = `fallback_storage_${name}`
  const lines = samples.map(([labels, value]) => `${full}${labelText(labels)} ${value}\n`)
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`
}

function labelText(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** Keys are the label values with spaces between; only the last value may hold spaces itself. */
function samplesOf(counts: ReadonlyMap<string, number>, names: readonly string[]): Sample[] {
  return [...counts].map(([key, value]) => {
    const words = key.split(' ')
    const last = words.splice(names.length - 1).join(' ')
    return [Object.fromEntries(names.map((name, index) => [name, words[index] ?? last])), value] as const
  })
}
