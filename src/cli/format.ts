const SHORT: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/**
 * Text with everything that could steer a terminal or end a line written out, reversibly: `\n`, `\x1b`, `\u202e`, and
 * `\\` for a backslash.
 */
export function escaped(text: string): string {
  return text.replaceAll(/[\\\p{Cc}\p{Cs}\u2028\u2029\p{Bidi_Control}]/gu, (character) => {
    const code = character.charCodeAt(0)
    const hex = code.toString(16)
    return SHORT[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`)
  })
}

/** The same as standard output gets it: a file or a pipe gets names as they are, for other programs. */
export function onOutput(text: string): string {
  return process.stdout.isTTY ? escaped(text) : text
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1.5 MiB`; whole bytes below 1 KiB. */
export function bytes(count: number): string {
  let value = Math.round(count)
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(value >= 100 ? 0 : 1)} ${UNITS[unit]}`
}

/** `12,345`; `1.7` or `0.042` for a rate below 10. */
export function count(value: number): string {
  return value.toLocaleString(
    'en-US',
    value < 10 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 0 },
  )
}

/** `3 h 20 min`, `2 min 5 s`, `7 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  if (whole < 172_800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`
}

/** How long something took that began then: `80 ms`, `7 s`. */
export function took(started: number): string {
  const elapsed = Date.now() - started
  return elapsed < 1000 ? `${elapsed} ms` : duration(elapsed / 1000)
}

/** `2024-05-01 12:00:00` in UTC, as listings show times. */
export function time(iso: string | null | undefined): string {
  return iso ? iso.slice(0, 19).replace('T', ' ') : '-'
}

/**
 * Rows as columns of standard output, two spaces apart; the last one is not filled up. `right` are the columns that
 * are numbers.
 */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell))
  }
  return rows.map((row) => {
    const last = row.findLastIndex((cell) => cell !== '')
    const cells = row.slice(0, last + 1).map((cell, index) => {
      const fill = ' '.repeat((widths[index] ?? 0) - widthOf(cell))
      if (right.includes(index)) return fill + cell
      return index === last ? cell : cell + fill
    })
    return cells.join('  ')
  })
}

function widthOf(cell: string): number {
  return onOutput(cell).length
}
