import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startLegacyOrigin, type LegacyOrigin } from '../../demo/legacy-origin.ts'
import { startWorker, type RunningWorker } from '../../demo/worker.ts'
import type { Check } from '../../src/cli/doctor.ts'
import { createCli, type Ran } from './run.ts'

const TOKEN = 'open-sesame'

let folder: string
let origin: LegacyOrigin

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-doctor-'))
  origin = await startLegacyOrigin()
})

afterAll(async () => {
  await origin?.close()
  if (folder) await rm(folder, { recursive: true, force: true })
})

function diagnosis({ stdout }: Ran): { ok: boolean; checks: Record<string, Check> } {
  const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: Check[] }
  return { ok, checks: Object.fromEntries(checks.map((check) => [check.name, check])) }
}

describe('a deployment whose origins are ill', () => {
  let worker: RunningWorker

  beforeAll(async () => {
    const storages = [
      { type: 'r2', binding: 'MEDIA' },
      { type: 'http', name: 'well', url: origin.url },
      { type: 'http', name: 'gone', url: 'http://127.0.0.1:1023/', listing: 'autoindex-json' },
      {
        type: 's3',
        name: 'locked',
        endpoint: `${origin.url}denied/`,
        bucket: 'b',
        credentials: 'LEGACY',
        absent_statuses: [410],
      },
    ]
    const vars = {
      FALLBACK_STORAGES: JSON.stringify(storages),
      FALLBACK_DATA_MIGRATION: 'true',
      MEDIA_PATH: '/media/',
      MEDIA_URL: 'http://127.0.0.1:1023/media/',
      API_TOKEN: TOKEN,
      LEGACY_ACCESS_KEY_ID: 'id',
      LEGACY_SECRET_ACCESS_KEY: 'very-secret',
    }
    worker = await startWorker({ vars, persistTo: folder })
  })

  afterAll(() => worker?.stop())

  it('is told backend by backend, with what to mend', async () => {
    const ran = await createCli(`${worker.url}media/`, TOKEN)(['doctor', '--json'])
    const { ok, checks } = diagnosis(ran)
    expect({ ok, code: ran.code }).toEqual({ ok: false, code: 1 })
    expect(checks['media']).toMatchObject({ status: 'ok' })
    expect((JSON.parse(ran.stdout) as { checks: Check[] }).checks).toContainEqual({
      name: 'gone',
      status: 'warning',
      detail: expect.stringContaining('has the host of MEDIA_URL (127.0.0.1:1023)'),
    })
    expect(checks['well']).toMatchObject({ status: 'ok' })
    expect(checks['gone']).toMatchObject({
      status: 'failed',
      mend: expect.stringContaining('http://127.0.0.1:1023/'),
    })
    expect(checks['locked']).toMatchObject({ status: 'failed' })
    expect(ran.stdout).not.toContain('very-secret')
  })

  it('asks each backend once, and only for what nobody has', async () => {
    origin.requests.length = 0
    await createCli(`${worker.url}media`, TOKEN)(['doctor'])
    const asked = origin.requests.filter((request) => !request.includes('denied'))
    expect(asked).toEqual([expect.stringMatching(/^HEAD \/fallback-storage-doctor-[\w-]+$/)])
  })

  it('lists what it can, and ends with 1 since that is not all', async () => {
    const cli = createCli(`${worker.url}media/`, TOKEN)
    await cli(['put', '-', 'there.txt'], { stdin: 'x' })
    const { code, stdout, stderr } = await cli(['ls'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: 'there.txt\n' })
    expect(stderr).toContain('warning: gone failed, so the listing is not complete: ')
    expect(stderr).toContain('well cannot list: what only it holds is not shown\n')
  })

  it('says that MEDIA_PATH is missing from the URL', async () => {
    const { code, stdout } = await createCli(worker.url, TOKEN)(['doctor'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^✗ worker .+\n {17}→ .+MEDIA_PATH included/)
  })

  it.each([
    { token: undefined, says: "set FALLBACK_STORAGE_TOKEN, or --token-file, to the Worker's API_TOKEN" },
    { token: 'wrong', says: "FALLBACK_STORAGE_TOKEN is not the Worker's API_TOKEN" },
  ])('says what is wrong with the token $token', async ({ token, says }) => {
    const { code, stdout } = await createCli(`${worker.url}media/`, token)(['doctor'])
    expect(code).toBe(1)
    expect(stdout).toContain(says)
  })
})

it.each([
  {
    what: 'a configuration that is wrong',
    vars: { FALLBACK_STORAGES: '[{"type":"r2","binding":"MEDAI"}]', API_TOKEN: TOKEN },
    says: /^✗ configuration .*\n {17}.*`MEDAI`.*did you mean `MEDIA`/m,
  },
  {
    what: 'a Worker without a token',
    vars: { FALLBACK_STORAGES: '[{"type":"r2","binding":"MEDIA"}]' },
    says: /^✗ token .*\n.*→ npx wrangler secret put API_TOKEN$/m,
  },
])('tells $what', async ({ vars, says }) => {
  const worker = await startWorker({ vars, persistTo: folder })
  try {
    const { code, stdout } = await createCli(worker.url, TOKEN)(['doctor'])
    expect(stdout).toMatch(says)
    expect(code).toBe(1)
  } finally {
    await worker.stop()
  }
})
