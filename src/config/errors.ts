/** Where a mistake is: a variable, or one key of one backend in it. */
export interface Place {
  variable: string
  backend?: { index: number; name?: string }
  key?: string
}

/** One mistake and how to fix it. Contains no value that could be a secret. */
export interface Mistake extends Place {
  problem: string
}

/** One error that lists every mistake, with the backend, the key and how to fix it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly mistakes: readonly Mistake[]

  constructor(mistakes: readonly Mistake[]) {
    super(summary(mistakes))
    this.mistakes = mistakes
  }
}

function summary(mistakes: readonly Mistake[]): string {
  const count = mistakes.length === 1 ? 'one mistake' : `${mistakes.length} mistakes`
  const lines = mistakes.map((mistake) => `- ${describePlace(mistake)}: ${mistake.problem}`)
  return `The configuration has ${count}:\n${lines.join('\n')}`
}

function describePlace({ variable, backend, key }: Place): string {
  const table = backend === undefined ? '' : `[${backend.index}]`
  const name = backend?.name === undefined ? '' : ` "${backend.name}"`
  return `${variable}${table}${name}${key === undefined ? '' : ` \`${key}\``}`
}
