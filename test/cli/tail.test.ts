import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import { type Ran, createCli, records, type RunOptions } from './run.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-tail-'))
  return () => rm(folder, { recursive: true })
})

const AT = Date.parse('2026-11-25T09:53:41.107Z')
const REQUEST = {
  event: 'request',
  method: 'GET',
  name: 'photos/harbour.jpg',
  route: 'media',
  status: 200,
  outcome: 'fallback',
  backend: 'legacy',
  bytes: 31364,
  stored: true,
  duration: 44.1,
  attempts: ['media=absent', 'legacy=hit'],
}
const FAILED = {
  event: 'request',
  method: 'GET',
  name: 'video/a b.mp4',
  route: 'media',
  status: 502,
  outcome: 'failed',
  stored: false,
  duration: 10_001.5,
  attempts: ['media=absent', 'legacy=timeout (did not answer within 10000 ms)'],
}

/** In the shape in which Cloudflare documents events of Tail Workers, which `wrangler tail` prints, too. */
function invocation(logs: readonly { level: string; fields: unknown }[], rest: object = {}): object {
  return {
    scriptName: 'media',
    outcome: 'ok',
    eventTimestamp: AT,
    event: {
      request: {
        url: 'https://media.example.com/photos/harbour.jpg',
        method: 'GET',
        headers: { 'cf-ray': '57d55f210d7b95f3' },
        cf: { colo: 'SJC' },
      },
      response: { status: 200 },
    },
    logs: logs.map(({ level, fields }) => ({
      message: [typeof fields === 'string' ? fields : JSON.stringify(fields)],
      level,
      timestamp: AT,
    })),
    exceptions: [],
    diagnosticsChannelEvents: [],
    ...rest,
  }
}

const EVENTS = [
  invocation([
    { level: 'info', fields: REQUEST },
    { level: 'info', fields: { event: 'copy', name: 'photos/harbour.jpg', outcome: 'copied', bytes: 31364 } },
  ]),
  invocation([{ level: 'error', fields: FAILED }]),
  invocation(
    [{ level: 'warn', fields: { event: 'copy', name: 'x.jpg', outcome: 'failed', reason: 'corrupt' } }],
    {
      event: { queue: 'copies', batchSize: 1 },
    },
  ),
  invocation([{ level: 'log', fields: '{not JSON' }], { event: { cron: '*/5 * * * *', scheduledTime: AT } }),
  invocation([], { outcome: 'canceled' }),
  invocation([], { outcome: 'exceededCpu' }),
  invocation([], {
    outcome: 'exception',
    exceptions: [
      { name: 'TypeError', message: 'x is not a function', stack: '    at f (index.js:1:2)', timestamp: AT },
    ],
  }),
  { event: { type: 'overload', message: 'Tail is currently in sampling mode' }, logs: [], exceptions: [] },
]

interface Fake {
  events?: readonly object[]
  /** What it does after it has printed the events. */
  andThen?: string
  options?: RunOptions
}

/** Runs `tail` with a wrangler that prints these events, and writes down its arguments. */
async function tail(
  args: readonly string[],
  { events = EVENTS, andThen = '', options }: Fake = {},
): Promise<Ran> {
  const fake = join(folder, 'node_modules', 'wrangler')
  await mkdir(fake, { recursive: true })
  await writeFile(join(fake, 'package.json'), '{"name":"wrangler","main":"index.js"}')
  // Real wrangler indents; a single line must work as well.
  const text = events.map((event, index) => JSON.stringify(event, null, index % 2 === 0 ? 4 : 0)).join('\n')
  await writeFile(
    join(fake, 'index.js'),
    `require('node:fs').writeFileSync('arguments', JSON.stringify(process.argv.slice(2)))
    console.log(${JSON.stringify(text)})
    ${andThen}`,
  )
  return createCli('')(['tail', ...args], { cwd: folder, ...options })
}

