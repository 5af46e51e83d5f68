import { createServer, type Server } from 'node:http'
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { escaped } from '../../src/cli/output.ts'
import { createProgress } from '../../src/cli/progress.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { createCli, createFakeTerminal, createTerminal, records } from './run.ts'

/** Clears the screen, sets the title, reverses the writing direction, ends the line. Any server can send this. */
const ODD = 'a\\b\u001b[2J\u001b]0;t\u0007\u009b31m\u202e\r\nz'
const SHOWN = String.raw`a\\b\x1b[2J\x1b]0;t\x07\x9b31m\u202e\r\nz`
/** Everything but a line feed that moves a terminal's cursor or changes what it shows. */
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROLS = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/
// oxlint-disable-next-line no-control-regex -- the command's own colours
const COLOURS = /\u001b\[\d+m/g
const DATE = '2026-11-23T06:59:47.000Z'

const COUNTS = { listed: 1, copied: 0, present: 0, skipped: 0, skipped_by: {}, failed: 1, bytes: 0 }
const WAITING = { backend: ODD, error: ODD, detail: ODD, until: DATE }
const JOB = {
  ...COUNTS,
  id: ODD,
  state: 'completed',
  rate: 0,
  started: DATE,
  updated: DATE,
  finished: DATE,
  prefix: ODD,
  dry_run: false,
  waiting: WAITING,
  backends: { [ODD]: COUNTS, other: COUNTS },
}
const PROBLEM = {
  title: ODD,
  status: 502,
  detail: ODD,
  backends: [{ name: ODD, error: ODD, detail: ODD }],
}
const FINDING = { name: ODD, type: ODD, accepts: true, result: 'hit', latency_ms: 1, etag: ODD, detail: ODD }

const ANSWERS: Record<string, object> = {
  list: {
    objects: [{ name: ODD, size: 1, modified_time: DATE, backend: ODD }],
    directories: [`${ODD}/`],
    cursor: null,
    degraded: [ODD],
    backends: PROBLEM.backends,
  },
  explain: {
    name: ODD,
    would_serve: ODD,
    tombstone: { backend: ODD, deleted_time: DATE },
    migration: { state: ODD, target: ODD, reason: ODD, last_copy: { outcome: ODD, time: DATE, reason: ODD } },
    backends: [FINDING, { ...FINDING, result: ODD }],
  },
  backends: {
    backends: [{ name: ODD, type: ODD, role: 'primary', writable: true, methods: [], config: null }],
    migration: true,
    deletes: ODD,
  },
  tombstones: { tombstones: [{ name: ODD, deleted_time: DATE }], cursor: null },
  purge: { purged: 1, kept: 0, names: [ODD], cursor: null },
  undelete: { name: ODD, restored: true, backend: ODD },
  prior_versions: {
    name: ODD,
    versions: [{ time: ODD, reason: ODD, backend: ODD, size: 1, etag: ODD, modified_time: DATE }],
  },
  restore: { name: ODD, restored_time: DATE, size: 1 },
  backfills: { backfills: [JOB] },
  job: JOB,
  failures: {
    failures: [{ name: ODD, backend: ODD, error: ODD, detail: ODD, attempts: 1 }],
    cursor: null,
  },
  get_valid_name: { name: ODD, valid_name: ODD },
  health: { status: 'ok' },
}

let server: Server
let url: string

beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://worker')
    const answer = ANSWERS[routeOf(pathname)]
    response.writeHead(answer ? 200 : 502, {
      'Content-Type': answer ? 'application/json' : 'application/problem+json',
    })
    response.end(JSON.stringify(answer ?? PROBLEM))
  })
  url = await listen(server)
})

afterAll(() => close(server))

function routeOf(pathname: string): string {
  const [, , , route = 'health', id, part] = pathname.split('/')
  if (route === 'tombstones') return id === 'purge' ? 'purge' : route
  if (route === 'backfills' && id !== undefined) return part === 'failures' ? part : 'job'
  return pathname.startsWith('/-/') ? route : 'media'
}

