/** Where a mistake is: a variable, or one entry of the list in it, or one key of that. */
export interface Place {
  variable: string
  entry?: { index: number; name?: string }
  key?: string
}

/** One mistake and how to fix it. Contains no value that could be a secret. */
export interface Mistake extends Place {
  problem: string
}

/** One error that lists every mistake, with its place and how to fix it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly mistakes: readonly Mistake[]

  constructor(mistakes: readonly Mistake[]) {
    super(summary(mistakes))
    this.mistakes = mistakes
  }
}

function summary(mistakes: readonly Mistake[]): string {
  const count = mistakes.length === 1 ? '1 mistake' : `${mistakes.length} mistakes`
  return `The configuration has ${count}:\n${mistakes.map((mistake) => `- ${describeMistake(mistake)}`).join('\n')}`
}

/** The place, and what is wrong there. */
export function describeMistake({ variable, entry, key, problem }: Mistake): string {
  const index = entry === undefined ? '' : `[${entry.index}]`
  const name = entry?.name === undefined ? '' : ` "${entry.name}"`
  return `${variable}${index}${name}${key === undefined ? '' : ` \`${key}\``}: ${problem}`
}

/** The candidate most similar to a mistyped word, if one is similar enough. */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = normalise(word)
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    const distance = editDistance(wanted, normalise(candidate))
    const allowed = Math.max(1, Math.floor((Math.min(wanted.length, candidate.length) - 1) / 4))
    if (distance <= allowed && (best === undefined || distance < best.distance))
      best = { candidate, distance }
  }
  return best?.candidate
}

/** ` (did you mean …?)` for the nearest candidate, or nothing. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const candidate = nearest(word, candidates)
  return candidate === undefined ? '' : `; did you mean \`${candidate}\`?`
}

/** `readOnly`, `read-only` and `READ_ONLY` are the same word. */
function normalise(word: string): string {
  return word.toLowerCase().replaceAll(/[-_]/g, '')
}

/** The number of insertions, deletions, substitutions and swaps of neighbours that turn one word into the other. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Infinity
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    rows.push(current)
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      const substitution = at(row - 1, column - 1) + (isSame ? 0 : 1)
      const swap = isSwapped ? at(row - 2, column - 2) + 1 : Infinity
      current.push(Math.min(substitution, at(row - 1, column) + 1, at(row, column - 1) + 1, swap))
    }
  }
  return at(a.length, b.length)
}
