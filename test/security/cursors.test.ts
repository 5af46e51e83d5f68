import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { send } from '../kit/servers/raw-http.ts'
import { TOKEN } from '../kit/worker/site.ts'
import { type Attack, AUTHORIZED, itWithstands, R2, startTarget, type Target } from './attack.ts'

const TEAM_TOKEN = 'token-of-the-team'
const API_TOKENS = JSON.stringify([{ name: 'team', token: TEAM_TOKEN, scopes: ['admin'], prefix: 'team/' }])
const TEAM = ['Authorization', `Bearer ${TEAM_TOKEN}`] as const
const STORAGES = [R2, { type: 'kv', binding: 'MEDIA_KV', read_only: true }]
const OBJECTS = {
  'other/a': '1',
  'other/b': '2',
  'team/a': '3',
  'team/b': '4',
  'team/c/d': '5',
  'team/e': '6',
}

let target: Target
/** The same chain with another token, and with another backend. */
let stranger: Target
let changed: Target
const cursors: Record<string, string> = {}

beforeAll(async () => {
  ;[target, stranger, changed] = await Promise.all([
    startTarget({ storages: STORAGES, vars: { API_TOKENS } }, OBJECTS),
    startTarget({ storages: STORAGES }, OBJECTS),
    startTarget({ storages: [{ ...R2, name: 'renamed' }], vars: { API_TOKENS } }, OBJECTS),
  ])
  for (const name of ['x', 'y', 'z'])
    await send(target.url, { method: 'DELETE', target: `/${name}`, headers: [AUTHORIZED] })
  cursors['list/'] = await cursorOf(target, '/-/api/list/?limit=1')
  cursors['list/team/'] = await cursorOf(target, '/-/api/list/team/?limit=1')
  cursors['list/team/?delimiter=/'] = await cursorOf(target, '/-/api/list/team/?limit=1&delimiter=/')
  cursors['listdir/team'] = await cursorOf(target, '/-/api/listdir/team?limit=1')
  cursors['tombstones'] = await cursorOf(target, '/-/api/tombstones?limit=1')
  cursors['a stranger’s list/'] = await cursorOf(stranger, '/-/api/list/?limit=1')
  cursors['another chain’s list/'] = await cursorOf(changed, '/-/api/list/?limit=1')
})
afterAll(() => Promise.all([target.close(), stranger.close(), changed.close()]))

async function cursorOf({ url }: Target, path: string): Promise<string> {
  const { body } = await send(url, { target: path, headers: [AUTHORIZED] })
  const { cursor } = JSON.parse(body) as { cursor: unknown }
  if (typeof cursor !== 'string') throw new Error(`no cursor: ${body}`)
  return cursor
}

async function listWith(path: string, cursor: string, token: readonly [string, string] = AUTHORIZED) {
  const separator = path.includes('?') ? '&' : '?'
  const response = await send(target.url, {
    target: `/-/api/${path}${separator}cursor=${encodeURIComponent(cursor)}`,
    headers: [token],
  })
  return { status: response.status, body: JSON.parse(response.body) as Record<string, unknown> }
}

const LISTINGS = ['list/', 'list/team/', 'list/team/?delimiter=/', 'listdir/team', 'tombstones']
const FOREIGN = ['a stranger’s list/', 'another chain’s list/']
/** Of the same prefix, delimiter and backends: the position means the same in both. */
const SAME = ['list/team/?delimiter=/', 'listdir/team']
const pairs = LISTINGS.flatMap((listing) =>
  [...LISTINGS, ...FOREIGN]
    .filter((from) => from !== listing && !(SAME.includes(from) && SAME.includes(listing)))
    .map((from) => [listing, from] as const),
)

it.each(pairs)('%s refuses the cursor of %s', async (listing, from) => {
  const { status, body } = await listWith(listing, cursors[from] ?? '')
  expect(body).toMatchObject({ status: 400, detail: expect.stringContaining('cursor') })
  expect(status).toBe(400)
})

it.each(LISTINGS)('%s goes on with its own cursor, however often', async (listing) => {
  const first = await listWith(listing, cursors[listing] ?? '')
  expect(first.status).toBe(200)
  expect(await listWith(listing, cursors[listing] ?? '')).toEqual(first)
})

describe('a cursor that leads outside a token’s prefix', () => {
  it.each(['list/', 'tombstones', ...FOREIGN])('is refused below it: that of %s', async (from) => {
    expect((await listWith('list/team/', cursors[from] ?? '', TEAM)).status).toBe(400)
  })

  it.each(['list/', 'tombstones', 'listdir/'])('does not open %s', async (listing) => {
    expect((await listWith(listing, cursors['list/team/'] ?? '', TEAM)).status).toBe(403)
  })

  it('goes on below it where it is that of the same listing', async () => {
    const { status, body } = await listWith('list/team/', cursors['list/team/'] ?? '', TEAM)
    expect(status).toBe(200)
    expect(JSON.stringify(body)).not.toContain('other/')
  })
})

