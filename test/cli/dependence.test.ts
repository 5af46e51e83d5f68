import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Dependence } from '../../src/client/client.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { createCli, type Cli, records } from './run.ts'

const AT = '2026-03-10T17:23:41.250Z'
const NONE = { hour: 0, day: 0, week: 0 }
const NOTHING: Dependence = {
  counted_since: null,
  reads: NONE,
  fallbacks: [
    {
      name: 'legacy',
      role: 'fallback',
      reads: NONE,
      share: null,
      last_read: null,
      quiet_days: null,
      prefixes: [],
    },
  ],
  shadow_percent: 0,
  shadowed: 0,
  mismatched: 0,
  mismatches: [],
}
const COUNTED: Dependence = {
  counted_since: '2026-02-01T00:00:00.000Z',
  reads: { hour: 512, day: 12_345, week: 80_000 },
  fallbacks: [
    {
      name: 'legacy',
      role: 'fallback',
      reads: { hour: 0, day: 2, week: 12 },
      share: 2 / 12_345,
      last_read: { at: AT, name: 'photos/a.jpg' },
      quiet_days: 0,
      prefixes: [
        { prefix: 'photos/', reads: 9, last_read: AT },
        { prefix: '', reads: 2, last_read: AT },
        { prefix: '…', reads: 1, last_read: AT },
      ],
    },
    { name: 'copy', role: 'mirror', reads: NONE, share: 0, last_read: null, quiet_days: 37, prefixes: [] },
  ],
  shadow_percent: 1,
  shadowed: 820,
  mismatched: 1,
  mismatches: [{ name: 'photos/b.jpg', backend: 'legacy', detail: 'another size', at: AT }],
}

let answer = NOTHING
let server: Server
let cli: Cli

beforeAll(async () => {
  server = createServer((_, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify(answer))
  })
  cli = createCli(await listen(server), 'token')
})
afterAll(() => close(server))

it('shows who still needs the fallbacks, and what shadow reads found', async () => {
  answer = COUNTED
  expect((await cli(['dependence'])).stdout).toBe(`\
backend        hour     day    week   share  last read (UTC)      quiet days
legacy            0       2      12  <0.1 %  2026-03-10 17:23:41           0
copy (mirror)     0       0       0   0.0 %  -                            37
all reads       512  12,345  80,000
counted since 2026-02-01 00:00:00

backend  prefix    week  last read (UTC)
legacy   photos/      9  2026-03-10 17:23:41
legacy   (root)       2  2026-03-10 17:23:41
legacy   (others)     1  2026-03-10 17:23:41

shadow reads of the last week: 820 compared, 1 differed
  2026-03-10 17:23:41  legacy  photos/b.jpg  another size
`)
  expect(records(await cli(['dependence', '--json']))).toEqual([COUNTED])
})

it('says that nothing was counted yet', async () => {
  answer = NOTHING
  expect(await cli(['dependence'])).toMatchObject({ code: 0, stdout: 'nothing was counted yet\n' })
})
