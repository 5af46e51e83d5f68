import type { TailEvent } from './read-events.ts'

/** A line of the log. `event` is what the Worker calls it, or `log`, `exception` or `outcome`. */
export interface Entry {
  time: string
  level: 'info' | 'warn' | 'error'
  event: string
  [field: string]: unknown
}

/** What an invocation has logged, what it has thrown, and how it ended if not well. */
export function entriesOf(event: TailEvent): Entry[] {
  const { outcome, eventTimestamp, logs, exceptions } = event
  const found = [
    ...logs.map(({ level, timestamp, message }) => ({
      time: iso(timestamp),
      level: levelOf(level),
      ...fieldsOf(message),
    })),
    ...exceptions.map(({ name, message, timestamp, stack }) => ({
      time: iso(timestamp),
      level: 'error' as const,
      event: 'exception',
      error: `${name}: ${textOf(message)}`,
      ...(stack && { stack }),
    })),
  ]
  // A client that leaves before the end is no failure of the Worker.
  const isWell = ['ok', 'canceled', 'responseStreamDisconnected'].includes(outcome)
  if (isWell || exceptions.length > 0) return found
  const { method, url } = event.event?.request ?? {}
  const about = { ...(method !== undefined && { method }), ...(url !== undefined && { url }) }
  const time = iso(eventTimestamp ?? Date.now())
  return [...found, { time, level: 'error', event: 'outcome', outcome, ...about }]
}

/** The Worker writes one JSON document per line; anything else is a message. */
function fieldsOf(message: unknown): { event: string; [field: string]: unknown } {
  const parts: unknown[] = Array.isArray(message) ? message : [message]
  const [first] = parts
  if (parts.length === 1 && typeof first === 'string' && first.startsWith('{')) {
    try {
      const fields = JSON.parse(first) as { event?: unknown }
      if (typeof fields.event === 'string') return { ...fields, event: fields.event }
    } catch {
      // It only looks like JSON.
    }
  }
  return { event: 'log', message: parts.map(textOf).join(' ') }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function levelOf(level: string): Entry['level'] {
  return level === 'error' || level === 'warn' ? level : 'info'
}

function iso(timestamp: number): string {
  return new Date(timestamp).toISOString()
}

export interface EntryFilter {
  /** `404` or `4xx`. */
  status?: string
  name?: (name: string) => boolean
  backend?: string
  errors?: boolean
}

/** Whether an entry is to be shown; one without a field does not match a condition on it. */
export function matches(entry: Entry, { status, name, backend, errors }: EntryFilter): boolean {
  return (
    (status === undefined || isStatus(entry['status'], status)) &&
    (name === undefined || (typeof entry['name'] === 'string' && name(entry['name']))) &&
    (backend === undefined || involves(entry, backend)) &&
    (!errors || entry.level !== 'info')
  )
}

function isStatus(value: unknown, pattern: string): boolean {
  const text = String(value)
  return pattern.endsWith('xx') ? text.length === 3 && text.startsWith(pattern.charAt(0)) : text === pattern
}

/** Whether the backend served it, or was tried. */
function involves({ backend, attempts }: Entry, wanted: string): boolean {
  const tried = Array.isArray(attempts) ? attempts : []
  return backend === wanted || tried.some((attempt) => String(attempt).startsWith(`${wanted}=`))
}