describe('a purge', () => {
  it.each(['list/', 'list/team/', ...FOREIGN])('purges nothing with the cursor of %s', async (from) => {
    const before = await target.snapshot()
    const { status } = await send(target.url, {
      method: 'POST',
      target: '/-/api/tombstones/purge',
      headers: [AUTHORIZED],
      body: JSON.stringify({ cursor: cursors[from] }),
    })
    expect(status).toBe(400)
    expect(await target.snapshot()).toEqual(before)
  })
})

/** Ways to change a cursor of which each byte counts. */
const CHANGES: [string, (cursor: string) => string][] = [
  ['without its first byte', (cursor) => cursor.slice(4)],
  ['without its last byte', (cursor) => cursor.slice(0, -2)],
  ['of half its length', (cursor) => cursor.slice(0, cursor.length / 2)],
  ['of its signature only', (cursor) => cursor.slice(0, 43)],
  ['with more behind it', (cursor) => `${cursor}AAAA`],
  ['with more before it', (cursor) => `AAAA${cursor}`],
  ['twice', (cursor) => cursor + cursor],
  ['in lower case', (cursor) => cursor.toLowerCase()],
  ['reversed', (cursor) => cursor.split('').toReversed().join('')],
  ['with a space', (cursor) => `${cursor.slice(0, 20)} ${cursor.slice(20)}x`],
  ['with a NUL', (cursor) => `${cursor}\0`],
  [
    'with the signature of another',
    (cursor) => (cursors['tombstones'] ?? '').slice(0, 40) + cursor.slice(40),
  ],
  ['with another prefix', (cursor) => forged(cursor, (json) => json.replaceAll('team/', 'othe/'))],
  ['with another position', (cursor) => forged(cursor, (json) => json.replace('team/a', 'team/0'))],
  ['that is not signed', (cursor) => encode(bytesOf(cursor).subarray(32))],
  [
    'that is signed with zeros',
    (cursor) => encode(Buffer.concat([Buffer.alloc(32), bytesOf(cursor).subarray(32)])),
  ],
  ['that is a name', () => 'team/a'],
  ['that is JSON', () => '{"last":"team/a","positions":[]}'],
  ['that is JSON in base64', () => encode(Buffer.from('{"last":"team/a","positions":[]}'))],
  ['that is the token', () => TOKEN],
  ['that is empty', () => ''],
  ['that is __proto__', () => '__proto__'],
  ['that is null', () => 'null'],
  ['of 32 zeros', () => encode(Buffer.alloc(32))],
  ['of one byte', () => 'AA'],
]

function bytesOf(cursor: string): Buffer {
  return Buffer.from(cursor, 'base64url')
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64url')
}

function forged(cursor: string, change: (json: string) => string): string {
  const bytes = bytesOf(cursor)
  const json = bytes.subarray(32).toString()
  expect(change(json)).not.toBe(json)
  return encode(Buffer.concat([bytes.subarray(0, 32), Buffer.from(change(json))]))
}

it.each(CHANGES)('a cursor %s is refused', async (_, change) => {
  const { status, body } = await listWith('list/team/', change(cursors['list/team/'] ?? ''))
  expect(body).toMatchObject({ status: 400 })
  expect(status).toBe(400)
})

it('any bit of a cursor counts', async () => {
  const bytes = bytesOf(cursors['list/team/'] ?? '')
  for (let at = 0; at < bytes.length; at += 5) {
    const flipped = Buffer.from(bytes)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8))
    expect((await listWith('list/team/', encode(flipped))).status).toBe(400)
  }
})

describe('the position in a job’s failures', () => {
  const positions = [
    '-1',
    '1.5',
    '0x10',
    '1e3',
    '9999999999999999',
    '٣',
    ' 1',
    '1;',
    "1' OR '1'='1",
    'null',
    '',
    '[]',
  ]
  itWithstands(
    () => target,
    [
      'backfills/01hzzzzzzzzzzzzzzzzzzzzzzz/failures',
      'verifications/01hzzzzzzzzzzzzzzzzzzzzzzz/differences',
    ].flatMap((path) =>
      positions.map((position): Attack => ({
        name: `${position} of ${path}`,
        sends: { target: `/-/api/${path}?cursor=${encodeURIComponent(position)}`, headers: [AUTHORIZED] },
        status: 400,
      })),
    ),
  )
})
