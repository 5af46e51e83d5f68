import { type Command, InvalidArgumentError } from 'commander'
import { CommandError, EXIT } from '../errors.ts'
import { bytes, type Lines, type Output, styled, type Text } from '../output.ts'
import { collect, type Io, type Local, withLocal, type WithSession } from '../session.ts'
import { type Entry, entriesOf, type EntryFilter, matches } from '../tail/entries.ts'
import { readEvents } from '../tail/read-events.ts'
import { createFilter } from '../transfer/filter.ts'
import { runWrangler } from '../wrangler.ts'

interface TailOptions {
  status?: string
  name?: string[]
  backend?: string
  errors?: boolean
  env?: string
  config?: string
}

export function addTail(program: Command, _: WithSession, io: Io): void {
  program
    .command('tail')
    .summary('show the live log of a deployed Worker')
    .description(
      'Shows what a deployed Worker logs from now on, by `wrangler tail`: every write, copy and failure, and some of\n' +
        'the reads (FALLBACK_LOG_READS_PER_SECOND). Needs the permission to tail the Worker in its Cloudflare account.',
    )
    .argument('[worker]', "the Worker's name. Default: the one of wrangler.toml")
    .option('--status <status>', 'only requests with this status: 404, or 5xx', statusPattern)
    .option('--name <pattern>', 'only these names: *.jpg, photos/**; may be repeated', collect)
    .option('--backend <backend>', 'only what this backend served or was tried for')
    .option('--errors', 'only warnings and errors')
    .option('-e, --env <name>', 'an environment of the configuration file')
    .option('-c, --config <file>', 'the configuration file')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage tail
  fallback-storage tail --env staging --errors
  fallback-storage tail --backend legacy --name 'photos/**'
  fallback-storage tail my-media --json | jq 'select(.duration > 1000)'`,
    )
    .action(withLocal(io, tail))
}

async function tail({ output }: Local, worker: string | undefined, options: TailOptions): Promise<void> {
  const { name: include, env, config, ...rest } = options
  const filter: EntryFilter = { ...rest, ...(include && { name: createFilter({ include }) }) }
  const args = [
    'tail',
    ...(worker === undefined ? [] : [worker]),
    '--format=json',
    ...(env === undefined ? [] : [`--env=${env}`]),
    ...(config === undefined ? [] : [`--config=${config}`]),
  ]
  const code = await runWrangler(args, {
    async readOutput(stream) {
      for await (const event of readEvents(stream, output.note)) {
        // Cloudflare says so if it leaves out events because there are too many.
        if (event.event?.message !== undefined) output.warn(event.event.message)
        for (const entry of entriesOf(event)) if (matches(entry, filter)) show(output, entry)
      }
    },
  })
  if (code === EXIT.interrupted) throw new CommandError(EXIT.interrupted)
  if (code !== 0) throw new CommandError(EXIT.failed, `wrangler tail ended with exit code ${code}`)
}

function show(output: Output, entry: Entry): void {
  output.list([entry], () => linesOf(entry))
}

const STYLES = { warn: 'yellow', error: 'red' } as const

/** One line, and the stack of an error. */
function linesOf({ time, level, event, stack, ...fields }: Entry): Lines {
  const text = event === 'request' ? requestText(fields) : [event, ...pairs(fields)].join('  ')
  const line: Text = [
    styled('dim', time.slice(11, 19)),
    '  ',
    level === 'info' ? text : styled(STYLES[level], text),
  ]
  return [
    line,
    ...(typeof stack === 'string' ? stack.split('\n').map((part) => `          ${part.trim()}`) : []),
  ]
}

/** `GET 200 fallback legacy 44.1 ms 30.6 KiB photos/harbour.jpg`, and what was tried if it failed. */
function requestText(fields: Record<string, unknown>): string {
  const {
    method,
    name,
    operation,
    status,
    outcome,
    backend,
    attempts,
    bytes: size,
    duration,
    ...rest
  } = fields
  const { route, stored, ...unusual } = rest
  const isFailure = typeof status === 'number' && status >= 500
  return [
    String(method).padEnd(6),
    status,
    String(outcome).padEnd(8),
    backend ?? '-',
    `${String(duration)} ms`,
    typeof size === 'number' && bytes(size),
    name ?? operation ?? `(${String(route)})`,
    stored === true && 'copying',
    ...(isFailure && Array.isArray(attempts) ? attempts : []),
    ...pairs(unusual),
  ]
    .filter((part) => part !== false && part !== undefined)
    .join('  ')
}

function pairs(fields: Record<string, unknown>): string[] {
  return Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
}

function statusPattern(value: string): string {
  if (!/^[1-5](?:\d\d|xx)$/.test(value))
    throw new InvalidArgumentError('It must be a status like 404 or 5xx.')
  return value
}