describe('on a terminal, control characters are escaped', () => {
  it.each([
    { args: ['ls'] },
    { args: ['ls', '-l'] },
    { args: ['explain', 'x'] },
    { args: ['tombstones', 'ls'] },
    { args: ['tombstones', 'purge'] },
    { args: ['undelete', ODD] },
    { args: ['versions', ODD] },
    { args: ['restore', ODD] },
    { args: ['backfill', 'status'] },
    { args: ['backfill', 'status', 'x'] },
    { args: ['backfill', 'failures', 'x'] },
    { args: ['doctor'] },
    // Errors: of the Worker, of the client, of the command line.
    { args: ['get', ODD, '-'] },
    { args: ['rm', ODD] },
    { args: ['put', ODD] },
    { args: ['ls', `--${ODD}`] },
    { args: ['ls', '--json'] },
  ])('by $args', async ({ args }) => {
    const shown = await createFakeTerminal(url)(args)
    expect(shown.replaceAll(COLOURS, '')).not.toMatch(CONTROLS)
    if (!args.includes('--json')) expect(shown).toContain(SHOWN)
  })

  it('each entry stays on its own line, with aligned columns', async () => {
    const shown = await createTerminal(url)(['backfill', 'failures', 'x'], { NO_COLOR: '1' })
    expect(shown).toBe(`${SHOWN}  ${SHOWN}  ${SHOWN}  1 attempt  ${SHOWN}\r\n`)
  })

  it('its own colours still work', async () => {
    expect(await createTerminal(url)(['ls'])).toContain(`\u001b[34m${SHOWN}/\u001b[39m`)
  })

  it('in the label and note of a progress bar, too', () => {
    const stream = new PassThrough({ encoding: 'utf8' })
    let now = 0
    const progress = createProgress(
      { label: ODD, show: String, now: () => now },
      { quiet: false, stderr: stream },
    )
    now = 6_000
    progress.update({ value: 1, note: ODD })
    expect(stream.read()).toBe(`${SHOWN}: 1, ${SHOWN}\n`)
  })
})

it('escaping is reversible', () => {
  const read = (text: string) =>
    text.replaceAll(/\\(?:x(..)|u(....)|(.))/g, (_, x?: string, u?: string, letter = '') =>
      x || u ? String.fromCharCode(parseInt(x ?? u ?? '', 16)) : (LETTERS[letter] ?? letter),
    )
  fc.assert(
    fc.property(
      fc.string({ unit: fc.oneof(fc.constantFrom(...ODD.split(''), 'n', 'x', 'u'), fc.string()) }),
      (text) => {
        expect(escaped(text)).not.toMatch(CONTROLS)
        expect(read(escaped(text))).toBe(text)
      },
    ),
  )
})

const LETTERS: Record<string, string> = { n: '\n', r: '\r', t: '\t' }

describe('in a pipe', () => {
  it('names are exact', async () => {
    const { stdout } = await createCli(url)(['ls'])
    expect(stdout).toBe(`${ODD}\n${ODD}/\n`)
  })

  it('JSON is exact', async () => {
    const ran = await createCli(url)(['ls', '--json'])
    expect(records(ran)).toMatchObject([{ name: ODD }, { directory: `${ODD}/` }])
    expect(records({ ...ran, stdout: ran.stderr })).toEqual([
      { warning: `${ODD} failed, so the listing is not complete: ${ODD}: ${ODD}` },
    ])
  })

  it('errors are escaped as well, because logs are read on terminals', async () => {
    const { stderr } = await createCli(url)(['rm', 'x'])
    // A detail may have several lines.
    const detail = SHOWN.replace(String.raw`\n`, '\n  ')
    expect(stderr).toBe(`error: ${SHOWN}: ${detail}\n  ${SHOWN}: ${SHOWN}: ${SHOWN}\n`)
  })
})
