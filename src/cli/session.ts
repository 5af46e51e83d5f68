import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { type Client, createClient, mediaBase } from '../client/client.ts'
import { usageError } from './exit.ts'
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
