import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { CommandError, EXIT } from '../errors.ts'
import type { Io } from '../session.ts'

/** What is wrong with an answer, or null. */
type Problem = (answer: string) => string | null

export interface Questions {
  /** The answer, or `initial` if it is empty. Repeated until there is no problem. */
  text(question: string, options?: { initial?: string; problem?: Problem }): Promise<string>
  /** Not shown while it is typed. */
  secret(question: string): Promise<string>
  confirm(question: string): Promise<boolean>
  /** The key of the chosen entry; the first one by default. */
  choose<Key extends string>(question: string, choices: Record<Key, string>): Promise<Key>
  close(): void
}

/** Questions on the terminal, on standard error. Ctrl-C and the end of the input end the command. */
export function openQuestions({ stdin, stderr }: Pick<Io, 'stdin' | 'stderr'>): Questions {
  let hidden = false
  const output = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (hidden) done()
      else stderr.write(chunk, done)
    },
  })
  const lines = createInterface({ input: stdin, output, terminal: true })
  const ended = new AbortController()
  lines.on('SIGINT', () => lines.close())
  lines.on('close', () => ended.abort())

  async function ask(question: string, secretly = false): Promise<string> {
    if (secretly) stderr.write(question)
    hidden = secretly
    try {
      return (await lines.question(secretly ? '' : question, { signal: ended.signal })).trim()
    } catch {
      stderr.write('\n')
      throw new CommandError(EXIT.interrupted, 'nothing was written')
    } finally {
      hidden = false
      if (secretly && !ended.signal.aborted) stderr.write('\n')
    }
  }

  async function text(
    question: string,
    { initial, problem }: { initial?: string; problem?: Problem } = {},
  ): Promise<string> {
    const hint = initial ? ` [${initial}]` : ''
    for (;;) {
      const answer = (await ask(`${question}${hint}: `)) || (initial ?? '')
      const wrong = problem?.(answer) ?? null
      if (wrong === null) return answer
      stderr.write(`  It ${wrong}.\n`)
    }
  }

  return {
    text,
    secret: (question) => ask(`${question}: `, true),
    confirm: async (question) => /^y(?:es)?$/i.test(await ask(`${question} [y/N]: `)),
    async choose<Key extends string>(question: string, choices: Record<Key, string>): Promise<Key> {
      const keys = Object.keys(choices) as Key[]
      stderr.write(`${question}\n`)
      for (const [index, key] of keys.entries()) stderr.write(`  ${index + 1}) ${choices[key]}\n`)
      const problem = (answer: string) =>
        keys[Number(answer) - 1] === undefined ? `must be a number from 1 to ${keys.length}` : null
      return keys[Number(await text('Number', { initial: '1', problem })) - 1]!
    },
    close: () => lines.close(),
  }
}
