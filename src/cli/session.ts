import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { type Command, InvalidArgumentError } from 'commander'
import { type Client, createClient, mediaBase } from '../client/client.ts'
import { messageOf, usageError } from './errors.ts'
import { createOutput, type Output, type OutputOptions, type Stream } from './output.ts'

/** The standard streams and the environment: usually `process`. */
export interface Io {
  stdin: Readable
  stdout: Stream
  stderr: Stream
  env: NodeJS.ProcessEnv
}

/** What every command works with. */
export interface Session {
  client: Client
  output: Output
  io: Io
  /** The media base. */
  url: string
  hasToken: boolean
}

interface GlobalOptions extends OutputOptions {
  url?: string
  tokenFile?: string
}

/** Adds the options of every command. */
export function addGlobalOptions(program: Command): Command {
  return program
    .option('--url <url>', "the Worker's media base, MEDIA_PATH included (or FALLBACK_STORAGE_URL)")
    .option(
      '--token-file <file>',
      'file that holds the token (or the token itself in FALLBACK_STORAGE_TOKEN)',
    )
    .option('--json', 'answer in JSON: one document, or one per line for lists')
    .option('-q, --quiet', 'no progress and no notes')
}

/** Makes the action of a command from a function of the session and the command's arguments and options. */
export type WithSession = <Args extends unknown[]>(
  run: (session: Session, ...args: Args) => Promise<void>,
) => (...args: [...Args, Command]) => Promise<void>

export function createWithSession(io: Io): WithSession {
  return (run) =>
    async (...args) => {
      const command = args.pop() as Command
      await run(createSession(command.optsWithGlobals(), io), ...(args as never))
    }
}

function createSession(options: GlobalOptions, io: Io): Session {
  const url = options.url ?? io.env['FALLBACK_STORAGE_URL'] ?? ''
  if (url === '') {
    throw usageError('which Worker? Give --url or set FALLBACK_STORAGE_URL, e.g. https://media.example.com/')
  }
  const { tokenFile: file } = options
  const token = (file === undefined ? io.env['FALLBACK_STORAGE_TOKEN'] : readToken(file))?.trim() ?? ''
  if (!/^[!-~]*$/.test(token))
    throw usageError('the token contains characters that are not allowed in a header')
  return {
    client: createClient({ url, ...(token !== '' && { token }) }),
    output: createOutput(options, io),
    io,
    url: mediaBase(url),
    hasToken: token !== '',
  }
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`--token-file: ${messageOf(error)}`)
  }
}

/** An option's value as a whole number of at least 1. */
export function wholeNumber(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value))
    throw new InvalidArgumentError('It must be a whole number of at least 1.')
  return Number(value)
}

/** The values of an option that may be given several times. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}