it('shows requests, other events, exceptions and bad ends, a line each', async () => {
  const { code, stdout, stderr } = await tail([])
  expect(stdout.split('\n')).toEqual([
    '09:53:41  GET     200  fallback  legacy  44.1 ms  30.6 KiB  photos/harbour.jpg  copying',
    '09:53:41  copy  name=photos/harbour.jpg  outcome=copied  bytes=31364',
    '09:53:41  GET     502  failed    -  10001.5 ms  video/a b.mp4  media=absent  legacy=timeout (did not answer within 10000 ms)',
    '09:53:41  copy  name=x.jpg  outcome=failed  reason=corrupt',
    '09:53:41  log  message={not JSON',
    '09:53:41  outcome  outcome=exceededCpu  method=GET  url=https://media.example.com/photos/harbour.jpg',
    '09:53:41  exception  error=TypeError: x is not a function',
    '          at f (index.js:1:2)',
    '',
  ])
  expect(stderr).toBe('warning: Tail is currently in sampling mode\n')
  expect(code).toBe(0)
})

it('prints the fields of each line with --json', async () => {
  const [first, second, ...more] = records(await tail(['--json']))
  expect(first).toEqual({ time: '2026-11-25T09:53:41.107Z', level: 'info', ...REQUEST })
  expect(second).toMatchObject({ event: 'copy', level: 'info', outcome: 'copied' })
  expect(more.map(({ event, level }) => `${String(event)} ${String(level)}`)).toEqual([
    'request error',
    'copy warn',
    'log info',
    'outcome error',
    'exception error',
  ])
})

it.each([
  { args: ['--status', '502'], found: ['request'] },
  { args: ['--status', '2xx'], found: ['request'] },
  { args: ['--status', '404'], found: [] },
  { args: ['--name', '*.jpg'], found: ['request', 'copy', 'copy'] },
  { args: ['--name', 'photos/**', '--name', 'video/*'], found: ['request', 'copy', 'request'] },
  { args: ['--backend', 'legacy'], found: ['request', 'request'] },
  { args: ['--backend', 'legac'], found: [] },
  { args: ['--errors'], found: ['request', 'copy', 'outcome', 'exception'] },
  { args: ['--errors', '--backend', 'media'], found: ['request'] },
])('shows only what matches $args', async ({ args, found }) => {
  const ran = await tail([...args, '--json'])
  expect(records(ran).map(({ event }) => event)).toEqual(found)
  expect(ran.code).toBe(0)
})

it('tails the Worker, environment and configuration that are named', async () => {
  await tail(['my-media', '--env', 'staging', '-c', 'other.toml'])
  expect(JSON.parse(await readFile(join(folder, 'arguments'), 'utf8'))).toEqual([
    'tail',
    'my-media',
    '--format=json',
    '--env=staging',
    '--config=other.toml',
  ])
})

it('passes on what else wrangler prints, and fails if wrangler does', async () => {
  const { code, stderr } = await tail([], {
    events: [],
    andThen: `console.log('Not JSON'); console.log('{'); console.error('You are not logged in.'); process.exitCode = 1`,
    options: { spawned: true },
  })
  expect(stderr).toContain('Not JSON\n')
  expect(stderr).toContain('{\n')
  expect(stderr).toContain('You are not logged in.\n')
  expect(stderr).toContain('error: wrangler tail ended with exit code 1\n')
  expect(code).toBe(1)
})

it('lets wrangler end the session at Ctrl-C', async () => {
  const interrupt = new AbortController()
  const ran = tail([], {
    andThen: `process.on('SIGINT', () => { require('node:fs').writeFileSync('ended', ''); process.exit(130) })
      require('node:fs').writeFileSync('started', '')
      setInterval(() => {}, 1000)`,
    options: { signal: interrupt.signal },
  })
  await expect
    .poll(
      () =>
        readFile(join(folder, 'started')).then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    )
    .toBe(true)
  interrupt.abort()
  expect((await ran).code).toBe(130)
  await readFile(join(folder, 'ended'))
})

it('refuses a status that is none', async () => {
  const { code, stderr } = await tail(['--status', '2000'])
  expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('404 or 5xx') })
})
