import type { Readable } from 'node:stream'
import { type Command, InvalidArgumentError } from 'commander'
import { type Client, createClient, mediaBase } from '../client/client.ts'
import { type DeploymentOptions, findDeployment } from './deployment-options.ts'
import { fetchStored } from './fetch-stored.ts'
import { heedingRetryAfter } from './retries.ts'
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

export type GlobalOptions = OutputOptions & DeploymentOptions

/** Adds the options of every command. */
export function addGlobalOptions(program: Command): Command {
  return program
    .option('--url <url>', "the Worker's media base, MEDIA_PATH included (or FALLBACK_STORAGE_URL)")
    .option(
      '--token-file <file>',
      'file that holds the token (or the token itself in FALLBACK_STORAGE_TOKEN)',
    )
    .option('--profile <profile>', 'the deployment of this profile (or FALLBACK_STORAGE_PROFILE)')
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

/** What a command works with that needs no deployment, or finds its own. */
export interface Local {
  output: Output
  io: Io
  globals: GlobalOptions
}

/** The same as WithSession for commands that need no deployment, or find their own. */
export function withLocal<Args extends unknown[]>(
  io: Io,
  run: (local: Local, ...args: Args) => Promise<void> | void,
): (...args: [...Args, Command]) => Promise<void> {
  return async (...args) => {
    const globals: GlobalOptions = (args.pop() as Command).optsWithGlobals()
    await run({ output: createOutput(globals, io), io, globals }, ...(args as never))
  }
}

/** A session with the deployment that the options name. */
export function createSession(options: GlobalOptions, io: Io): Session {
  const { url, token } = findDeployment(options, io.env)
  const output = createOutput(options, io)
  const fetch = heedingRetryAfter(fetchStored, output.note)
  return {
    client: createClient({ url, fetch, ...(token !== '' && { token }) }),
    output,
    io,
    url: mediaBase(url),
    hasToken: token !== '',
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
