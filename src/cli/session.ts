import { readFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { type Client, createClient, mediaBase } from '../client/client.ts'
import { usageError } from './errors.ts'
import { createOutput, type Output } from './output.ts'

/** What every command works with. */
export interface Session {
  client: Client
  output: Output
  /** The media base. */
  url: string
  /** Sent with every request. */
  headers: Record<string, string>
}

export interface GlobalOptions {
  url?: string
  tokenFile?: string
  json?: boolean
  quiet?: boolean
}

/** Adds the options that every command takes. */
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

/** The session of the command that is being run. Nothing is sent yet. */
export function sessionOf(command: Command): Session {
  const options = command.optsWithGlobals<GlobalOptions>()
  const url = options.url ?? process.env['FALLBACK_STORAGE_URL'] ?? ''
  if (url === '') {
    throw usageError('which Worker? Give --url or set FALLBACK_STORAGE_URL, e.g. https://media.example.com/')
  }
  const token = tokenFrom(options.tokenFile)
  return {
    client: createClient({ url, ...(token !== undefined && { token }) }),
    output: createOutput(options),
    url: mediaBase(url),
    headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
  }
}

function tokenFrom(file: string | undefined): string | undefined {
  const token = (file === undefined ? process.env['FALLBACK_STORAGE_TOKEN'] : readToken(file))?.trim()
  if (token === undefined || token === '') return undefined
  if (!/^[!-~]+$/.test(token))
    throw usageError('the token contains characters that are not allowed in a header')
  return token
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`--token-file: ${error instanceof Error ? error.message : String(error)}`)
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

/** Every page of a list, the first one without a cursor. */
export async function* pages<Page extends { cursor: string | null }>(
  read: (query: { cursor?: string }) => Promise<Page>,
): AsyncGenerator<Page> {
  let cursor: string | null = null
  do {
    const page: Page = await read(cursor === null ? {} : { cursor })
    yield page
    cursor = page.cursor
  } while (cursor !== null)
}
