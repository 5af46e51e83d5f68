/** Numbers, sizes and times as people read them; pure. In English, as the rest of the page. */

const LOCALE = 'en'
const counts = new Intl.NumberFormat(LOCALE)
const compact = new Intl.NumberFormat(LOCALE, { notation: 'compact', maximumFractionDigits: 1 })

export function formatCount(value: number): string {
  return counts.format(value)
}

/** For axes and narrow places: 12.3K. */
export function formatCompact(value: number): string {
  return compact.format(value)
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB']

/** Decimal units, as Cloudflare bills them. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** A fraction as a percentage that is never rounded up to 100. */
export function formatPercent(fraction: number): string {
  const tenths = Math.floor(fraction * 1000) / 10
  return `${tenths.toFixed(fraction >= 1 ? 0 : 1)} %`
}

/** A fraction of which only none at all is 0 %. */
export function formatShare(fraction: number): string {
  return fraction > 0 && fraction < 0.001 ? 'less than 0.1 %' : formatPercent(fraction)
}

const STEPS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
] as const

/** Seconds in at most two units: `1 h 20 min`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const index = STEPS.findIndex(([size]) => whole >= size)
  const [size, unit] = STEPS[index] ?? [1, 's']
  const next = STEPS[index + 1]
  const rest = next ? Math.floor((whole % size) / next[0]) : 0
  return `${Math.floor(whole / size)} ${unit}${next && rest > 0 ? ` ${rest} ${next[1]}` : ''}`
}

/** How long ago: `3 d ago`, `just now`. */
export function formatAgo(time: string | number | Date, now = Date.now()): string {
  const seconds = (now - new Date(time).getTime()) / 1000
  if (seconds < 5) return 'just now'
  const [size, unit] = STEPS.find(([one]) => seconds >= one) ?? [1, 's']
  return `${Math.floor(seconds / size)} ${unit} ago`
}

/** A day and a time in the reader's time zone. */
export function formatTime(time: string | number | Date): string {
  const date = new Date(time)
  const pad = (value: number): string => `${value}`.padStart(2, '0')
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${pad(date.getHours())}:${pad(date.getMinutes())}`
}

/** Joins items as in a sentence: `a, b and c`. */
export function formatList(items: readonly string[]): string {
  const last = items.at(-1) ?? ''
  return items.length > 1 ? `${items.slice(0, -1).join(', ')} and ${last}` : last
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/** What the API sums folders as beyond those that it lists one by one. */
export const OTHER_FOLDERS = '…'

/** The prefixes that are no folders, in words. */
export const NO_FOLDERS: ReadonlyMap<string, string> = new Map([
  ['', '(no folder)'],
  [OTHER_FOLDERS, '(other folders)'],
])
