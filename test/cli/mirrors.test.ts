import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Backfill, Mirror, Verification } from '../../src/client/client.ts'
import { eventually } from '../kit/eventually.ts'
import { useDeployment } from './deployment.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { createCli, records } from './run.ts'

const deployment = useDeployment({ fallbacks: [{ type: 'kv', binding: 'MEDIA_KV', mirror: true }] })
const cli = (...args: string[]) => deployment.cli(args)

async function mirror(): Promise<Mirror | undefined> {
  return records<Mirror>(await cli('mirrors', '--json'))[0]
}

/** Waits until the mirror has everything. */
function followed(): Promise<Mirror> {
  let last: Mirror | undefined
  const what = () => `the mirror is at ${JSON.stringify(last)}`
  return eventually(what, async () => {
    last = await mirror()
    return last?.pending === 0 ? last : null
  })
}

it('shows how far each mirror has followed the primary', async () => {
  await deployment.put('new/a.txt', 'a')
  await deployment.put('new/b.txt', 'b')
  await followed()
  expect(await mirror()).toMatchObject({ name: 'media_kv', failed: 0, last_resync: null })
  const { code, stdout } = await cli('mirrors')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^mirror +pending +oldest +failed +last resync\nmedia_kv +0 +- +0 +never\n$/)
})

it('makes a mirror equal to the primary, and shows the progress', async () => {
  await deployment.site.namespace.delete('new/a.txt')
  const unsafe = await cli('verify', '--rollback')
  expect(unsafe.code).toBe(3)
  expect(unsafe.stdout).toContain(
    'completed, not safe to roll back\n  because 1 object is missing from media_kv\n  next: Run a resync of the mirror, then verify again. Not right after a flip: ',
  )
  expect(unsafe.stdout).toMatch(/^missing {2}new\/a\.txt {2}media_kv does not hold it$/m)

  const { code, stdout, stderr } = await cli('mirrors', 'resync', 'media_kv', '--watch')
  expect(code, stderr).toBe(0)
  expect(stdout).toMatch(/^resync of media_kv \w{15}: completed, \d+ s, [\d.]+ objects\/s\n/)
  expect(stdout).toMatch(/^all +2 +1 +1 +0 +0 +1 B$/m)
  expect((await cli('backfill', 'status')).stdout).toContain('completed (resync of media_kv)')
  expect(await mirror()).toMatchObject({ last_resync: expect.stringMatching(/^\d{4}-/) })
  expect((await cli('mirrors')).stdout).toMatch(/^media_kv +0 +- +0 +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/m)
})

it('says that it is safe to roll back once nothing differs', async () => {
  const { code, stdout } = await cli('verify', '--rollback', '--mirror', 'media_kv')
  expect(stdout).toMatch(/^verification \w{15}: completed, safe to roll back\n/)
  expect(code).toBe(0)
  const report = join(deployment.folder, 'rollback.html')
  const ran = await cli('verify', '--rollback', '--report', report, '--json')
  expect(await readFile(report, 'utf8')).toContain('<strong>Safe to roll back</strong>')
  expect(records<Verification>(ran)).toMatchObject([
    { direction: 'rollback', equal: 2, safe_to_roll_back: true, safe_to_detach: false, differences: [] },
  ])
})

it('deletes from a mirror what was deleted, and that is safe, too', async () => {
  expect(await cli('rm', 'new/b.txt')).toMatchObject({ code: 0 })
  await followed()
  const ran = await cli('verify', '--rollback', '--json')
  expect(records<Verification>(ran)).toMatchObject([{ equal: 1, extra: 0, safe_to_roll_back: true }])
})

it('starts a resync without waiting', async () => {
  const started = await cli('mirrors', 'resync', 'media_kv', '--prefix', 'new/', '--json')
  expect(records<Backfill>(started)).toMatchObject([{ mirror: 'media_kv', prefix: 'new/', dry_run: false }])
})

it.each([
  {
    args: ['mirrors', 'resync', 'unknown'],
    code: 3,
    says: 'no backend is named "unknown" (mirrors: media_kv)',
  },
  { args: ['mirrors', 'resync', 'media'], code: 2, says: 'media is not a mirror (mirrors: media_kv)' },
  { args: ['verify', '--rollback', '--mirror', 'legacy'], code: 2, says: '"legacy" is not a mirror' },
  { args: ['verify', '--mirror', 'media_kv'], code: 2, says: '--mirror needs --rollback' },
])('refuses $args', async ({ args, code, says }) => {
  const ran = await cli(...args)
  expect(ran.stderr).toContain(says)
  expect(ran.code).toBe(code)
})

it('says which names a mirror has not followed, and why', async () => {
  const failing: Mirror = {
    name: 'legacy',
    pending: 3,
    failed: 1,
    oldest_pending_seconds: 1320,
    last_resync: null,
    skipped: 0,
    failures: [
      {
        name: 'a.jpg',
        error: 'denied',
        detail: 'the server responded with 403',
        attempts: 6,
        since: '2026-11-28T22:22:20.613Z',
      },
    ],
  }
  const server = createServer((_, response) => {
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ mirrors: [failing] }))
  })
  const stub = createCli(await listen(server), 'token')
  try {
    expect((await stub(['mirrors'])).stdout).toBe(`\
mirror  pending      oldest  failed  last resync
legacy        3  22 min 0 s       1  never

legacy  denied  a.jpg  the server responded with 403 (attempts: 6)
`)
  } finally {
    await close(server)
  }
})
